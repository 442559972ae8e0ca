"""The tables of README.md say what the code says."""

import re
from pathlib import Path

from inprofile.settings import OPTIONS, variable

README = Path(__file__).parent.parent / "README.md"


def between(name):
    found = re.search(
        rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", README.read_text(), re.DOTALL
    )
    assert found, f"README.md has no {name} markers"
    return found[1].strip().splitlines()


def shown(value):
    if value is None or value in ("", ()):
        return ""
    return f"`{str(value).lower() if isinstance(value, bool) else format(value, 'g')}`"


def settings_table():
    rows = ["| variable | default | takes | |", "| --- | --- | --- | --- |"]
    for name, option in OPTIONS.items():
        default = option.default if isinstance(option.default, str) else shown(option.default)
        if isinstance(option.default, str) and option.default:
            default = f"`{option.default}`"
        rule, doc = option.metadata["rule"], option.metadata["doc"]
        rows.append(f"| `{variable(name)}` | {default} | {rule.allowed} | {doc} |")
    return rows


def test_every_setting_stands_in_the_readme_as_it_is_declared():
    assert between("settings") == settings_table()


def test_the_overhead_table_has_been_measured():
    assert any("on" in row for row in between("overhead"))
