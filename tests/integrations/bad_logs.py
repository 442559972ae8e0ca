"""Log calls that fail, in the call or in what is done with it."""

# ruff: noqa: G101, PLE1205, PLE1206 - that is what they are for
# mypy: disable-error-code="arg-type, attr-defined, call-arg, call-overload, dict-item, index, misc"

import logging
from typing import Any

import loguru
import structlog

from tests.integrations.bad_data import OBJECTS, refusing
from tests.integrations.bad_values import given, library
from tests.integrations.mysql_parts import Unlucky


class Raising(logging.Handler):
    def emit(self, record):
        raise KeyError("handler")


def logs(handler, **more):
    """A logger of its own with a handler, and how it is called."""
    logger = logging.Logger("bad", logging.INFO)  # noqa: LOG001 - one that nobody else has
    logger.addHandler(handler)
    for name, value in more.items():
        getattr(logger, name)(value)
    return logger


@library
def logging_(request):
    class Format(logging.Formatter):
        def format(self, record):
            raise KeyError("formatter")

    class Filter(logging.Filter):
        def filter(self, record):
            raise KeyError("filter")

    written = logging.StreamHandler()
    broken = logging.StreamHandler()
    broken.setFormatter(Format())
    logger: Any = logs(written)
    handled = written.handleError

    def raises(record):
        handled(record)
        raise  # noqa: PLE0704 - what was just told

    vars(written)["handleError"] = raises
    yield {
        **given(logger.info, "msg", OBJECTS),
        "too few": lambda: logger.info("%s %s", 1),
        "too many": lambda: logger.info("none", 1),
        "another kind": lambda: logger.info("%d", "one"),
        "an unlucky value": lambda: logger.info("%s", Unlucky()),
        "a handler": lambda: logs(Raising()).warning("hello"),
        "a formatter": lambda: logs(broken).warning("hello"),
        "a filter": lambda: logs(written, addFilter=Filter()).warning("hello"),
        "extra": lambda: logger.info("hello", extra={"message": 1}),
        "a level": lambda: logger.log("loud", "hello"),
        "a record": lambda: logger.handle(7),
        "an argument": lambda: logger.info("hello", no_such=1),
    }


@library
def structlog_(request):
    def processor(logger, name, event):
        raise KeyError("processor")

    def bad(*processors, factory=structlog.ReturnLoggerFactory()):  # noqa: B008 - has no state
        return structlog.wrap_logger(
            factory(), processors=processors, wrapper_class=structlog.BoundLogger
        )

    rendered = bad(structlog.processors.JSONRenderer())
    yield {
        **given(rendered.info, "event", OBJECTS),
        "a processor": lambda: bad(processor).info("hello"),
        "a processor that is none": lambda: bad(7).info("hello"),
        "a result that is none": lambda: bad(lambda *_: 7).info("hello"),
        "dropped": lambda: bad(lambda *_: refusing("x")).info("hello"),
        "twice the same": lambda: rendered.info("hello", event="hello"),
        "too few": lambda: bad(structlog.stdlib.PositionalArgumentsFormatter()).info("%s %s", 1),
    }


@library
def loguru_(request):
    core: Any = type(loguru.logger._core)

    def logger(sink=lambda text: None, **options):
        made: Any = type(loguru.logger)(core(), None, 0, False, False, False, False, True, [], {})
        made.add(sink, catch=False, **options)
        return made

    plain = logger(format="{message}")
    yield {
        **given(plain.info, "_Logger__message", OBJECTS),
        "missing": lambda: plain.info("{missing}", a=1),
        "an unlucky value": lambda: plain.info("{}", Unlucky()),
        "a sink": lambda: logger(refusing).info("hello"),
        "a format": lambda: logger(format=refusing).info("hello"),
        "a filter": lambda: logger(filter=refusing).info("hello"),
        "a patcher": lambda: plain.patch(refusing).info("hello"),
        "a level": lambda: plain.log("loud", "hello"),
        "what cannot be written": lambda: logger(serialize=True).bind(a={(1, 2): 3}).info("hello"),
    }
