"""Whether a step was held up itself, by what the system says of it."""

import pytest

from inprofile.core.model import Pause
from inprofile.core.suffering import is_queued

MS = 1_000_000


@pytest.mark.parametrize(
    ("cpu", "queued", "others", "starved", "expected"),
    [
        (100, 0, 0, 0, False),  # it computes
        (0, 0, 0, 0, False),  # it waits
        (20, 70, 0, 0, True),  # it waits for a processor
        (40, 60, 0, 0, False),  # and has one for a third of the time
        (5, 0, 2, 90, True),  # the whole process stands still
        (40, 0, 2, 60, True),  # and for most of the time
        (100, 0, 0, 95, False),  # it has the interpreter and computes
        (5, 0, 95, 90, False),  # somebody else has the interpreter
    ],
)
def test_who_is_ready_and_has_no_processor_is_told_from_who_waits(
    cpu, queued, others, starved, expected
):
    pause = Pause(None, 0, 100 * MS)
    pause.cpu_ns, pause.queued_ns = cpu * MS, queued * MS
    pause.others_ns, pause.starved_ns = others * MS, starved * MS
    assert is_queued(pause) is expected
