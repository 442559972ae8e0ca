"""`python -m benchmarks overhead`: what it is asked for, and what it says to mistakes."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.__main__ import main, parser
from benchmarks.overhead.command import planned
from benchmarks.overhead.report import compact
from benchmarks.overhead.results import load
from benchmarks.overhead.rounds import missing
from benchmarks.overhead.summary import disagreements, rows
from benchmarks.overhead.variants import VARIANTS
from tests import child

REPOSITORY = Path(__file__).parents[3]


def plan(*words):
    return planned(parser().parse_args(["overhead", *words]))


def test_names_may_be_given_in_any_order_and_bare_is_always_there():
    found = plan("--scenario", "thread,orm", "--scenario", "nothing", "--variant", "on, noop")
    assert found.scenarios == ["nothing", "orm", "thread"]
    assert found.variants == ["bare", "noop", "on"]


def test_quick_means_fewer_rounds_and_batches_unless_they_are_given():
    variant = ("--variant", "on")
    usual, quick, given = plan(*variant), plan(*variant, "--quick"), plan("--quick", "--rounds=9")
    assert [(p.rounds, p.batches) for p in (usual, quick, given)] == [(5, 30), (3, 10), (9, 10)]


def test_a_variant_whose_library_is_not_there_is_left_out_and_said(monkeypatch, capsys):
    gone = replace(VARIANTS["contrib"], needs=("json", "not_there", "not.there"))
    monkeypatch.setitem(VARIANTS, "contrib", gone)
    assert plan("--variant", "on,contrib").variants == ["bare", "on"]
    assert capsys.readouterr().err == (
        "benchmarks: contrib is left out, as not_there, not.there is not installed;"
        " scripts/bench installs it\n"
    )


SCENARIOS = (
    "nothing, orm, core, looped, different, stream, thread, steps,"
    " django, django_orm, django_looped, django_different, drf"
)
MISTAKES = {
    "scenario": (["--scenario", "orm,nope"], f"there is no scenario 'nope', but {SCENARIOS}"),
    "variant": (["--variant", "nope"], f"there is no variant 'nope', but {', '.join(VARIANTS)}"),
    "no name": (["--scenario", "orm,"], f"there is no scenario '', but {SCENARIOS}"),
    "save": (["--variant", "bare,on", "--save", "/"], "[Errno 21] Is a directory: '/'"),
}


@pytest.mark.parametrize(("words", "told"), MISTAKES.values(), ids=MISTAKES)
def test_a_mistake_is_told_in_one_line_before_anything_is_measured(words, told, capsys):
    assert main(["overhead", *words]) == 2
    assert capsys.readouterr() == ("", f"benchmarks: {told}\n")


@pytest.mark.parametrize("number", ["0", "-1", "x", "1.5", ""])
def test_a_number_of_rounds_is_a_whole_number_above_zero(number, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["overhead", f"--rounds={number}"])
    assert ended.value.code == 2
    told = f"argument --rounds: {number!r} is not a whole number above 0\n"
    assert capsys.readouterr().err.endswith(told)


def test_a_process_that_fails_is_named_with_its_last_words(capsys):
    words = ["--scenario", "nothing", "--variant", "noop", "--rounds", "1", "--cpu", "99999"]
    assert main(["overhead", *words]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "\nbenchmarks: nothing under bare ended with exit code 1:\n" in err
    assert err.rstrip().splitlines()[-1].startswith(("OSError", "AttributeError"))


def run(*words):
    return subprocess.run(
        [sys.executable, "-m", "benchmarks", *words],
        cwd=REPOSITORY,
        env=child.environment(),
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.once
def test_a_run_is_saved_and_its_table_is_read_from_the_file(tmp_path):
    file = tmp_path / "new" / "overhead.json"
    words = ["--rounds", "1", "--batches", "1", "--scenario", "nothing", "--variant", "on,noop"]
    printed = run("overhead", *words, "--save", str(file), "--format", "json")
    results = load(file)
    assert [(one.scenario, one.variant, one.round) for one in results.measurements] == [
        ("nothing", "bare", 1),
        ("nothing", "noop", 1),
        ("nothing", "on", 1),
    ]
    assert all(
        us > 0 for one in results.measurements for us in (one.min_us, one.median_us, one.cpu_us)
    )
    assert disagreements(results) == []
    assert [row["us"]["median"] for row in json.loads(printed)["rows"]] == [
        one.min_us for one in results.measurements
    ]
    assert run("table", str(file)) == compact(results) + "\n"


@pytest.mark.once
def test_every_variant_sees_every_request_of_a_scenario_with_queries(tmp_path):
    file = tmp_path / "overhead.json"
    words = ["--scenario", "nothing,core", "--rounds", "1", "--batches", "1"]
    run("overhead", *words, "--save", str(file))
    results = load(file)
    assert disagreements(results) == []
    here = [name for name in VARIANTS if not missing(name)]
    assert [(row.scenario, row.variant, row.query is None) for row in rows(results)] == [
        (scenario, variant, scenario == "nothing" or variant == "bare")
        for scenario in ("nothing", "core")
        for variant in here
    ]
