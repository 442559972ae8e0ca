"""What a pause was about, by what was seen of it."""

import textwrap
from asyncio import gather

from inprofile.core.model import Pause, Position, StackSample
from inprofile.core.steps import stepped
from inprofile.detectors.pauses import cause

MS = 1_000_000
OURS = Position(stepped.__code__, 0, 1)
LIBRARY = Position(textwrap.dedent.__code__, 0, 1)


def seen(*frames):
    """A pause of 100 ms that computes, with one look at these frames from the inside out."""
    pause = Pause(None, 0, 100 * MS)
    pause.cpu_ns, pause.others_ns, pause.queued_ns, pause.slices = 100 * MS, 0, 0, 1
    pause.samples = (StackSample(60 * MS, frames, None, 1, 10 * MS),)
    return pause


def test_where_nothing_of_the_application_runs_it_is_named_by_the_outermost_call():
    found = cause(seen(LIBRARY, Position(gather.__code__, 0, 1)))
    assert (found.kind, found.place, found.call.name) == ("python_cpu", None, "asyncio.gather")


def test_what_runs_around_it_that_is_ours_is_never_named():
    found = cause(seen(OURS, LIBRARY, OURS))
    assert (found.place, found.call.name) == (None, "textwrap.dedent")
    assert cause(seen(OURS)).call.name == ""
