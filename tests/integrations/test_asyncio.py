"""asyncio's own debugging is told what it would be told without us."""

import asyncio

import pytest
import uvloop

import inprofile
from inprofile.testing import record


async def places():
    """Where asyncio says that tasks were created, which were so in different ways."""
    async with asyncio.TaskGroup() as group:
        made = [
            asyncio.current_task(),
            asyncio.create_task(asyncio.sleep(0)),
            asyncio.ensure_future(asyncio.sleep(0)),
            group.create_task(asyncio.sleep(0)),
        ]
    return [repr(task).partition(" created at ")[2] for task in made]


@pytest.mark.parametrize("library", [asyncio, uvloop])
def test_in_debug_mode_a_task_was_created_where_it_was_without_us(library):
    def said():
        with asyncio.Runner(debug=True, loop_factory=library.new_event_loop) as runner:
            return runner.run(places())

    inprofile.uninstrument()
    without = said()
    assert all(without)
    inprofile.instrument()
    outside = said()
    with record(), inprofile.job("work"):
        within = said()
    assert (outside, within) == (without, without)
