"""``inprofile run``: the program runs as it is, and what it starts in Python is measured."""

import json
import os
import re
import signal
import subprocess
import sys

import pytest

from inprofile.cli.run import BOOTSTRAP
from tests.child import environment
from tests.exporters.exposed import COUNT, total

PYTHON = sys.executable
JOB = """
import json, os, sys, inprofile
with inprofile.job("import"):
    pass
status = inprofile.status()
print(json.dumps([status["enabled"], status["settings"]["slow_ms"], sys.argv[1:]]))
"""
UNTOUCHED = """
import sys
loaded = [name for name in sys.modules if name.startswith("inprofile")]
print(loaded, "wrapt" in sys.modules, "logging" in sys.modules)
"""
SPAWN = """
import inprofile, multiprocessing, subprocess, sys

def work():
    print(inprofile.status()["enabled"], flush=True)

if __name__ == "__main__":
    work()
    child = multiprocessing.get_context("spawn").Process(target=work)
    child.start()
    child.join()
    program = 'import inprofile; print(inprofile.status()["enabled"])'
    subprocess.run([sys.executable, "-c", program], check=True)
"""


@pytest.fixture
def launched(tmp_path):
    """Run ``inprofile run`` with these words: how it ended."""

    def call(*words, **variables):
        variables.setdefault("INPROFILE_DIR", tmp_path / "base")
        command = [PYTHON, "-m", "inprofile", "run"]
        return subprocess.run(
            [*command, *(PYTHON if word == "python" else str(word) for word in words)],
            env=environment(**variables),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


@pytest.fixture
def script(tmp_path):
    def write(text, name="program.py"):
        file = tmp_path / name
        file.write_text(text)
        return file

    return write


def test_a_script_that_has_no_line_is_measured(launched, script):
    done = launched("--", "python", script(JOB), "--top", "5")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [True, 1000.0, ["--top", "5"]]


def test_options_are_settings(launched, script):
    done = launched("--slow-ms", "20", script(JOB), INPROFILE_SLOW_MS="1")
    assert json.loads(done.stdout) == [True, 20.0, []]


def test_a_bad_option_says_what_is_allowed(launched):
    done = launched("--sample-rate", "2", "python")
    assert done.returncode == 2
    assert "--sample-rate" in done.stderr
    assert "'2' is not allowed: it takes a number from 0 to 1" in done.stderr


def test_help_has_examples_and_every_setting(launched):
    done = launched("--help")
    assert done.returncode == 0
    assert "inprofile run -- uvicorn shop:app --workers 4" in done.stdout
    assert "--max-route-traces VALUE" in done.stdout


def test_a_bad_variable_is_said_and_the_program_runs(launched, script):
    done = launched("--", "python", script(JOB), INPROFILE_SLOW_MS="often", INPROFILE_STRICT="1")
    assert json.loads(done.stdout) == [True, 1000.0, []]
    assert "INPROFILE_SLOW_MS='often' is not allowed" in done.stderr


def test_what_the_program_says_of_itself_wins_unless_it_comes_too_late(launched, script):
    said = """
import sys, inprofile
if "late" in sys.argv:
    with inprofile.job("first"):
        pass
inprofile.instrument(slow_ms=5)
print(inprofile.status()["settings"]["slow_ms"])
try:
    inprofile.instrument(slow_ms=6)
except ValueError as error:
    print(error)
"""
    done = launched("--", "python", script(said))
    refusal = "instrument() was called before with other settings; call uninstrument() first"
    assert (done.stdout, done.stderr) == (f"5.0\n{refusal}\n", "")
    late = launched("--", "python", script(said), "late")
    assert late.stdout == f"1000.0\n{refusal}\n"
    assert "the settings of instrument() come too late" in late.stderr


def test_an_application_that_was_taken_out_stays_out(launched, script):
    said = """
import inprofile
from flask import Flask
app, other = Flask("app"), Flask("other")
app.test_client().get("/").close()
inprofile.uninstrument(app)
for one in (app, app, other):
    one.test_client().get("/").close()
print(other.test_client().get("/metrics").text)
"""
    body = launched("--", "python", script(said)).stdout.rstrip("\n") + "\n"
    assert total(body.encode(), COUNT) == 2


def test_exit_code_and_signals_are_the_programs(launched):
    assert launched("--", "python", "-c", "raise SystemExit(7)").returncode == 7
    killed = launched("--", "python", "-c", "import os; os.kill(os.getpid(), 15)")
    assert killed.returncode == -signal.SIGTERM


def test_a_program_that_is_not_there(launched, tmp_path):
    done = launched("--", "no-such-program")
    assert done.returncode == 127
    assert "there is no program no-such-program" in done.stderr
    text = tmp_path / "notes.txt"
    text.write_text("x")
    assert launched("--", text).returncode == 126


def test_a_program_that_is_no_python_runs_and_is_told_of(launched, script):
    shell = script('#!/bin/sh\nexec "$INTERPRETER" "$@"\n', "start.sh")
    shell.chmod(0o755)
    done = launched("--", shell, script(JOB), INTERPRETER=PYTHON)
    assert json.loads(done.stdout)[0] is True
    assert f"{shell} is no Python program" in done.stderr


def test_programs_beside_our_python_are_found_without_their_directory_on_path(launched):
    done = launched("--", "uvicorn", "--version", PATH="/usr/bin:/bin")
    assert done.stdout.startswith("Running uvicorn")


def test_children_are_measured_however_they_are_started(launched, script):
    done = launched("--", "python", script(SPAWN))
    assert (done.stdout, done.stderr) == ("True\n" * 3, "")


def test_a_program_with_nothing_to_measure_loads_nothing(launched, script):
    done = launched("--", "python", script(UNTOUCHED))
    assert done.stdout == "[] False False\n"


def test_another_sitecustomize_is_imported_as_well(launched, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import sys; sys.other = __file__")
    program = "import sys, sitecustomize; print(sys.other == sitecustomize.__file__)"
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    assert launched("--", "python", "-c", program, PYTHONPATH=path).stdout == "True\n"


def test_a_broken_sitecustomize_is_pythons_to_complain_of(launched, tmp_path):
    (tmp_path / "sitecustomize.py").write_text("1 / 0")
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = launched("--", "python", "-c", "print('runs')", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (0, "runs\n")
    assert "ZeroDivisionError" in done.stderr


def test_a_python_without_inprofile_runs_as_ever_and_says_so(tmp_path):
    (tmp_path / "flask.py").write_text("print('their own')")
    done = subprocess.run(
        [sys.executable, "-S", "-c", "import sitecustomize, flask"],  # -S: without any package
        env={"PYTHONPATH": os.pathsep.join([str(BOOTSTRAP), str(tmp_path)])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "their own\n")
    assert done.stderr == (
        "inprofile cannot measure this process, which goes on as without it: "
        f"No module named 'inprofile' ({sys.executable})\n"
    )


def test_python_path_is_ours_and_then_the_users(launched, tmp_path):
    program = "import os; print(os.environ['PYTHONPATH'])"
    before = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), ""])
    done = launched("--", "python", "-c", program, PYTHONPATH=before)
    kept = re.sub(f"{os.pathsep}+", os.pathsep, before).strip(os.pathsep)
    assert done.stdout == f"{BOOTSTRAP}{os.pathsep}{kept}\n"
