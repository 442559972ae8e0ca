"""``inprofile report`` on groups that real apps have left, and on what is no group."""

import json
import os
import pty
import re
import sqlite3
from contextlib import closing

import pytest

from inprofile import __version__
from inprofile.core import cells
from inprofile.storage.store import FILE

ENDED = (
    "inprofile: group shop: all of its workers have ended; these are the counts that they left\n"
)


def test_it_tells_what_an_app_did(inprofile, app_base):
    code, out, err = inprofile("report", "--dir", app_base)
    assert (code, err) == (0, ENDED)
    assert re.search(r"^GET /orders/\{order_id\}", out, re.MULTILINE)
    assert re.search(r"^GET \(no route matched\)", out, re.MULTILINE)
    assert "requests: 5, 1 failed, " in out
    assert "group: shop (ended)" in out
    assert "show_order" in out
    assert "rates: all workers have ended, and when is not recorded" in out


def test_json_has_every_fact(inprofile, app_base):
    code, out, err = inprofile("report", "--dir", app_base, "--format", "json", "--top", 1)
    read = json.loads(out)
    assert (code, err, read["inprofile"]) == (0, ENDED, __version__)
    counts = {
        route["route"]: (route["duration"]["count"], route["failed"], route["statuses"])
        for route in read["requests"]["routes"]
    }
    assert counts == {
        "/orders/{order_id}": (4, 1, {"200": 3, "500": 1}),
        "_UNMATCHED": (1, 0, {"404": 1}),
    }
    for route in read["requests"]["routes"]:
        assert round(sum(stage["percent"] for stage in route["stages"]), 6) == 100
        stages_ns = sum(stage["total_ns"] for stage in route["stages"])
        assert stages_ns == pytest.approx(route["duration"]["total_ns"], rel=0.01)
    logs = [each for each in read["requests"]["operations"] if each["stage"] == "logging"]
    assert [(each["calls"], each["name"].split()[-1]) for each in logs] == [(4, "show_order")]
    assert read["kept"] == {"failed": 1}


def test_markdown_begins_with_its_heading(inprofile, app_base):
    code, out, _ = inprofile("report", "--dir", app_base, "--format", "md")
    assert (code, out.splitlines()[0]) == (0, "# inprofile report")
    assert "| `GET /orders/{order_id}` |" in out


def test_the_environment_says_where_and_which(inprofile, app_base, monkeypatch):
    monkeypatch.setenv("INPROFILE_DIR", str(app_base))
    monkeypatch.setenv("INPROFILE_GROUP", "shop")
    assert inprofile("report")[0] == 0
    monkeypatch.setenv("INPROFILE_GROUP", "other")
    assert inprofile("report") == (
        2,
        "",
        "inprofile: there is no group 'other'; there are: shop. Choose one with --group NAME.\n",
    )


def test_without_any_setting_it_looks_into_the_temporary_directory(
    inprofile, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code, _, err = inprofile("report")
    assert code == 1
    assert err.startswith(
        f"inprofile: there is no {tmp_path}/inprofile-{os.getuid()}. Start the app"
    )


def test_a_live_group_is_reported_without_a_remark(inprofile, group):
    group.worker().request("/", own_ms=5)
    code, out, err = inprofile("report", "--dir", group.directory.parent)
    assert (code, err) == (0, "")
    assert f"group: live (1 live worker: {os.getpid()})" in out


def test_no_group_and_an_empty_one_are_nothing_to_report(inprofile, group):
    base = group.directory.parent
    code, out, err = inprofile("report", "--dir", base)
    assert (code, out) == (1, "")
    assert err.startswith(f"inprofile: no app has been measured in {base}. Start the app")
    group.worker()
    message = "group live has counted nothing yet. Send the app a request"
    why = "(those to its metrics path do not count)"
    assert inprofile("report", "--dir", base) == (1, "", f"inprofile: {message} {why}.\n")


def test_newer_schemas_are_unreadable(inprofile, group):
    worker = group.worker()
    worker.request("/", status=500, own_ms=1)
    with closing(sqlite3.connect(group.directory / FILE)) as db:
        db.execute("PRAGMA user_version = 99")
    code, out, err = inprofile("report", "--dir", group.directory)
    assert (code, out) == (2, "")
    assert err == (
        f"inprofile: {group.directory / FILE} was written by a newer inprofile (schema 99, this "
        "one reads up to 1); upgrade it: pip install --upgrade inprofile\n"
    )
    worker.cells.words[1] = cells.VERSION + 1
    code, out, err = inprofile("report", "--dir", group.directory)
    assert (code, out) == (2, "")
    assert "was written by another version of inprofile" in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--top", "0"], "Invalid value for '--top': 0 is not in the range x>=1."),
        (
            ["--format", "xml"],
            "Invalid value for '--format': 'xml' is not one of 'text', 'json', 'md'.",
        ),
        (["--nonsense"], "No such option"),
    ],
)
def test_wrong_usage(inprofile, arguments, message):
    code, out, err = inprofile("report", *arguments)
    assert (code, out) == (2, "")
    assert message in err


def test_a_bad_setting_is_told_without_a_traceback(inprofile, monkeypatch):
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "often")
    code, out, err = inprofile("report")
    assert (code, out) == (2, "")
    assert err.startswith("inprofile: INPROFILE_SAMPLE_RATE='often' is not allowed")


def test_help_has_examples_and_exit_codes(inprofile):
    code, out, _ = inprofile("report", "--help")
    assert code == 0
    assert "inprofile report --format json | jq" in out
    assert "1  nothing to report" in out


@pytest.mark.parametrize("form", ["text", "json", "md"])
def test_a_reader_that_has_had_enough_is_fine(shell, app_base, form):
    # The reader is gone before anything is written: deterministic, unlike head.
    done = shell(f"inprofile report --dir {app_base} --format {form} | true")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ENDED)


def test_what_the_output_cannot_spell_becomes_a_question_mark(shell, app_base):
    done = shell(f"inprofile report --dir {app_base}", PYTHONIOENCODING="ascii", PYTHONUTF8="0")
    assert (done.returncode, done.stderr) == (0, ENDED)
    assert "?s" in done.stdout  # µs


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("no_color", ["", "1"], ids=["piped", "NO_COLOR"])
def test_in_a_pipe_there_is_no_escape_code_and_no_line_too_long(shell, app_base, columns, no_color):
    done = shell(f"inprofile report --dir {app_base}", COLUMNS=str(columns), NO_COLOR=no_color)
    assert (done.returncode, done.stderr) == (0, ENDED)
    assert "\x1b" not in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= columns


@pytest.mark.parametrize(
    ("variables", "colored"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)],
    ids=["terminal", "NO_COLOR", "dumb"],
)
def test_a_terminal_has_colors_unless_it_declines(shell, app_base, variables, colored):
    ours, theirs = pty.openpty()
    try:
        command = f"inprofile report --dir {app_base} --top 1 > {os.ttyname(theirs)}"
        done = shell(command, **({"TERM": "xterm-256color", "COLUMNS": "80"} | variables))
        assert (done.returncode, done.stderr) == (0, ENDED)
        assert (b"\x1b[" in os.read(ours, 1 << 16)) is colored
    finally:
        os.close(ours)
        os.close(theirs)
