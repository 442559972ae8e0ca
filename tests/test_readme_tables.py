"""The tables of README.md say what the code says, and what was measured."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import quantiles, scale
from benchmarks.overhead.command import BATCHES, ROUNDS
from benchmarks.overhead.report import compact
from benchmarks.overhead.results import load
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.variants import VARIANTS
from inprofile.settings import OPTIONS, variable

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
PROMETHEUS = ROOT / "docs" / "prometheus.md"
RESULTS = ROOT / "benchmarks" / "results" / "overhead.json"


def between(name, page=README):
    found = re.search(
        rf"<!-- {name}:begin -->\n(.*?)<!-- {name}:end -->", page.read_text(), re.DOTALL
    )
    assert found, f"{page.name} has no {name} markers"
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


def test_the_overhead_table_is_what_was_measured():
    name = RESULTS.relative_to(ROOT)
    assert RESULTS.exists(), f"first run: scripts/bench overhead --save {name}"
    assert between("overhead") == compact(load(RESULTS)).splitlines(), (
        f"run: scripts/bench table {name} --write README.md"
    )


def test_the_overhead_table_was_measured_in_full():
    results = load(RESULTS)
    assert results.names("scenario") == list(SCENARIOS)
    assert results.names("variant") == list(VARIANTS)
    assert results.rounds >= ROUNDS
    assert results.batches >= BATCHES


@pytest.mark.parametrize("benchmark", [quantiles, scale], ids=["quantiles", "scale"])
def test_what_is_said_of_scrapes_is_what_was_measured(benchmark):
    name = benchmark.__name__.rpartition(".")[2]
    found = json.loads((RESULTS.parent / f"{name}.json").read_text())
    assert between(name, PROMETHEUS) == benchmark.page(found, "md").splitlines()
