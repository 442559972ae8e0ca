"""What a call comes to, as a value to compare: without us, and while it is recorded."""

from contextlib import ExitStack

import pytest

import inprofile
from inprofile.testing import record


def outcome(call):
    """Its result, or the type and arguments of its error and of what the error came from."""
    try:
        return call()
    except Exception as error:
        cause = error.__cause__ or error.__context__
        return type(error), error.args, type(cause), getattr(cause, "args", None)


def both_ways(use):
    """What ``use`` returns without us and in a trace of ours, called from one and the same line."""
    results = []
    for recording in (False, True):
        with ExitStack() as stack:
            inprofile.uninstrument()
            if recording:
                stack.enter_context(record())
                stack.enter_context(inprofile.job("work"))
            results.append(use())
            if recording and inprofile.status()["errors"]:
                pytest.fail("our own part failed")
    return results


def differing(calls):
    """The names of those of ``calls`` that come to something else while they are recorded."""
    without, within = both_ways(lambda: {name: outcome(call) for name, call in calls.items()})
    return [name for name in calls if within[name] != without[name]]
