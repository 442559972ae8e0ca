"""loguru: what a log call costs by its call site, and every caller as it was."""

import asyncio
import inspect
import json
import logging
import time

import pytest
from loguru import logger as ours

import inprofile
from inprofile.testing import record
from tests.integrations.lines import line_of, site
from tests.integrations.outcome import both_ways
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads

FORMAT = "{level} {name}:{function}:{line} {message} {extra}"


@pytest.fixture
def written():
    """What loguru's only sink was given."""
    ours.remove()
    written: list[str] = []
    ours.add(
        lambda message: written.append(str(message)), format=FORMAT, level="INFO", diagnose=False
    )
    yield written
    ours.remove()
    ours.enable("")


def two_places(logger):
    for number in range(3):
        logger.info("number {}", number)  # noqa: PLE1205 - loguru's own format
    logger.warning("the end of {it}", it="it")


TWO_PLACES = [
    ("logging", site(two_places, "number {}"), "work", 3),
    ("logging", site(two_places, "the end"), "work", 1),
]


def test_repeats_of_a_call_are_one_span_by_call_site(written, recorded):
    with inprofile.job("work"):
        two_places(ours)
    assert spans(recorded.trace) == TWO_PLACES
    assert len(written) == 4


def test_a_call_with_several_sinks_is_one(written, recorded):
    ours.add(written.append, format="{message}")
    ours.add(written.append, format="{message}", level="ERROR")
    with inprofile.job("work"):
        two_places(ours)
    assert spans(recorded.trace) == TWO_PLACES
    assert len(written) == 8


def test_the_bytes_that_were_written_are_counted_by_call_site(written, recorded, tmp_path):
    ours.add(tmp_path / "log.txt", format="{message}", level="WARNING", encoding="utf-8")
    with inprofile.job("work"):
        two_places(ours)
        ours.critical("\N{SNOWMAN}")
    assert [span.attributes for span in recorded.trace.spans if span.kind == "logging"] == [
        {"inprofile.log.bytes": sum(len(text.encode()) for text in texts) + filed}
        for texts, filed in [
            (written[:3], 0),
            (written[3:4], len("the end of it\n")),
            (written[4:], len("\N{SNOWMAN}\n".encode())),
        ]
    ]


def test_outside_of_a_trace_nothing_is_recorded(written, recorded):
    two_places(ours)
    assert recorded.traces == []


def test_the_time_of_patchers_formats_and_sinks_is_logging(recorded):
    def slow(_):
        time.sleep(0.01)
        return "{message}\n"

    ours.remove()
    ours.add(slow, format=slow)
    with inprofile.job("work"):
        two_places(ours.patch(slow))
    ours.remove()
    trace = recorded.trace
    assert trace.stages["logging"] > 110_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


@pytest.mark.parametrize("how", ["level", "module", "no sink", "unknown number"])
def test_calls_that_are_switched_off_are_not_recorded(how, written, recorded):
    if how == "module":
        ours.disable(__name__)
    elif how == "no sink":
        ours.remove()
    with inprofile.job("work"):
        if how == "level":
            ours.debug("too low")
        elif how == "unknown number":
            ours.log(3, "too low")
        else:
            two_places(ours)
    assert (written, spans(recorded.trace)) == ([], [])


def test_json_that_is_written_of_a_record_is_logging(recorded):
    rows: list[str] = []
    ours.remove()
    ours.add(rows.append, serialize=True)
    with inprofile.job("work"):
        two_places(ours)
    ours.remove()
    assert spans(recorded.trace) == TWO_PLACES
    assert json.loads(rows[0])["record"]["line"] == line_of(two_places, "number {}")


def test_tasks_and_threads_are_all_counted(written, recorded):
    async def one():
        await asyncio.sleep(0)
        two_places(ours)

    async def several():
        await asyncio.gather(one(), one())

    with inprofile.job("work"):
        asyncio.run(several())
        in_threads(two_places, *[(ours,)] * 4)
    counts = {name: count for _, name, _, count in spans(recorded.trace)}
    assert counts == {name: 6 * count for _, name, _, count in TWO_PLACES}
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


# What stays as it was


def above(logger, **options):
    logger.opt(**options).info("from above")


def lazily():
    return "made late"


@ours.catch
def caught():
    raise KeyError("decorated")


def in_all_ways(logger):
    logger.info("plain")
    logger.log("WARNING", "by name")
    logger.log(35, "by number")
    logger.bind(user=1).success("bound")
    logger.opt(depth=0, lazy=True, colors=True).info("<red>{}</red>", lazily)
    for depth in range(4):
        above(logger, depth=depth)
    above(logger, depth=1, record=True, raw=True)
    above(logger, depth=10_000)
    logger.opt(exception=ValueError("given")).error("with an error")
    try:
        raise KeyError("lost")
    except KeyError:
        logger.exception("caught")
    with logger.catch(message="in a block"):
        raise KeyError("block")
    caught()
    with logger.contextualize(request=5):
        logger.patch(lambda record: record["extra"].update(patched=True)).info("patched")


def lines_of(use, written):
    """What ``use`` writes without us, and in a trace of ours."""

    def fresh():
        written.clear()
        use(ours)
        return list(written)

    return both_ways(fresh)


def test_name_function_and_line_are_those_of_the_caller(written):
    without, within = lines_of(in_all_ways, written)
    assert within == without
    assert within[0].startswith(
        f"INFO {__name__}:in_all_ways:{line_of(in_all_ways, 'plain')} plain"
    )


def from_depths():
    above(ours, depth=0)
    above(ours, depth=1)
    above(ours, depth=10_000)


def test_a_span_is_named_by_the_caller_that_loguru_tells(written, recorded):
    with inprofile.job("work"):
        from_depths()
    assert [name for _, name, _, _ in spans(recorded.trace)] == [
        site(above, "info"),
        site(from_depths, "depth=1)"),
        "<unknown>:0 <unknown>",
    ]


class Intercept(logging.Handler):
    """The handler of loguru's documentation, which looks for who called logging."""

    def emit(self, record):
        frame, depth = inspect.currentframe(), 0
        while frame and (depth == 0 or frame.f_code.co_filename == logging.__file__):
            frame = frame.f_back
            depth += 1
        ours.opt(depth=depth, exception=record.exc_info).log(record.levelname, record.getMessage())


def intercepted(_):
    logger = logging.Logger("intercepted")  # noqa: LOG001 - one of nobody's
    logger.addHandler(Intercept())
    logger.info("number %d", 1)
    logging.LoggerAdapter(logger, {}).warning("adapted")


def test_what_is_intercepted_from_logging_is_counted_once_with_its_caller(written):
    without, within = lines_of(intercepted, written)
    assert within == without
    assert within[0].startswith(
        f"INFO {__name__}:intercepted:{line_of(intercepted, 'number %d')} number 1"
    )
    with record() as recorded, inprofile.job("work"):
        intercepted(ours)
    assert spans(recorded.trace) == [
        ("logging", site(intercepted, "number %d"), "work", 1),
        ("logging", site(intercepted, "adapted"), "work", 1),
    ]


def test_what_is_propagated_to_logging_is_counted_once(recorded):
    class Kept(logging.Handler):
        def emit(self, record):
            kept.append((record.pathname, record.funcName, record.lineno))

    kept: list[tuple] = []
    ours.remove()
    ours.add(Kept(), format="{message}")
    with inprofile.job("work"):
        two_places(ours)
    ours.remove()
    assert spans(recorded.trace) == TWO_PLACES
    assert kept[-1] == (__file__, "two_places", line_of(two_places, "the end"))


def test_errors_of_sinks_and_of_bad_calls_come_out_as_they_did(written, recorded):
    def fails(message):
        raise OSError("disk full")

    class Odd:
        def __str__(self):
            raise RuntimeError("nobody may look")

    with inprofile.job("work"):
        with pytest.raises(KeyError, match="missing"):
            ours.info("{missing}", given=1)
        with pytest.raises(RuntimeError, match="nobody may look"):
            ours.info(Odd())
        with pytest.raises(ValueError, match="Level 'NONE' does not exist"):
            ours.log("NONE", "x")
        with pytest.raises(TypeError, match="Invalid level"):
            ours.log(None, "x")  # type: ignore[call-overload]
        with pytest.raises(TypeError, match="Invalid level"):
            ours.log([], "x")  # type: ignore[call-overload]
        with pytest.raises(ValueError, match="Invalid level value"):
            ours.log(-1, "x")
        ours.add(fails, catch=False)
        with pytest.raises(OSError, match="disk full"):
            ours.info("x")
    assert inprofile.status()["errors"] == 0
    assert recorded.trace.error is None


def test_a_sink_that_fails_is_told_as_ever(recorded, capsys):
    def fails(message):
        raise OSError("disk full")

    ours.remove()
    ours.add(fails)
    with inprofile.job("work"):
        two_places(ours)
    ours.remove()
    assert capsys.readouterr().err.count("OSError: disk full") == 4
    assert spans(recorded.trace) == TWO_PLACES
