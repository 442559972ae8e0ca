"""What has not seen every request has no figure; and no variant changes the answer."""

import json
import os
import subprocess
import sys
from contextlib import closing

import pytest

from benchmarks.overhead import django_apps, fastapi_apps
from benchmarks.overhead.checks import Miscounted
from benchmarks.overhead.scenarios import SCENARIOS
from benchmarks.overhead.variants import VARIANTS
from benchmarks.overhead.worker import peaks
from benchmarks.process import ROOT
from inprofile.process import recorder

OURS = [name for name, variant in VARIANTS.items() if not variant.needs]


def answer(scenario, subject, more=0):
    """Ask one or more times, and return the answer."""
    with closing(subject.driver(scenario.path)) as driver:
        found = driver.answer()
        driver.batch(more)
    return found


@pytest.mark.parametrize("scenario", fastapi_apps.SCENARIOS, ids=lambda scenario: scenario.name)
@pytest.mark.parametrize("name", OURS)
def test_the_answer_is_bares_and_every_request_was_seen(name, scenario, monkeypatch):
    expected = answer(scenario, scenario.build())
    variant, subject = VARIANTS[name], scenario.build()
    for setting, value in variant.environment.items():
        monkeypatch.setenv(setting, value)
    check = variant.install(subject)
    assert answer(scenario, subject, more=2) == expected
    assert check(3) == {}


@pytest.mark.parametrize("scenario", django_apps.SCENARIOS, ids=lambda scenario: scenario.name)
def test_djangos_answer_is_bares_and_every_request_was_seen(scenario):
    """A process has one Django."""
    command = [sys.executable, "-m", "benchmarks.overhead.worker", scenario.name]
    workers = [
        subprocess.Popen(
            [*command, variant],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | VARIANTS[variant].environment,
        )
        for variant in OURS
    ]
    last = [worker.communicate("end\n")[0].splitlines()[-1] for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * len(OURS)
    answers = [json.loads(line) for line in last]
    assert answers == [answers[0]] * len(OURS)


def test_a_variant_that_missed_a_request_has_no_figure():
    scenario = SCENARIOS["nothing"]
    subject = scenario.build()
    check = VARIANTS["on"].install(subject)
    answer(scenario, subject, more=2)
    with pytest.raises(Miscounted, match="inprofile counted 3 of 4 requests"):
        check(4)


def test_a_paused_variant_that_counted_a_request_has_no_figure():
    scenario = SCENARIOS["nothing"]
    subject = scenario.build()
    check = VARIANTS["paused"].install(subject)
    ours = recorder()
    assert ours is not None
    ours.enabled = True
    answer(scenario, subject)
    ours.enabled = False
    with pytest.raises(Miscounted, match="inprofile counted 1 of 0 requests"):
        check(1)


def test_memory_is_measured_for_each_length_of_a_stream():
    scenario = SCENARIOS["stream"]
    paths = ((1, "/stream/1"), (50, "/stream/50"))
    grown, requests = peaks(scenario.build(), paths)
    assert sorted(grown) == [1, 50]
    assert all(size > 0 for size in grown.values())
    assert requests == 2 * (1 + 3)
