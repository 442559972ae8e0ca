"""The user's own blocks: ``inprofile.span``."""

import asyncio
import inspect

import pytest

from inprofile.core.block import Block
from inprofile.core.model import STAGES


def names(trace):
    return [(span.kind, span.name) for span in trace.spans]


@pytest.mark.parametrize("kind", STAGES)
def test_a_block_may_be_of_any_stage(recorder, kind):
    trace = recorder.begin("job")
    with Block("work", kind):
        pass
    assert names(trace) == [(kind, "work")]


def test_an_unknown_kind_is_refused_with_the_ones_there_are():
    with pytest.raises(
        ValueError, match=r"span\(kind='database'\) is not a stage; there are queue,"
    ):
        Block("work", "database")


def test_a_decorated_function_keeps_its_signature_result_and_name(recorder):
    @Block("price", "cache")
    def price(amount: int, *, discount: int = 0) -> int:
        """What it costs."""
        return amount - discount

    trace = recorder.begin("job")
    assert price(10, discount=3) == 7
    assert names(trace) == [("cache", "price")]
    assert (price.__name__, price.__doc__) == ("price", "What it costs.")
    assert str(inspect.signature(price)) == "(amount: int, *, discount: int = 0) -> int"


def test_a_decorated_coroutine_stays_one_and_may_run_many_times_at_once(recorder):
    @Block("fetch", "http")
    async def fetch(number):
        await asyncio.sleep(0)
        return number

    async def request():
        trace = recorder.begin("http")
        return trace, await asyncio.gather(*(fetch(number) for number in range(3)))

    trace, results = asyncio.run(request())
    assert inspect.iscoroutinefunction(fetch)
    assert results == [0, 1, 2]
    assert [(span.name, span.parent) for span in trace.spans] == [("fetch", trace.root)] * 3


def test_a_decorated_function_may_call_itself(recorder):
    @Block("down")
    def down(depth):
        return depth if depth == 0 else down(depth - 1)

    trace = recorder.begin("job")
    down(2)
    assert len(trace.spans) == 3
    innermost, middle, outermost = trace.spans
    assert [innermost.parent, middle.parent, outermost.parent] == [middle, outermost, trace.root]


def test_a_generator_cannot_be_decorated_because_its_time_is_its_consumers():
    def rows():
        yield 1

    async def arows():
        yield 1

    for function in (rows, arows):
        with pytest.raises(TypeError, match=r"is a generator: .* Use 'with' inside of it"):
            Block("rows")(function)
