"""Our own errors: counted, said at a bounded rate, never in the app's way."""

import asyncio
import logging

import pytest

from inprofile.core.guard import LOG_INTERVAL_S, MAX_PLACES, Guard


@pytest.fixture
def time(monkeypatch):
    """Virtual time for the rate of log lines."""
    now = [1_000.0]
    monkeypatch.setattr("inprofile.core.guard.time.monotonic", lambda: now[0])
    return now


def fail(guard: Guard) -> None:
    with guard:
        raise LookupError("of ours")


def test_an_error_of_ours_is_swallowed_counted_and_told_with_its_place(caplog):
    guard = Guard()
    fail(guard)
    assert guard.errors == 1
    assert guard.last.startswith(f"LookupError at {__file__}:")
    (record,) = caplog.records
    assert (record.name, record.levelno) == ("inprofile", logging.WARNING)
    assert "the app is unaffected" in record.getMessage()
    assert record.exc_info is not None


def test_one_place_is_told_once_a_minute_and_counted_every_time(caplog, time):
    guard = Guard()
    for _ in range(100):
        fail(guard)
    assert (guard.errors, len(caplog.records)) == (100, 1)
    time[0] += LOG_INTERVAL_S - 1
    fail(guard)
    assert len(caplog.records) == 1
    time[0] += 1
    fail(guard)
    assert (guard.errors, len(caplog.records)) == (102, 2)


def test_two_places_are_told_each(caplog):
    guard = Guard()
    fail(guard)
    with guard:
        raise LookupError("elsewhere")
    assert len(caplog.records) == 2


def test_places_beyond_the_bound_share_one_log_line(caplog, time):
    guard = Guard()
    for number in range(MAX_PLACES + 50):
        code = compile("raise LookupError", f"file{number}.py", "exec")
        with guard:
            exec(code, {})
    assert guard.errors == MAX_PLACES + 50
    assert len(caplog.records) == MAX_PLACES + 1
    assert len(guard._logged) == MAX_PLACES + 1


@pytest.mark.parametrize(
    "error", [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError]
)
def test_what_is_not_ours_to_stop_passes_through(error):
    guard = Guard()
    with pytest.raises(error), guard:
        raise error
    assert guard.errors == 0


def test_an_error_that_cannot_be_logged_is_swallowed_too(monkeypatch):
    class Broken(logging.Handler):
        def emit(self, record):
            raise OSError("disk full")

    handler = Broken()
    log = logging.getLogger("inprofile")
    log.addHandler(handler)
    try:
        guard = Guard()
        fail(guard)
    finally:
        log.removeHandler(handler)
    assert guard.errors == 1
    assert guard.last == "an error that could not be described"


def test_when_nothing_goes_wrong_nothing_happens(caplog):
    guard = Guard()
    with guard:
        pass
    assert (guard.errors, guard.last, caplog.records) == (0, "", [])


def test_what_a_signal_raises_in_our_code_is_let_through():
    class TimeLimit(Exception):
        pass

    guard = Guard()
    guard.lets_through = TimeLimit
    with pytest.raises(TimeLimit) as limit, guard:
        raise TimeLimit
    with pytest.raises(TimeLimit) as again:
        guard.caught(limit.value)
    assert (again.value, again.value.__context__, guard.errors) == (limit.value, None, 0)
    fail(guard)
    assert guard.errors == 1
