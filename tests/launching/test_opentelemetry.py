"""What ``opentelemetry-instrument`` finds of us, and what holds below it."""

import json
import subprocess
import sys

import pytest

from tests.child import environment

PROGRAM = """
import json, sys
waits = any(hasattr(each, "begin_inprofile") for each in sys.meta_path)
loaded = "inprofile.process" in sys.modules
import flask, inprofile
status = inprofile.status()
print(json.dumps([waits or loaded, status["enabled"], status.get("settings", {}).get("otel")]))
"""
CODE = """
import json, inprofile
from flask import Flask
inprofile.instrument(Flask("shop"), otel=["spans"], slow_ms=5)
settings = inprofile.status()["settings"]
print(json.dumps([settings["otel"], settings["slow_ms"]]))
"""


def instrumented(program, tmp_path, **variables):
    """What a program prints below opentelemetry-instrument, and its errors."""
    launcher = ["-m", "tests.launching.opentelemetry_instrument", sys.executable]
    done = subprocess.run(
        [sys.executable, *launcher, "-c", program],
        env=environment(
            INPROFILE_DIR=tmp_path / "base", PYTHONPATH=":".join(sys.path), **variables
        ),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), done.stderr


def test_metrics_and_spans_leave_by_otlp_unless_told_otherwise(tmp_path):
    both, _ = instrumented(PROGRAM, tmp_path)
    assert both == [True, True, ["metrics", "spans"]]
    chosen, _ = instrumented(PROGRAM, tmp_path, INPROFILE_OTEL="metrics")
    assert chosen == [True, True, ["metrics"]]


def test_it_is_left_out_where_it_is_disabled(tmp_path):
    variables = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "redis, inprofile"}
    assert instrumented(PROGRAM, tmp_path, **variables)[0] == [False, False, None]


def test_a_bad_setting_is_said_and_the_others_hold(tmp_path):
    variables = {"INPROFILE_OTEL": "spans", "INPROFILE_SAMPLE_RATE": "often"}
    found, errors = instrumented(PROGRAM, tmp_path, **variables)
    assert found == [True, True, ["spans"]]
    assert "INPROFILE_SAMPLE_RATE='often' is not allowed" in errors


def test_what_the_code_says_wins_over_the_launcher(tmp_path):
    assert instrumented(CODE, tmp_path)[0] == [["spans"], 5.0]


@pytest.mark.parametrize("again", [False, True], ids=["once", "again"])
def test_the_instrumentor_can_be_taken_out(again, tmp_path):
    source = f"""
import json, sys
from inprofile.otel_instrumentor import Instrumentor
for _ in range({1 + again}):
    Instrumentor().instrument()
    import flask
    import inprofile
    before = inprofile.status()["enabled"]
    Instrumentor().uninstrument()
print(json.dumps([before, inprofile.status()["enabled"]]))
"""
    done = subprocess.run(
        [sys.executable, "-c", source],
        env=environment(INPROFILE_DIR=tmp_path / "base", INPROFILE_OTEL=""),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert json.loads(done.stdout) == [True, False]
