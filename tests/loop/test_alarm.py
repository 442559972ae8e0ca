"""The timer by which the watchdog sleeps."""

import sys
import threading
import time

import pytest

from inprofile.loop.alarm import LockAlarm, SystemAlarm, alarm

MS = 1_000_000
KINDS = [SystemAlarm, LockAlarm]


@pytest.fixture(params=KINDS)
def timer(request):
    timer = request.param()
    yield timer
    timer.close()


def waited_s(timer):
    start = time.perf_counter()
    timer.wait()
    return time.perf_counter() - start


def test_who_waits_sleeps_until_it_goes_off(timer):
    timer.setting(50 * MS)()
    assert waited_s(timer) >= 0.049


def test_it_can_be_set_to_go_off_sooner_while_somebody_waits(timer):
    timer.setting(3600_000 * MS)()
    threading.Timer(0.05, timer.setting(0)).start()
    assert 0.04 < waited_s(timer) < 60


def test_it_can_be_set_to_go_off_later_while_somebody_waits(timer):
    timer.setting(200 * MS)()
    threading.Timer(0.05, timer.setting(400 * MS)).start()
    assert waited_s(timer) >= 0.44


def test_what_was_prepared_can_be_set_again_and_again(timer):
    soon, late = timer.setting(30 * MS), timer.setting(3600_000 * MS)
    for _ in range(100):
        late()
        soon()
    assert 0.029 <= waited_s(timer) < 60


def test_greenlets_that_pass_for_threads_get_one_that_does_not_hold_them_up(monkeypatch):
    class Lock:
        """One of somebody else's."""

    assert type(alarm()) is (SystemAlarm if sys.platform == "linux" else LockAlarm)
    monkeypatch.setattr(threading, "Lock", Lock)
    assert type(alarm()) is LockAlarm
