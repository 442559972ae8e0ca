"""Celery: tasks as traces, linked to who sent them; eager ones as spans; nothing else changes."""

import time
import warnings
from collections import Counter
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta, timezone
from importlib import import_module
from inspect import signature
from pathlib import Path
from typing import Any

import pytest
from celery import Celery, Task, chain, signals
from celery.app import trace as celery_trace
from celery.exceptions import AlwaysEagerIgnored, Retry
from kombu.exceptions import OperationalError
from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.responses import Response
from starlette.routing import Route
from wrapt import resolve_path

import inprofile
from inprofile import process
from inprofile.core.trace_context import TraceContext
from inprofile.integrations.celery import Sent, queued_ns, read
from inprofile.testing import record
from tests import child
from tests.integrations.celery_parts import LIMIT_S, application, waited, working
from tests.integrations.outcome import both_ways, outcome
from tests.integrations.spans import spans
from tests.integrations.traced import asked
from tests.servers import free_port

SEND = ("other", "send add", "work", 1)


@pytest.fixture(scope="module")
def app():
    """An application with a worker, which was started while inprofile was there."""
    app = application()
    inprofile.instrument(app)
    with working(app):
        inprofile.uninstrument()  # each test puts us on itself
        yield app


@pytest.fixture
def eager():
    return application("eager", task_always_eager=True)


def finished(recorded, count):
    """The traces that are recorded, once there are so many of them."""
    deadline = time.monotonic() + LIMIT_S
    while len(recorded.traces) < count and time.monotonic() < deadline:
        time.sleep(0.005)
    assert len(recorded.traces) == count
    for trace in recorded.traces:
        assert sum(trace.stages.values()) == trace.wall_ns
    assert inprofile.status()["errors"] == 0
    return sorted(recorded.traces, key=lambda trace: trace.started_at)


def told(trace):
    """What is said of a try: its route, its root's kind, name and attributes, and its error."""
    root = trace.root
    return trace.door, trace.route, root.kind, root.name, root.attributes, trace.error


def fine(name):
    return ("task", f"task:{name}", "handler", name, None, None)


def test_a_task_is_a_trace_of_its_own_that_links_to_who_sent_it(app, recorded):
    with inprofile.job("work"):
        assert waited(app.tasks["add"].delay(1, 2)) == 3
    work, task = finished(recorded, 2)
    assert told(task) == fine("add")
    assert (task.link, work.link) == (work.identity, "")
    assert spans(task, "db", "other") == [("db", "sum", "add", 1)]
    assert spans(work, "other") == [SEND]
    assert 0 < task.stages["queue"] < task.wall_ns


def test_a_task_sent_by_name_or_from_no_trace_is_linked_where_there_is_a_link(app, recorded):
    sent = [app.send_task("add", [1, 2]), app.send_task(name="add", kwargs={"a": 3, "b": 4})]
    with inprofile.job("work"):
        sent.append(app.signature("add", (5, 6)).apply_async())
    assert [waited(result) for result in sent] == [3, 7, 11]
    traces = finished(recorded, 4)
    links = Counter(trace.link for trace in traces)
    (work,) = [trace for trace in traces if trace.door == "job"]
    assert links == {"": 3, work.identity: 1}


def test_the_tasks_that_a_request_and_its_background_task_send_are_linked_to_each(app):
    add = app.tasks["add"]

    async def endpoint(request):
        add.delay(1, 2)
        return Response(background=BackgroundTask(add.delay, 3, 4))

    with record() as recorded:
        asked(Starlette(routes=[Route("/", endpoint)]))
        traces = finished(recorded, 4)
    by_identity = {trace.identity: trace.route for trace in traces}
    assert {(trace.route, by_identity.get(trace.link)) for trace in traces} == {
        ("/", None),
        ("background:Task.delay", "/"),
        ("task:add", "/"),
        ("task:add", "background:Task.delay"),
    }


def test_a_task_that_sends_a_task_and_one_that_follows_another_are_linked(app, recorded):
    app.tasks["relay"].delay()
    relay, added = finished(recorded, 2)
    assert (relay.route, added.route) == ("task:relay", "task:add")
    assert added.link == relay.identity
    add = app.tasks["add"]
    assert waited(chain(add.s(1, 2), add.s(3)).delay()) == 6
    *_, first, second = finished(recorded, 4)
    assert second.link == first.identity
    assert spans(first, "db", "other") == [("db", "sum", "add", 1), ("other", "send add", "add", 1)]


def test_each_try_is_a_trace_with_its_number_and_a_retry_is_no_error(app, recorded):
    assert waited(app.tasks["insist"].delay(2)) == 2
    tries = finished(recorded, 3)
    assert [trace.root.attributes for trace in tries] == [
        {"celery.state": "RETRY"},
        {"celery.retries": 1, "celery.state": "RETRY"},
        {"celery.retries": 2},
    ]
    assert [trace.error for trace in tries] == [None] * 3
    assert [trace.link for trace in tries] == ["", tries[0].identity, tries[1].identity]


def test_waiting_for_an_eta_is_not_waiting_in_the_queue(app, recorded):
    assert waited(app.tasks["add"].apply_async((1, 2), countdown=2)) == 3
    (task,) = finished(recorded, 1)
    assert 0 < task.queue_ns < 1_500_000_000


@pytest.mark.parametrize(
    ("name", "error", "state"),
    [
        ("fail", "KeyError", "FAILURE"),
        ("expected", "KeyError", "FAILURE"),
        ("ignore", None, "IGNORED"),
        ("reject", None, "REJECTED"),
    ],
)
def test_what_celery_calls_a_failure_is_one(app, recorded, name, error, state):
    app.tasks[name].delay()
    (task,) = finished(recorded, 1)
    about = {"celery.state": state}
    assert told(task) == ("task", f"task:{name}", "handler", name, about, error)


def test_a_task_sees_the_headers_that_it_was_sent_with_and_no_other(app):
    headers = app.tasks["headers"]
    given = {"mine": 1}
    seen = both_ways(
        lambda: [waited(headers.delay()), waited(headers.apply_async(headers=given)), dict(given)]
    )
    assert seen[0] == seen[1] == [None, {"mine": 1}, {"mine": 1}]


def test_results_and_errors_are_celerys_own(app):
    calls = {
        "result": lambda: waited(app.tasks["add"].delay(1, 2)),
        "failure": lambda: waited(app.tasks["fail"].delay()),
        "eager failure": lambda: app.tasks["fail"].apply().get(),
        "eager raises": lambda: app.tasks["fail"].apply(throw=True),
        "argument missing": lambda: app.tasks["add"].delay(1),
        "no name": app.send_task,
        "name of no text": lambda: type(app.send_task(None)),
        "arguments of no list": lambda: app.send_task("add", 7),
        "no JSON": lambda: app.tasks["add"].delay(object, 1),
        "headers of no use": lambda: app.send_task("add", [1, 2], headers=7),
        "no kwargs": lambda: app.tasks["add"].apply((1, 2), 7),
        "not direct": lambda: app.tasks["insist"](1),
    }
    without, within = both_ways(lambda: {name: str(outcome(calls[name])) for name in calls})
    assert within == without


def test_a_broker_that_does_not_answer_is_the_callers_error():
    absent = Celery("absent", broker=f"amqp://127.0.0.1:{free_port()}", set_as_current=False)
    absent.conf.broker_transport_options = {"max_retries": 1, "interval_start": 0}

    def use():
        with pytest.raises(OperationalError) as error:
            absent.send_task("add", retry=False)
        return type(error.value), str(error.value)

    without, within = both_ways(use)
    assert without == within
    with record() as recorded, inprofile.job("work"):
        use()
    (send,) = [span for span in recorded.trace.spans if span.name == "send add"]
    assert (send.error, send.kind) == ("OperationalError", "other")


def test_an_eager_task_inside_of_a_trace_is_a_span_of_it(eager, recorded):
    with inprofile.job("work"):
        assert eager.tasks["add"].delay(1, 2).get() == 3
        assert eager.tasks["outer"].apply().get() == 4
        assert waited(eager.tasks["fail"].delay()) == (KeyError, ("own",))
    (trace,) = finished(recorded, 1)
    assert spans(trace, "handler", "db", "other") == [
        ("handler", "add", "work", 1),
        ("db", "sum", "add", 1),
        ("handler", "outer", "work", 1),
        ("handler", "add", "outer", 1),
        ("db", "sum", "add", 1),
        ("handler", "insist", "outer", 1),
        ("handler", "insist", "outer", 1),
        ("handler", "fail", "work", 1),
    ]
    told = {(span.name, span.error, str(span.attributes)) for span in trace.spans if span.error}
    assert told == {("fail", "KeyError", "{'celery.state': 'FAILURE'}")}
    assert [span.attributes for span in trace.spans if span.name == "insist"] == [
        {"celery.state": "RETRY"},
        {"celery.retries": 1},
    ]


def test_an_eager_task_outside_of_any_trace_is_one(eager, recorded):
    assert eager.tasks["outer"].delay().get() == 4
    (trace,) = finished(recorded, 1)
    assert told(trace) == fine("outer")
    assert (trace.link, trace.queue_ns) == ("", 0)


@pytest.mark.parametrize("inside", [False, True])
def test_what_an_eager_task_raises_passes_through_us(eager, inside):
    with record() as recorded:
        for name, args, error in (("fail", (), KeyError), ("insist", (1,), Retry)):
            around = inprofile.job("work") if inside else nullcontext()
            with around, pytest.raises(error):
                eager.tasks[name].apply(args, throw=True)
    found = [
        (span.error, span.attributes)
        for trace in recorded.traces
        for span in trace.spans
        if span.name in {"fail", "insist"}
    ]
    assert found == [("KeyError", {"celery.state": "FAILURE"}), (None, {"celery.state": "RETRY"})]


def test_a_task_of_a_class_of_the_users_is_run_as_ever(recorded):
    app = application("classes")
    ran = []

    class Own(Task):
        abstract = True

        def __call__(self, *args, **kwargs):
            ran.append("call")
            return super().__call__(*args, **kwargs)

        def before_start(self, *_):
            ran.append("before")

        def after_return(self, *_):
            ran.append("after")

    @app.task(base=Own, bind=True, name="own", shared=False)
    def own(self):
        ran.append("run")

    with inprofile.job("work"):
        own.apply()
    assert ran == ["before", "call", "run", "after"]
    assert spans(recorded.trace) == [("handler", "own", "work", 1)]


def test_signals_are_sent_inside_of_the_trace(app, recorded):
    seen = []

    def before(**_):
        with inprofile.span("of a receiver"):
            seen.append("prerun")

    signals.task_prerun.connect(before)
    try:
        assert waited(app.tasks["add"].delay(1, 2)) == 3
    finally:
        signals.task_prerun.disconnect(before)
    (trace,) = finished(recorded, 1)
    assert seen == ["prerun"]
    assert ("handler", "of a receiver", "add", 1) in spans(trace)


def test_a_warning_about_sending_names_the_callers_line(eager):
    eager.conf.broker_url = "memory://"
    with (
        warnings.catch_warnings(record=True, action="always") as caught,
        record(),
        inprofile.job("work"),
    ):
        eager.send_task("add", [1, 2])
    assert [(w.category, w.filename) for w in caught] == [(AlwaysEagerIgnored, __file__)]


def test_the_older_protocol_of_messages_carries_the_same(app, recorded):
    older = application(app.main, task_protocol=1)
    with inprofile.job("work"):
        assert waited(older.tasks["add"].delay(1, 2)) == 3
    task, work = sorted(finished(recorded, 2), key=lambda trace: trace.door != "task")
    assert told(task) == fine("add")
    assert (task.queue_ns > 0, task.link) == (True, work.identity)


NOW_S = 1_000_000.0
MINUTE_AGO = datetime.fromtimestamp(NOW_S - 60, UTC)


@pytest.mark.parametrize(
    ("sent_at_s", "eta", "expected_s"),
    [
        (NOW_S - 1.5, None, 1.5),
        (NOW_S + 5, None, 0),
        (NOW_S - 40 * 24 * 3600, None, 0),
        (NOW_S - 90, MINUTE_AGO.isoformat(), 60),
        (NOW_S - 90, MINUTE_AGO.replace(tzinfo=None).isoformat(), 60),
        (NOW_S - 90, MINUTE_AGO.astimezone(timezone(timedelta(hours=5))).isoformat(), 60),
        (NOW_S - 30, MINUTE_AGO.isoformat(), 30),
        (NOW_S - 90, datetime.fromtimestamp(NOW_S + 9, UTC).isoformat(), 0),
    ],
)
def test_the_wait_in_the_queue_begins_with_the_message_or_its_eta(sent_at_s, eta, expected_s):
    assert queued_ns(Sent(sent_at_s, ""), eta, NOW_S) == expected_s * 1_000_000_000


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (f"12.000000 {'0a' * 16}", Sent(12.0, "0a" * 16)),
        ("12.500000", Sent(12.5, "")),
        (
            f"12.000000 {'0a' * 16} 00-{'1' * 32}-{'2' * 16}-01",
            Sent(12.0, "0a" * 16, TraceContext("1" * 32, "2" * 16, 1)),
        ),
        ("12.500000 <script>", None),
        ("nan", None),
        ("9" * 400 + ".000000", None),
        (b"12.500000", None),
        (12.5, None),
        (None, None),
        ("", None),
    ],
)
def test_a_header_that_is_not_ours_says_nothing(header, found):
    assert read(header) == found


def places():
    inprofile.instrument()
    running = process.running()
    assert running is not None
    return [
        (import_module(module), patch.path)
        for module, found in running.tasks.patches.items()
        for patch in found
    ]


def test_what_is_patched_looks_as_it_did_and_is_put_back():
    inprofile.uninstrument()
    for module, path in places():
        inprofile.uninstrument()
        original = resolve_path(module, path)[2]
        inprofile.instrument()
        replaced = resolve_path(module, path)[2]
        assert replaced is not original
        assert signature(replaced) == signature(original)
        inprofile.uninstrument()
        assert resolve_path(module, path)[2] is original


def test_an_application_of_celerys_is_instrumented_by_the_one_line(eager):
    assert inprofile.instrument(eager) is eager
    assert inprofile.instrument(eager.tasks["add"].app) is eager
    assert inprofile.uninstrument(eager) is eager


def test_a_tracer_outlives_what_it_was_built_under(recorded):
    task = application("outlives").tasks["add"]
    tracer = celery_trace.build_tracer("add", task, app=task.app, eager=True)
    call: tuple[Any, ...]
    call = ("id", (1, 2), {}, {"id": "id", "is_eager": True, "delivery_info": {}})
    with inprofile.job("work"):
        assert tracer(*call).retval == 3
    assert spans(recorded.trace, "handler") == [("handler", "add", "work", 1)]
    inprofile.uninstrument()
    assert tracer(*call).retval == 3
    with record() as again:
        assert tracer(*call).retval == 3
    assert told(again.trace) == fine("add")


def test_importing_inprofile_imports_no_celery(tmp_path):
    script = """
import json, sys
import inprofile
inprofile.instrument()
print(json.dumps("celery" in sys.modules or "billiard" in sys.modules))
"""
    assert child.run(script, INPROFILE_DIR=tmp_path) is False


BESIDE_SENTRY = """
import json, sys
import inprofile
import sentry_sdk
from celery import Celery
from sentry_sdk.integrations.celery import CeleryIntegration
from inprofile.core.recorder import recording
from inprofile.testing import record

def sentry():
    sentry_sdk.init(integrations=[CeleryIntegration()], default_integrations=False,
                    traces_sample_rate=1.0, auto_enabling_integrations=False)

steps = [sentry, inprofile.instrument]
for step in steps if sys.argv[1] == "sentry first" else steps[::-1]:
    step()

from tests.integrations.celery_parts import application, waited, working
app = application()
with record() as recorded, working(app):
    with inprofile.job("work"):
        result = waited(app.tasks["add"].delay(1, 2)), app.tasks["add"].apply((3, 4)).get()
names = {trace.identity: trace.route for trace in recorded.traces}
found = [(trace.route, names.get(trace.link), trace.queue_ns > 0) for trace in recorded.traces]
print(json.dumps([result, sorted(found), inprofile.status()["errors"]]))
"""


@pytest.mark.parametrize("order", ["sentry first", "inprofile first"])
def test_sentry_beside_us_sees_its_own_and_we_see_ours(tmp_path, order):
    variables = {"INPROFILE_DIR": tmp_path, "PYTHONPATH": Path(__file__).parents[2]}
    assert child.run(BESIDE_SENTRY, order, **variables) == [
        [3, 7],
        [["job:work", None, False], ["task:add", "job:work", True]],
        0,
    ]
