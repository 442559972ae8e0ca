"""Log records with the ids of their trace, however logging is set up."""

import asyncio
import io
import json
import logging
import logging.config
import logging.handlers
import queue
import subprocess
import sys
import threading

import httpx
import pytest
from fastapi import FastAPI

import inprofile
from inprofile.core.recorder import recording
from inprofile.logs import FORMAT, TraceFilter, TraceFormatter
from tests import asgi
from tests.child import environment

SHORT = "%(trace_id)s/%(span_id)s/%(route)s/%(message)s"
CALLER = "0af7651916cd43dd8448eb211c80319c"
TRACEPARENT = f"00-{CALLER}-b7ad6b7169203331-01"


@pytest.fixture
def written():
    """The lines of the logger "shop", which a TraceFormatter has written."""
    stream = io.StringIO()
    with handling(logging.StreamHandler(stream)) as handler:
        handler.setFormatter(TraceFormatter(SHORT))
        yield lambda: stream.getvalue().splitlines()


class handling:  # noqa: N801 - reads as a function
    def __init__(self, handler):
        self.handler = handler
        self.logger = logging.getLogger("shop")

    def __enter__(self):
        self.logger.addHandler(self.handler)
        return self.handler

    def __exit__(self, *_):
        self.logger.removeHandler(self.handler)


def said(message):
    logging.getLogger("shop").warning(message)


def ids():
    """What the current span is known by."""
    span = recording()
    assert span is not None
    recorder = span.trace.recorder
    return recorder.identify(span.trace), recorder.identify_span(span)


def test_records_of_a_job_have_the_ids_of_their_spans(written):
    inprofile.instrument()
    with inprofile.job("import"):
        said("in the job")
        root = ids()
        with inprofile.span("part"):
            said("in a part")
            part = ids()
    said("outside")
    assert root[0] == part[0]
    assert root[1] != part[1]
    assert written() == [
        f"{root[0]}/{root[1]}/job:import/in the job",
        f"{part[0]}/{part[1]}/job:import/in a part",
        "///outside",
    ]


def test_without_inprofile_there_are_no_ids(written):
    said("alone")
    assert written() == ["///alone"]


def test_the_trace_is_the_callers_where_there_is_one(written):
    app = FastAPI()
    inprofile.instrument(app, tracing=True)

    @app.get("/orders/{pk}")
    async def order(pk: int):
        said("order")

    asgi.asked(app, "/orders/1", headers=[(b"traceparent", TRACEPARENT.encode())])
    (line,) = written()
    trace_id, span_id, rest = line.split("/", 2)
    assert (trace_id, len(span_id), rest) == (CALLER, 16, "/orders/{pk}/order")


def test_ids_are_those_of_the_kept_trace(written, recorded):
    with inprofile.job("import"), inprofile.span("part"):
        said("x")
    trace_id, span_id, _ = written()[0].split("/", 2)
    trace = recorded.trace
    (part,) = [span for span in trace.spans if span.name == "part"]
    assert (trace.identity, part.identity) == (trace_id, span_id)


def test_tasks_and_threads_that_copy_the_context_belong_to_the_trace(written):
    inprofile.instrument()

    async def work():
        with inprofile.job("both"):
            await asyncio.gather(step("a"), step("b"), asyncio.to_thread(said, "thread"))

    async def step(name):
        await asyncio.sleep(0)
        said(name)

    asyncio.run(work())
    raw = threading.Thread(target=said, args=["raw"])
    raw.start()
    raw.join()
    lines = [line.split("/") for line in written()]
    assert {each[3] for each in lines if each[0] and each[2] == "job:both"} == {"a", "b", "thread"}
    assert len({each[0] for each in lines if each[0]}) == 1
    assert lines[-1] == ["", "", "", "raw"]


def test_a_queue_handler_takes_the_ids_where_the_record_is_made():
    inprofile.instrument()
    stream = io.StringIO()
    target = logging.StreamHandler(stream)
    target.setFormatter(TraceFormatter(SHORT))
    waiting: queue.Queue = queue.Queue()
    listener = logging.handlers.QueueListener(waiting, target)
    with handling(logging.handlers.QueueHandler(waiting)) as handler:
        handler.addFilter(TraceFilter())
        listener.start()
        with inprofile.job("queued"):
            said("x")
            expected = ids()
        listener.stop()
    assert stream.getvalue() == f"{expected[0]}/{expected[1]}/job:queued/x\n"


def test_what_a_record_brings_along_stays(written):
    inprofile.instrument()
    with inprofile.job("own"):
        logging.getLogger("shop").warning("x", extra={"trace_id": "theirs", "route": "r"})
        span_id = ids()[1]
    assert written() == [f"theirs/{span_id}/r/x"]


CONFIG = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "inprofile.logs.TraceFilter"}},
    "formatters": {
        "lines": {"()": "inprofile.logs.TraceFormatter"},
        "json": {"format": '{"trace": "%(trace_id)s", "message": "%(message)s"}'},
    },
    "handlers": {
        "lines": {"class": "logging.StreamHandler", "formatter": "lines"},
        "json": {"class": "logging.StreamHandler", "formatter": "json", "filters": ["trace"]},
    },
    "loggers": {"shop.configured": {"handlers": ["lines", "json"], "propagate": False}},
}


def test_dict_config_takes_both(capsys):
    inprofile.instrument()
    logging.config.dictConfig(CONFIG)
    try:
        with inprofile.job("configured"):
            logging.getLogger("shop.configured").error("x")
            trace_id, span_id = ids()
    finally:
        logging.getLogger("shop.configured").handlers.clear()
    line, as_json = capsys.readouterr().err.splitlines()
    assert line.endswith(f" ERROR shop.configured trace_id={trace_id} span_id={span_id} x")
    assert json.loads(as_json) == {"trace": trace_id, "message": "x"}
    assert FORMAT.count("%(") == 6


def test_other_styles_are_those_of_logging():
    record = logging.LogRecord("shop", logging.INFO, __file__, 1, "x", None, None)
    assert TraceFormatter("{trace_id}|{message}", style="{").format(record) == "|x"
    assert TraceFormatter(style="{").format(record) == "x"


DJANGO = """
import json, sys
from django.conf import settings
from django.http import HttpResponse
from django.urls import path
import logging

def index(request):
    logging.getLogger("shop").warning("seen")
    return HttpResponse("ok")

urlpatterns = [path("orders/", index)]
settings.configure(
    ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"],
    MIDDLEWARE=["inprofile.django.Middleware"],
    LOGGING={
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"trace": {"()": "inprofile.logs.TraceFormatter", "fmt": %r}},
        "handlers": {
            "out": {"class": "logging.StreamHandler", "stream": sys.stdout, "formatter": "trace"}
        },
        "root": {"handlers": ["out"]},
    },
)
import django
django.setup()
from django.test import Client
for _ in range(2):  # Django reads MIDDLEWARE in the first
    Client().get("/orders/")
"""


def test_djangos_logging_takes_the_formatter(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", DJANGO % SHORT],
        env=environment(INPROFILE_DIR=tmp_path / "base"),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    trace_id, span_id, rest = done.stdout.splitlines()[-1].split("/", 2)
    assert (len(trace_id), len(span_id), rest) == (32, 16, "/orders//seen")


UVICORN = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "inprofile.logs.TraceFilter"}},
    "formatters": {
        "access": {
            "()": "uvicorn.logging.AccessFormatter",
            "fmt": "access %(trace_id)s %(route)s %(status_code)s",
        },
    },
    "handlers": {
        "access": {"class": "logging.StreamHandler", "formatter": "access", "filters": ["trace"]},
    },
    "loggers": {"uvicorn.access": {"handlers": ["access"], "level": "INFO", "propagate": False}},
}


def test_uvicorns_access_log_has_the_ids(serve, tmp_path):
    config = tmp_path / "logging.json"
    config.write_text(json.dumps(UVICORN))
    server = serve("uvicorn", "tests.load.shop:app", "--port", "{port}", "--log-config", config)
    httpx.get(f"{server.url}/pid").raise_for_status()
    lines = [line for line in server.log.read_text().splitlines() if line.startswith("access ")]
    words = [line.split(" ") for line in lines]
    assert {(len(trace_id), *rest) for _, trace_id, *rest in words} == {(32, "/pid", "200", "OK")}
    assert len({trace_id for _, trace_id, *_ in words}) == len(words) >= 2
