"""structlog: what a log call costs by its call site, and every caller as it was."""

import asyncio
import io
import json
import logging
import time
import warnings
from typing import Any

import pytest
import structlog
from structlog.processors import CallsiteParameter, CallsiteParameterAdder

import inprofile
from tests.integrations.lines import line_of, site
from tests.integrations.outcome import both_ways
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads

CALLER = [
    CallsiteParameter.PATHNAME,
    CallsiteParameter.FUNC_NAME,
    CallsiteParameter.LINENO,
    CallsiteParameter.MODULE,
    CallsiteParameter.THREAD_NAME,
]


def logger_of(*processors, level=0, wrapper=None, logger=None):
    """A logger that writes JSON into ``file``, and that file."""
    file = io.StringIO()
    made = structlog.wrap_logger(
        logger or structlog.WriteLogger(file),
        processors=[*processors, structlog.processors.JSONRenderer()],
        wrapper_class=wrapper or structlog.make_filtering_bound_logger(level),
        context_class=dict,
    )
    return made, file


def events(file):
    return [json.loads(line) for line in file.getvalue().splitlines()]


# What is recorded


def test_the_bytes_that_were_rendered_are_counted_by_call_site(recorded):
    logger, file = logger_of()
    with inprofile.job("work"):
        for number in range(3):
            logger.info("\N{SNOWMAN}", number=number)
    assert [span.attributes for span in recorded.trace.spans if span.kind == "logging"] == [
        {"inprofile.log.bytes": len(file.getvalue().rstrip().encode()) - 2}
    ]


def test_what_a_standard_handler_formats_is_counted_once(recorded):
    file = io.StringIO()
    below = logging.Logger("below")  # noqa: LOG001 - nobody else's
    below.addHandler(logging.StreamHandler(file))
    logger, _ = logger_of(logger=below)
    with inprofile.job("work"):
        logger.info("hello")
    assert [span.attributes for span in recorded.trace.spans if span.kind == "logging"] == [
        {"inprofile.log.bytes": len(file.getvalue()) - 1}
    ]


def two_places(logger):
    for number in range(3):
        logger.info("counted", number=number)
    logger.warning("ended", by="it")


TWO_PLACES = [
    ("logging", site(two_places, "counted"), "work", 3),
    ("logging", site(two_places, "ended"), "work", 1),
]


def test_repeats_of_a_call_are_one_span_by_call_site(recorded):
    logger, file = logger_of()
    with inprofile.job("work"):
        two_places(logger)
    assert spans(recorded.trace) == TWO_PLACES
    assert len(events(file)) == 4


def test_outside_of_a_trace_nothing_is_recorded(recorded):
    two_places(logger_of()[0])
    assert recorded.traces == []


def test_the_time_of_processors_and_of_the_output_is_logging(recorded):
    class Slow(structlog.WriteLogger):
        def info(self, message):
            time.sleep(0.01)
            super().info(message)

    def slow(logger, name, event):
        time.sleep(0.01)
        return event

    with inprofile.job("work"):
        two_places(logger_of(slow, logger=Slow(io.StringIO()))[0])
    trace = recorded.trace
    assert trace.stages["logging"] > 70_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_levels_that_are_filtered_out_are_not_recorded(recorded):
    logger, file = logger_of(level=logging.ERROR)
    below = logging.Logger("below", logging.ERROR)  # noqa: LOG001 - one of nobody's
    filtering, _ = logger_of(
        structlog.stdlib.filter_by_level, wrapper=structlog.stdlib.BoundLogger, logger=below
    )
    with inprofile.job("work"):
        two_places(logger)
        two_places(filtering)
        logger.log(logging.DEBUG, "too low")
    assert (file.getvalue(), spans(recorded.trace)) == ("", [])


def test_what_another_processor_drops_is_a_call_that_cost_something(recorded):
    def drop(logger, name, event):
        raise structlog.DropEvent

    logger, file = logger_of(drop)
    with inprofile.job("work"):
        two_places(logger)
    assert (file.getvalue(), spans(recorded.trace)) == ("", TWO_PLACES)


class Kept(logging.Handler):
    """A handler that keeps its records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


def stdlib(kind, *processors):
    """structlog over a logger of the standard library's, and the handler of that."""
    kept = Kept()
    below = kind("below")
    below.addHandler(kept)
    logger = structlog.wrap_logger(
        below,
        processors=[*processors, structlog.stdlib.render_to_log_kwargs],
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return logger, kept


FINDING = structlog.stdlib._FixedFindCallerLogger
kinds = pytest.mark.parametrize("kind", [logging.Logger, FINDING])


@kinds
def test_over_the_standard_library_a_call_is_counted_once(kind, recorded):
    logger, kept = stdlib(kind)
    with inprofile.job("work"):
        two_places(logger)
    assert spans(recorded.trace) == TWO_PLACES
    assert len(kept.records) == 4


async def awaited(logger):
    for number in range(3):
        await logger.ainfo("counted", number=number)


@pytest.mark.parametrize("wrapper", [None, structlog.stdlib.BoundLogger])
def test_calls_that_are_awaited_are_named_by_who_awaits(wrapper, recorded):
    logger, file = logger_of(CallsiteParameterAdder(CALLER[:3]), wrapper=wrapper)

    async def use():
        await asyncio.gather(awaited(logger), awaited(logger))

    with inprofile.job("work"):
        asyncio.run(use())
    assert spans(recorded.trace) == [("logging", site(awaited, "ainfo"), "work", 6)]
    assert {event["lineno"] for event in events(file)} == {line_of(awaited, "ainfo")}
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


def test_calls_of_many_threads_at_once_are_all_counted(recorded):
    logger, file = logger_of()
    with inprofile.job("work"):
        in_threads(two_places, *[(logger,)] * 8)
    counts = {name: count for _, name, _, count in spans(recorded.trace)}
    assert counts == {name: 8 * count for _, name, _, count in TWO_PLACES}
    assert len(events(file)) == 32


def test_json_that_a_processor_writes_is_logging(recorded):
    logger, _ = logger_of()
    with inprofile.job("work"):
        logger.info("nested", rows=[{"a": 1}])
    assert {span.kind for span in recorded.trace.spans[:-1]} == {"logging"}


# What stays as it was


def wrapped(logger, **kwargs):
    logger.info("from above", **kwargs)


def in_all_ways(logger):
    logger.info("info", a=1)
    logger.bind(b=2).error("bound %s", "argument")
    logger.log(logging.WARNING, "by level")
    try:
        raise KeyError("lost")
    except KeyError:
        logger.exception("caught")
    wrapped(logger)


@pytest.mark.parametrize(
    "wrapper",
    [None, structlog.stdlib.BoundLogger, structlog.BoundLogger],
    ids=["filtering", "stdlib", "generic"],
)
def test_the_caller_that_processors_find_is_who_called(wrapper):
    def use():
        logger, file = logger_of(
            CallsiteParameterAdder(CALLER),
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            wrapper=wrapper,
        )
        (two_places if wrapper is structlog.BoundLogger else in_all_ways)(logger)
        return events(file)

    without, within = both_ways(use)
    assert without == within
    assert {event["pathname"] for event in within} == {__file__}


def passed_through(logger):
    logger.info("plain")
    for stacklevel in range(1, 7):
        logger.info("with a level", stacklevel=stacklevel)
    logger.info("with a stack", stack_info=True)
    logger.warning("with a stack from above", stack_info=True, stacklevel=2)


@kinds
def test_the_caller_and_stacklevel_of_the_standard_library_stay(kind):
    def use():
        logger, kept = stdlib(kind)
        passed_through(logger)
        return [(each.pathname, each.lineno, each.funcName) for each in kept.records]

    without, within = both_ways(use)
    assert without == within
    if kind is FINDING:
        assert within[0] == (__file__, line_of(passed_through, "plain"), "passed_through")


def test_a_warning_from_a_processor_names_the_same_line():
    def warns(logger, name, event):
        warnings.warn("beware", stacklevel=5)
        return event

    def use():
        logger, _ = logger_of(warns)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            two_places(logger)
        return [(warning.filename, warning.lineno) for warning in caught]

    without, within = both_ways(use)
    assert without == within
    assert within[0] == (__file__, line_of(two_places, "counted"))


def test_errors_of_processors_and_loggers_come_out_as_they_did(recorded):
    def fails(logger, name, event):
        raise LookupError("processor")

    def nothing(logger, name, event) -> Any:
        return 5

    class Broken(structlog.WriteLogger):
        def info(self, message):
            raise OSError("disk full")

    class Odd:
        def __repr__(self):
            raise RuntimeError("nobody may look")

    with inprofile.job("work"):
        with pytest.raises(LookupError, match="processor"):
            two_places(logger_of(fails)[0])
        with pytest.raises(OSError, match="disk full"):
            two_places(logger_of(logger=Broken(io.StringIO()))[0])
        with pytest.raises(RuntimeError, match="nobody may look"):
            logger_of()[0].info("odd", odd=Odd())
        with pytest.raises(TypeError, match="positional argument"):
            logger_of()[0].info()
        with pytest.raises(ValueError, match="appropriate value"):
            structlog.wrap_logger(None, processors=[nothing]).info("nothing")
    assert inprofile.status()["errors"] == 0
    assert recorded.trace.error is None


def test_a_call_returns_what_the_logger_below_returns(recorded):
    returning = structlog.wrap_logger(structlog.ReturnLogger(), processors=[])
    with inprofile.job("work"):
        assert returning.info("event", a=1) == ((), {"a": 1, "event": "event"})
