"""Who awaits a task: asyncio keeps it in private places, which these tests pin."""

import asyncio
import contextvars
import sys
import threading
from itertools import islice

import pytest

from inprofile.core import awaiting
from inprofile.core.frames import stand


def names():
    """The functions of this file around the caller, from the inside out."""
    at, _ = stand(sys._getframe(1), {})
    return [each.mark.code.co_name for each in at.outwards() if _is_here(each.mark.code)]


def _is_here(code):
    return code.co_filename == __file__ and code.co_name not in {"<module>", "run"}


async def leaf():
    await asyncio.sleep(0)
    return names()


async def gathered():
    return (await asyncio.gather(leaf(), leaf()))[0]


async def grouped():
    async with asyncio.TaskGroup() as group:
        task = group.create_task(leaf())
    return task.result()


async def waited_for():
    return await asyncio.wait_for(leaf(), 5)


async def waited():
    done, _ = await asyncio.wait([asyncio.create_task(leaf())])
    return next(iter(done)).result()


async def shielded():
    return await asyncio.shield(leaf())


async def a_task():
    return await asyncio.create_task(leaf())


async def within():
    return await gathered()


async def numbers():
    yield await asyncio.create_task(leaf())


async def iterated():
    return await anext(aiter(numbers()))


async def called_by_hand():
    return await driven()


class driven:  # noqa: N801 - it is awaited like a function
    def __await__(self):
        return (yield from leaf().__await__())


WAYS = {
    gathered: ["leaf", "gathered"],
    grouped: ["leaf", "grouped"],
    waited_for: ["leaf", "waited_for"],
    waited: ["leaf", "waited"],
    shielded: ["leaf", "shielded"],
    a_task: ["leaf", "a_task"],
    within: ["leaf", "gathered", "within"],
    iterated: ["leaf", "numbers", "iterated"],
    called_by_hand: ["leaf", "__await__", "called_by_hand"],
}


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_the_stack_goes_on_with_who_awaits_the_task(way):
    async def main():
        return await way()

    found = [name for name in asyncio.run(main()) if name != "<listcomp>"]
    assert found[: len(WAYS[way]) + 1] == [*WAYS[way], "main"]


def test_a_task_that_nobody_awaits_ends_where_it_began():
    async def main():
        found = []

        async def alone():
            found.extend(names())

        task = asyncio.create_task(alone())
        await asyncio.sleep(0)
        assert task.done()
        return found

    assert asyncio.run(main())[0] == "alone"


def test_a_thread_goes_on_with_the_task_that_waits_for_it():
    async def main():
        found: list[str] = []
        awaiting.waits.set(awaiting.Waiting(sys._getframe()))
        context = contextvars.copy_context()
        thread = threading.Thread(target=context.run, args=(lambda: found.extend(names()),))
        thread.start()
        await asyncio.get_running_loop().run_in_executor(None, thread.join)
        return found

    assert asyncio.run(main())[:2] == ["<lambda>", "main"]


def test_one_that_begins_while_the_task_still_runs_does_too():
    """As the first one of a pool does: the pool waits for it to begin, and it begins to work."""

    async def inner(found):
        awaiting.waits.set(awaiting.Waiting(sys._getframe()))
        context = contextvars.copy_context()

        def work():
            waiting = awaiting.beyond(sys._getframe())
            assert waiting is not None
            found.extend(([frame.f_code.co_name for frame in waiting.frames], names()))

        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()

    async def main():
        found: list[list[str]] = []
        await inner(found)
        return found

    frames, around = asyncio.run(main())
    assert frames == ["inner", "main"]
    assert around[:3] == ["work", "inner", "main"]


def test_the_way_out_of_a_thread_whose_task_runs_on_has_an_end():
    """That task's frames lead to those of its own thread, which nobody waits for."""

    async def main():
        found: list[int] = []
        awaiting.waits.set(awaiting.Waiting(sys._getframe()))
        context = contextvars.copy_context()

        def work():
            at, fresh = stand(sys._getframe(), {})
            ways = [each.mark for each in islice(at.outwards(), 2000)]
            found.extend((len(fresh) - len(set(fresh)), len(ways) - len(set(ways)), len(ways)))

        thread = threading.Thread(target=context.run, args=(work,))
        thread.start()
        thread.join()
        return found

    twice, again, length = asyncio.run(main())
    assert (twice, again) == (0, 0)
    assert length < 1000


def test_outside_of_a_loop_there_is_no_task():
    assert awaiting.current_task() is None


def test_what_is_neither_coroutine_nor_generator_has_no_frames():
    async def main():
        task = asyncio.current_task()
        assert task is not None
        return awaiting.frames(task), awaiting.awaiter(task)

    frames, awaiter = asyncio.run(main())
    assert [frame.f_code.co_name for frame in frames] == ["main"]
    assert awaiter is None
