"""README.md keeps its word: every block is run, or says why not.

The blocks run on the interpreter of the tests, or on $README_PYTHON: .ci/run points it at an
environment that has nothing but the wheel.
"""

import os
import socket
import sys
from pathlib import Path

import pytest

from tests import readme

ROOT = Path(__file__).parent.parent
PYTHON = Path(os.environ.get("README_PYTHON", sys.executable))
README = ROOT / "README.md"
BLOCKS = readme.blocks(README.read_text())


def name(block):
    return f"line {block.line}"


@pytest.mark.parametrize(
    "block", [b for b in BLOCKS if b.language in readme.RUNNABLE and not b.skip], ids=name
)
def test_a_block_of_the_readme_runs(block, tmp_path):
    readme.run(block, BLOCKS, tmp_path, PYTHON)


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.skip], ids=name)
def test_programs_in_a_skipped_block_exist(block):
    programs = [words[0] for words in map(str.split, block.commands) if words]
    for program in programs:
        if program.startswith(("scripts/", "./", ".ci/")):
            assert os.access(ROOT / program, os.X_OK), f"there is no {program} to run"


def run_all(text, directory):
    """Each block of a small README in its own directory, and what it printed, by its line."""
    found = readme.blocks(text)
    printed = {}
    for block in found:
        if block.language in readme.RUNNABLE and not block.skip:
            place = directory / str(block.line)
            place.mkdir()
            readme.run(block, found, place, Path(sys.executable))
            printed[block.line] = (place / f"output-{block.line}").read_text()
    return printed


def test_python_and_shell_blocks_run_on_the_chosen_interpreter(tmp_path):
    text = """
```python
import sys
print(sys.executable)
```
```sh
python -c 'print(6 * 7)'
```
```console
$ echo one \\
> two
not a command
$ echo three
```
```json
{}
```
"""
    expected = {2: f"{sys.executable}\n", 6: "42\n", 9: "one two\nthree\n"}
    assert run_all(text, tmp_path) == expected


def test_an_indented_block_runs_as_it_is_shown(tmp_path):
    text = "1. Try:\n\n   ```python\n   if True:\n       print('in')\n   ```\n"
    assert run_all(text, tmp_path) == {3: "in\n"}


@pytest.mark.parametrize("code", ["python\nraise SystemExit('no')", "sh\necho no; false; true"])
def test_a_failing_block_fails_with_its_output(code, tmp_path):
    with pytest.raises(AssertionError, match=r"exit code 1:[\s\S]*no\n"):
        run_all(f"```{code}\n```\n", tmp_path)


def test_a_skipped_block_is_not_run(tmp_path):
    assert run_all("<!-- run: skip (takes a day) -->\n```sh\nfalse\n```\n", tmp_path) == {}


def test_a_block_finds_the_files_and_the_server_of_the_readme(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    text = f"""
<!-- file: pages/hello.txt -->
```text
hello
```
<!-- run: background (http://127.0.0.1:{port}/hello.txt) -->
```sh
python -m http.server --bind 127.0.0.1 --directory pages {port}
```
<!-- run: beside background -->
```python
import urllib.request
print(urllib.request.urlopen("http://127.0.0.1:{port}/hello.txt").read())
```
"""
    assert run_all(text, tmp_path)[11] == "b'hello\\n'\n"
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_server_that_ends_at_once_fails(tmp_path):
    text = "<!-- run: background (http://127.0.0.1:9/) -->\n```sh\necho broken\n```\n"
    with pytest.raises(AssertionError, match=r"ended before[\s\S]*broken"):
        run_all(text, tmp_path)


def test_a_readme_sees_none_of_our_settings(tmp_path, monkeypatch):
    monkeypatch.setenv("INPROFILE_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", "/nowhere")
    code = "import os; print([n for n in os.environ if n.startswith(('INPROFILE', 'PYTHON'))])"
    assert run_all(f"```python\n{code}\n```\n", tmp_path) == {1: "[]\n"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("```\ntext\n```\n", "line 1: '' is none of"),
        ("```klingon\nQapla'\n```\n", "line 1: 'klingon' is none of"),
        ("<!-- run: skip -->\n```sh\nfalse\n```\n", "line 2: cannot read"),
        ("<!-- run: beside background -->\n```sh\nls\n```\n", "line 2: there is no background"),
        ("<!-- run: skip (far away) -->\n\n```sh\nfalse\n```\n", "1 run: or file: comments"),
    ],
    ids=["no language", "unknown language", "no reason", "no server", "marker too far above"],
)
def test_a_readme_that_explains_too_little_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        readme.blocks(text)
