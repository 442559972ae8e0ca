"""What has not seen every request has no figure; and no variant changes the answer."""

import asyncio

import pytest

from benchmarks.overhead.driver import Driver
from benchmarks.overhead.scenarios import SCENARIOS, Scenario
from benchmarks.overhead.variants import VARIANTS, Miscounted
from benchmarks.overhead.worker import peaks
from inprofile.runtime import recorder

OURS = [name for name, variant in VARIANTS.items() if not variant.needs]


def answer(scenario: Scenario, app, more=0):
    """Ask one or more times, and return the answer."""

    async def ask():
        driver = Driver(app, scenario.path)
        found = await driver.answer()
        await driver.batch(more)
        return found

    return asyncio.run(ask())


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
@pytest.mark.parametrize("name", OURS)
def test_the_answer_is_bares_and_every_request_was_seen(name, scenario, monkeypatch):
    expected = answer(scenario, scenario.build().app)
    variant, subject = VARIANTS[name], scenario.build()
    for setting, value in variant.environment.items():
        monkeypatch.setenv(setting, value)
    check = variant.install(subject)
    assert answer(scenario, subject.app, more=2) == expected
    assert check(3) == {}


def test_a_variant_that_missed_a_request_has_no_figure():
    scenario = SCENARIOS["nothing"]
    subject = scenario.build()
    check = VARIANTS["on"].install(subject)
    answer(scenario, subject.app, more=2)
    with pytest.raises(Miscounted, match="inprofile counted 3 of 4 requests"):
        check(4)


def test_a_paused_variant_that_counted_a_request_has_no_figure():
    scenario = SCENARIOS["nothing"]
    subject = scenario.build()
    check = VARIANTS["paused"].install(subject)
    ours = recorder()
    assert ours is not None
    ours.enabled = True
    answer(scenario, subject.app)
    ours.enabled = False
    with pytest.raises(Miscounted, match="inprofile counted 1 of 0 requests"):
        check(1)


def test_memory_is_measured_for_each_length_of_a_stream():
    scenario = SCENARIOS["stream"]
    paths = ((1, "/stream/1"), (50, "/stream/50"))
    grown, requests = asyncio.run(peaks(scenario.build().app, paths))
    assert sorted(grown) == [1, 50]
    assert all(size > 0 for size in grown.values())
    assert requests == 2 * (1 + 3)
