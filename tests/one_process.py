"""What this process has of ours: its runtime, its threads, and the jobs it has counted."""

import threading

import inprofile
from inprofile import process
from inprofile.core import metrics
from inprofile.runtime import Runtime


def work(name="mail"):
    with inprofile.job(name):
        pass


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "inprofile"]


def running() -> Runtime:
    found = process.running()
    assert found is not None
    return found


def jobs():
    """How many jobs the group, or this process alone, has counted."""
    series = running().read().series
    return sum(sum(values[2:]) for key, values in series.items() if key[0] == metrics.JOBS.name)
