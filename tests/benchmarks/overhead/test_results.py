"""Measurements survive their file, and other files are refused."""

import json
from dataclasses import asdict, replace

import pytest

from benchmarks.overhead.results import load
from tests.benchmarks.overhead.runs import run

US = {("stream", "bare"): [10.5, 12], ("stream", "contrib"): [50.25, 51]}
PEAKS = {("stream", "bare"): {"100": 500, "10000": 600}}
FACTS = {("stream", "contrib"): {"spans exported per request": 3.0}}


def test_what_was_saved_is_loaded(tmp_path):
    results = replace(run(US, PEAKS, facts=FACTS), figure="cpu")
    results.save(tmp_path / "run.json")
    assert load(tmp_path / "run.json") == results


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda data: data.pop("rounds"), "run.json was not written by .*'rounds'"),
        (lambda data: data.pop("measurements"), "run.json was not written by .*'measurements'"),
        (lambda data: data.update(colour="red"), "run.json was not written by .*'colour'"),
        (lambda data: data["measurements"][0].pop("answer"), "run.json was not .*'answer'"),
        (
            lambda data: data["measurements"][0].update(scenario="mine"),
            "there is no scenario 'mine' here",
        ),
        (
            lambda data: data["measurements"][0].update(variant="mine"),
            "there is no variant 'mine' here",
        ),
        (lambda data: data.update(figure="mode"), "there is no figure 'mode' here"),
    ],
    ids=["lacks", "empty", "more", "measurement lacks", "scenario", "variant", "figure"],
)
def test_results_of_another_version_are_refused(change, message, tmp_path):
    data = asdict(run(US))
    change(data)
    (tmp_path / "run.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match=message):
        load(tmp_path / "run.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", "{", "\x00", "[1]", "null"])
def test_a_file_of_no_results_is_refused_by_name(text, tmp_path):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(ValueError, match=r"run\.json was not written by `overhead --save`"):
        load(tmp_path / "run.json")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"run\.json"):
        load(tmp_path / "run.json")
