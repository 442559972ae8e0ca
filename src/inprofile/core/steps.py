"""Times each step of a coroutine: what it does on the event loop between two suspensions.

The coroutine is driven by a generator of ours, which the event loop resumes in its place. On every
version that is cheaper than ``sys.monitoring``, whose events come for the whole process's
coroutines, and no loop is patched.
"""

from collections.abc import Callable, Coroutine, Generator
from types import CodeType, CoroutineType, GeneratorType, coroutine
from typing import Any

from inprofile.core.event_loop import LEAST_WAIT_NS, LONG_NS, EventLoop
from inprofile.core.model import Trace

Steps = Generator[Any, Any, Any]
Inner = Coroutine[Any, Any, Any]


@coroutine
def stepped(inner: Inner, trace: Trace, loop: EventLoop) -> Steps:  # noqa: C901 - a call costs
    """Await ``inner``, whose steps are of ``trace``. Costs 0.3 microseconds a step.

    What runs inside of a step of another trace (an eager task) takes nothing of that one's time.
    """
    clock = loop.clock
    send: Callable[[Any], Any] = inner.send
    go_on, value = send, None
    while True:
        outer = loop.running
        start_ns = clock()
        if outer is not None:
            outer.on_loop_ns += start_ns - loop.began_ns
        elif start_ns - trace.stepped_ns > LEAST_WAIT_NS:
            if loop.dozes:
                loop.wake()
            since_ns = max(trace.stepped_ns or loop.came_ns, loop.idle_ns)
            # What a trace has waited for that only begins is told of long steps alone.
            ended_ns = loop.ended_ns if trace.stepped_ns else loop.long_ns
            if start_ns - since_ns > LEAST_WAIT_NS and (
                ended_ns > since_ns or start_ns - since_ns >= loop.block_ns
            ):
                loop.waited(trace, start_ns)
                start_ns = clock()
        loop.began_ns = start_ns
        loop.running = trace
        try:
            awaited = go_on(value)
        except StopIteration as stop:
            return stop.value
        finally:
            end_ns = clock()
            value = None  # an error's traceback has this frame
            trace = loop.running or trace  # type: ignore[truthy-bool] # a job may have begun
            loop.running = outer
            took_ns = end_ns - loop.began_ns
            trace.on_loop_ns += took_ns
            trace.steps += 1
            trace.stepped_ns = loop.ended_ns = end_ns
            if took_ns >= LONG_NS:
                loop.stepped(trace, loop.began_ns, end_ns, inner)
            if outer is not None:
                loop.began_ns = end_ns
        go_on = send
        try:
            value = yield awaited
        except GeneratorExit:
            inner.close()
            raise
        except BaseException as error:
            go_on, value = inner.throw, error
        awaited = None


class Child:
    """The coroutine of a task that a trace has started: it goes on for it, step by step.

    Looks like the coroutine inside of it, also to those who ask what it awaits. Nothing of that
    runs, is thrown into or is closed but what would be without this.
    """

    __slots__ = ("__weakref__", "inner", "send", "steps")
    __class__ = property(lambda _self: CoroutineType)

    def __init__(self, inner: Inner, trace: Trace, loop: EventLoop) -> None:
        if not trace.stepped_ns:  # it is ready from now on
            trace.stepped_ns = loop.clock()
        self.inner = inner
        self.steps: Any = stepped(inner, trace, loop)
        self.send = self.steps.send

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __repr__(self) -> str:
        return repr(self.inner)

    def __await__(self) -> "Child":
        return self

    def __iter__(self) -> "Child":
        return self

    def __next__(self) -> Any:
        return self.send(None)

    def throw(self, *error: Any) -> Any:
        """Raise an error where the coroutine is; one that has not begun never does."""
        return self._driven.throw(*error)

    def close(self) -> None:
        """Let the coroutine end here."""
        self._driven.close()

    @property
    def _driven(self) -> Any:
        steps = self.steps
        is_begun = steps.gi_suspended or steps.gi_running or steps.gi_frame is None
        return steps if is_begun else self.inner


def inside(awaited: "GeneratorType[Any, Any, Any]") -> Any:
    """The coroutine that a generator of ours drives; None for one that is not ours or has ended."""
    frame = awaited.gi_frame
    return None if frame is None or frame.f_code is not CODE else frame.f_locals.get("inner")


CODE: CodeType = stepped.__code__
"""Of the generator between a coroutine and who awaits it."""
