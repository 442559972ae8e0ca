"""logging: what a log call costs by its call site, and every record as it was."""

import io
import logging
import logging.handlers
import queue
import sqlite3
import sys
import time
from functools import partial, update_wrapper

import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.lines import line_of, site
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads

VARYING = {"created", "msecs", "relativeCreated", "taskName", "thread", "stack_info", "exc_text"}


def logger_of(*handlers, level=logging.DEBUG, kind=logging.Logger):
    """A logger that belongs to nobody else."""
    logger = kind("lonely")
    logger.setLevel(level)
    for handler in handlers:
        logger.addHandler(handler)
    return logger


class Kept(logging.Handler):
    """A handler that keeps its records."""

    def __init__(self):
        super().__init__()
        self.records = []

    def emit(self, record):
        self.records.append(record)


# What is recorded


def two_places(logger):
    for number in range(3):
        logger.info("number %d", number)
    logger.warning("the end of %s", "it")


def test_repeats_of_a_call_are_one_span_by_call_site(recorded):
    with inprofile.job("work"):
        two_places(logger_of(Kept()))
    assert spans(recorded.trace) == [
        ("logging", site(two_places, "number %d"), "work", 3),
        ("logging", site(two_places, "the end"), "work", 1),
    ]


def many(logger):
    for number in range(5000):
        logger.debug("number %d", number)


def test_thousands_of_calls_are_counted_and_fill_nothing(recorded):
    with inprofile.job("work"):
        many(logger_of(Kept()))
    trace = recorded.trace
    assert spans(trace) == [("logging", site(many, "number %d"), "work", 5000)]
    assert (trace.dropped, sum(trace.stages.values())) == (0, trace.wall_ns)


def test_the_same_call_below_two_parents_is_counted_below_each(recorded):
    logger = logger_of(Kept())
    with inprofile.job("work"):
        for name in ("first", "second"):
            with inprofile.span(name, kind="cache"):
                two_places(logger)
    numbers = site(two_places, "number %d")
    assert [span for span in spans(recorded.trace, "logging") if span[1] == numbers] == [
        ("logging", numbers, "first", 3),
        ("logging", numbers, "second", 3),
    ]


def test_the_time_of_handlers_and_formatters_is_logging(recorded):
    class Slow(logging.Formatter):
        def format(self, record):
            time.sleep(0.01)
            return super().format(record)

    handler = logging.StreamHandler(io.StringIO())
    handler.setFormatter(Slow())
    with inprofile.job("work"):
        two_places(logger_of(handler))
    trace = recorded.trace
    assert trace.stages["logging"] > 40_000_000


@pytest.mark.parametrize("how", ["level of the logger", "disabled below", "disabled logger"])
def test_calls_that_are_switched_off_are_not_recorded(how, recorded):
    kept = Kept()
    logger = logger_of(kept)
    if how == "level of the logger":
        logger.setLevel(logging.ERROR)
    elif how == "disabled below":
        logger.manager = logging.Manager(logging.RootLogger(logging.WARNING))
        logger.manager.disable = logging.CRITICAL
    else:
        logger.disabled = True
    with inprofile.job("work"):
        two_places(logger)
    assert kept.records == []
    assert spans(recorded.trace) == []


def test_a_handler_that_logs_is_part_of_the_first_call(recorded):
    below = Kept()
    lower = logger_of(below)

    class Logs(logging.Handler):
        def emit(self, record):
            lower.info("below %s", record.getMessage())

    with inprofile.job("work"):
        two_places(logger_of(Logs()))
    assert [kept.getMessage() for kept in below.records] == [
        "below number 0",
        "below number 1",
        "below number 2",
        "below the end of it",
    ]
    assert spans(recorded.trace) == [
        ("logging", site(two_places, "number %d"), "work", 3),
        ("logging", site(two_places, "the end"), "work", 1),
    ]


def test_a_handler_that_queries_has_its_query_below_its_own_call(recorded):
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE log (message)")

    class Stores(logging.Handler):
        def emit(self, record):
            if record.levelno > logging.INFO:
                db.execute("INSERT INTO log VALUES (?)", [record.getMessage()])

    with inprofile.job("work"):
        two_places(logger_of(Stores()))
    assert db.execute("SELECT message FROM log").fetchall() == [("the end of it",)]
    db.close()
    end = site(two_places, "the end")
    assert [span for span in spans(recorded.trace) if span[3]] == [
        ("logging", site(two_places, "number %d"), "work", 3),
        ("logging", end, "work", 1),
        ("db", "INSERT INTO log VALUES (?)", end, 1),
    ]
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


def test_calls_of_many_threads_at_once_are_all_counted(recorded):
    logger = logger_of(Kept())
    with inprofile.job("work"):
        in_threads(two_places, *[(logger,)] * 8)
    counts = {name: count for _, name, _, count in spans(recorded.trace)}
    assert counts == {site(two_places, "number %d"): 24, site(two_places, "the end"): 8}


# What stays as it was


def told(record):
    """All of a record but its times, with its traceback as text."""
    values = {name: value for name, value in vars(record).items() if name not in VARYING}
    if record.exc_info:
        values["exc_info"] = logging.Formatter().formatException(record.exc_info)
    values["stack"] = record.stack_info and record.stack_info.splitlines()[-2:]
    return values | {"getMessage": record.getMessage()}


def plainly(kept):
    logger = logger_of(kept)
    logger.info("one %s", "argument")
    logger.log(logging.ERROR, "%(by)s", {"by": "name"}, extra={"request": 5})
    logger.debug("no arguments", stack_info=True)
    logger.warning({"not": "text"})


def with_errors(kept):
    logger = logger_of(kept)
    try:
        raise KeyError("lost")
    except KeyError as error:
        logger.exception("caught")
        logger.error("given", exc_info=error)
        logger.critical("told", exc_info=sys.exc_info())


def wrapped(logger, *args, **kwargs):
    logger.info(*args, **kwargs)


def from_further_up(kept):
    logger = logger_of(kept)
    wrapped(logger, "seen here", stacklevel=2)
    wrapped(logger, "seen at the top", stacklevel=3)
    wrapped(logger, "with a stack", stacklevel=2, stack_info=True)


def through_an_adapter(kept):
    adapter = logging.LoggerAdapter(logger_of(kept), {"request": 7})
    adapter.info("adapted")
    adapter.warning("again", stacklevel=1)


class MyRecord(logging.LogRecord):
    def getMessage(self):  # noqa: N802 - logging's own name
        return super().getMessage().upper()


class MyLogger(logging.Logger):
    def makeRecord(self, *args, **kwargs):  # noqa: N802 - logging's own name
        made = super().makeRecord(*args, **kwargs)
        made.made_by = type(self).__name__
        return made


class HandlingLogger(logging.Logger):
    def handle(self, record):
        record.handled_by = "HandlingLogger"
        super().handle(record)


def by_loggers_of_the_users(kept):
    for kind in (MyLogger, HandlingLogger):
        logger_of(kept, kind=kind).info("made by me")
    mine = logger_of(kept)
    mine.handle(MyRecord("mine", logging.INFO, "/there.py", 5, "given", (), None))


def through_filters(kept):
    class Adds(logging.Filter):
        def filter(self, record):
            record.added = True
            return "dropped" not in record.msg

    logger = logger_of(kept)
    logger.addFilter(Adds())
    logger.info("kept")
    logger.info("dropped")
    kept.addFilter(lambda record: "also" not in record.msg)
    logger.info("also dropped")


def through_parents(kept):
    parent, child = logger_of(kept), logging.Logger("child")  # noqa: LOG001 - one of nobody's
    child.parent = parent
    child.info("from the child")
    child.propagate = False
    child.addHandler(logging.NullHandler())
    child.info("kept to itself")


def through_a_queue(kept):
    waiting = queue.Queue[logging.LogRecord]()
    logger = logger_of(logging.handlers.QueueHandler(waiting))
    listener = logging.handlers.QueueListener(waiting, kept)
    listener.start()
    logger.info("queued %s", "up")
    listener.stop()


USES = [
    plainly,
    with_errors,
    from_further_up,
    through_an_adapter,
    by_loggers_of_the_users,
    through_filters,
    through_parents,
    through_a_queue,
]


@pytest.mark.parametrize("use", USES)
def test_records_are_the_same_with_and_without_us(use):
    seen = []
    for recording in (False, True):
        kept = Kept()
        if recording:
            with record(), inprofile.job("work"):
                run(use, kept)
        else:
            inprofile.uninstrument()
            run(use, kept)
        seen.append([told(record) for record in kept.records])
    assert seen[0] == seen[1] != []


def run(use, kept):
    """One line from which ``use`` is called, so that callers further up are the same."""
    use(kept)


def at_the_top(kept):
    from_further_up(kept)


def test_the_caller_is_who_called(recorded):
    kept = Kept()
    with inprofile.job("work"):
        at_the_top(kept)
    assert [(record.pathname, record.funcName, record.lineno) for record in kept.records] == [
        (__file__, "from_further_up", line_of(from_further_up, "seen here")),
        (__file__, "at_the_top", line_of(at_the_top, "from_further_up(kept)")),
        (__file__, "from_further_up", line_of(from_further_up, "with a stack")),
    ]
    assert [name for _, name, _, _ in spans(recorded.trace)] == [
        f"{record.pathname}:{record.lineno} {record.funcName}" for record in kept.records
    ]


def test_formatted_text_is_the_same(capsys):
    written = []
    for recording in (False, True):
        stream = io.StringIO()
        handler = logging.StreamHandler(stream)
        handler.setFormatter(
            logging.Formatter("{levelname} {filename}:{lineno} {funcName} {message}", style="{")
        )
        if recording:
            with record(), inprofile.job("work"):
                two_places(logger_of(handler))
        else:
            inprofile.uninstrument()
            two_places(logger_of(handler))
        written.append(stream.getvalue())
    assert written[0] == written[1]
    assert len(written[0].splitlines()) == 4


def test_the_call_stack_of_a_handler_that_fails_begins_at_the_caller(capsys):
    class Full(io.StringIO):
        def write(self, text):
            raise OSError("disk full")

    def call_stack():
        logger_of(logging.StreamHandler(Full())).warning("hello")
        return capsys.readouterr().err.partition("Call stack:")[2]

    inprofile.uninstrument()
    without = call_stack()
    with record(), inprofile.job("work"):
        within = call_stack()
    assert f"{__file__}" in without
    assert within.splitlines()[-4:] == without.splitlines()[-4:]


def test_what_another_tool_has_put_there_may_be_any_callable(monkeypatch):
    class Counted:
        """No function: it has no code of its own."""

        def __init__(self, original):
            self.original = original
            update_wrapper(self, original)

        def __get__(self, logger, owner=None):
            return partial(self.original, logger)

        def __call__(self, *args, **kwargs):
            return self.original(*args, **kwargs)

    monkeypatch.setattr(logging.Logger, "handle", Counted(logging.Logger.handle))
    with record() as recorded:
        with inprofile.job("work"):
            logger_of(Kept()).warning("hello")
        assert inprofile.status()["errors"] == 0
    assert [kind for kind, _, _, _ in spans(recorded.trace)] == ["logging"]
    inprofile.uninstrument()
    assert type(vars(logging.Logger)["handle"]) is Counted


def log_bytes(trace):
    return [span.attributes for span in trace.spans if span.kind == "logging"]


def test_the_bytes_of_what_was_formatted_are_counted_by_call_site(recorded):
    stream, other = (logging.StreamHandler(io.StringIO()) for _ in range(2))
    logger = logger_of(stream, other)
    with inprofile.job("work"):
        for word in ("a", "\N{SNOWMAN}", "\udcff"):
            logger.warning("hello %s", word)
        logger_of(Kept()).warning("formatted by nobody")
    assert log_bytes(recorded.trace) == [{"inprofile.log.bytes": 2 * (7 + 9 + 9)}, None]


def test_a_call_that_became_a_span_of_its_own_has_its_own_bytes(recorded):
    class Remembers(logging.StreamHandler):
        def emit(self, record):
            super().emit(record)
            if record.args == ("xx", 2):
                with inprofile.span("db"):
                    pass

    logger = logger_of(Remembers(io.StringIO()))
    with inprofile.job("work"):
        for number in range(1, 4):
            logger.warning("%s%s", "x" * number, number)
    assert sorted(map(str, log_bytes(recorded.trace))) == [
        "{'inprofile.log.bytes': 3}",
        "{'inprofile.log.bytes': 6}",
    ]


def test_a_handler_that_fails_is_handled_as_ever(capsys, recorded):
    class Fails(logging.Handler):
        def emit(self, record):
            try:
                raise KeyError("broken handler")
            except KeyError:
                self.handleError(record)

    class Raises(logging.Handler):
        def emit(self, record):
            raise LookupError("not handled")

    with inprofile.job("work"):
        two_places(logger_of(Fails()))
        assert capsys.readouterr().err.count("broken handler") == 8
        with pytest.raises(LookupError, match="not handled"):
            two_places(logger_of(Raises()))
    assert recorded.trace.error is None
