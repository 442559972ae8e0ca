"""The event loops that the tests run on."""

import asyncio

import uvloop

LOOPS = {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


def run(kind, main):
    """Run a coroutine on a fresh loop of that kind."""
    with asyncio.Runner(loop_factory=LOOPS[kind]) as runner:
        return runner.run(main)
