"""Celery's real workers: every pool counts exactly, also after children were killed or replaced."""

import os
import signal
from collections import Counter

import pytest
from starlette.applications import Starlette

import inprofile
from inprofile.testing import record
from tests.exporters.exposed import scraped, total
from tests.exporters.received import spans
from tests.integrations.celery_app import configured
from tests.integrations.celery_worker import LIMIT_S, Worker, outcome, reached

POOLS = ["--pool=prefork --concurrency=3", "--pool=threads --concurrency=4", "--pool=solo"]
JOBS = "inprofile_job_duration_seconds_count"


@pytest.fixture
def results(tmp_path):
    directory = tmp_path / "results"
    directory.mkdir()
    return directory


@pytest.fixture
def client(valkey_address, results):
    """What sends tasks to the test's queue and reads their results."""
    with configured(valkey_address, results) as app:
        yield app


@pytest.fixture
def start(group, valkey_address, results):
    """Starts a worker of the test's group."""
    workers = []

    def start(options, **more):
        workers.append(Worker(group, valkey_address, results, *options.split(), **more))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


@pytest.mark.parametrize("pool", [*POOLS, "--pool=gevent --concurrency=8"])
def test_every_try_of_every_task_is_counted_and_kept(start, client, pool):
    inprofile.instrument()
    worker = start(pool)
    sent = [client.send_task("work") for _ in range(60)]
    sent += [client.send_task("fail") for _ in range(3)]
    client.send_task("try_again", [2])  # one child's RETRY may be stored after another's SUCCESS
    ended = Counter(outcome(result)[0] for result in sent)
    assert ended == {"SUCCESS": 60, "KeyError": 3}
    counts = {("work", ""): 60, ("fail", "KeyError"): 3, ("try_again", ""): 3}
    assert worker.counted(66) == counts
    last = client.send_task("hang", [1])
    reached(last, "HANGS")
    worker.stop()
    assert worker.counted(67) == counts | {("hang", ""): 1}
    kept = worker.kept()
    assert Counter((trace.route, trace.error) for trace in kept) == {
        ("task:work", None): 60,
        ("task:fail", "KeyError"): 3,
        ("task:try_again", None): 3,
        ("task:hang", None): 1,
    }
    assert all(sum(trace.stages.values()) == trace.wall_ns for trace in kept)
    assert all(trace.stages["queue"] > 0 for trace in kept)
    tries = [trace for trace in kept if trace.route == "task:try_again"]
    links = {trace.identity: trace.link for trace in tries}
    assert Counter(link in links for link in links.values()) == {True: 2, False: 1}


def test_a_killed_child_takes_what_it_was_at_and_nothing_else(start, client, group):
    worker = start("--pool=prefork --concurrency=3")
    before = [client.send_task("work") for _ in range(40)]
    first = {outcome(result)[1] for result in before}
    assert worker.counted(40) == {("work", ""): 40}
    hanging = client.send_task("hang", [LIMIT_S])
    killed = reached(hanging, "HANGS")
    os.kill(killed, signal.SIGKILL)
    assert outcome(hanging)[0] == "WorkerLostError"
    second = {outcome(client.send_task("work"))[1] for _ in range(20)}
    assert killed not in second
    assert len(first | second) > 1
    assert worker.counted(60) == {("work", ""): 60}
    web = inprofile.instrument(Starlette())
    with inprofile.job("web"):
        assert outcome(client.send_task("work"))[0] == "SUCCESS"
    assert worker.counted(61) == {("work", ""): 61}
    assert total(scraped(web), JOBS, inprofile_job="task:work") == 61
    assert total(scraped(web), JOBS, inprofile_job="task:hang") == 0
    worker.stop()
    assert total(scraped(web), JOBS, inprofile_job="task:work") == 61


def test_a_task_in_a_worker_is_linked_to_the_trace_that_sent_it(start, client):
    worker = start("--pool=prefork --concurrency=1")
    with record() as recorded, inprofile.job("sender"):
        assert outcome(client.send_task("work", [0.02]))[0] == "SUCCESS"
    sender = recorded.trace
    worker.stop()
    (task,) = worker.kept()
    assert (task.link, task.route, task.door) == (sender.identity, "task:work", "task")
    assert task.stages["db"] >= 20_000_000
    (send,) = [span for span in sender.spans if span.name == "send work"]
    assert (send.kind, send.count, send.parent) == ("other", 1, sender.root)
    commands = {span.kind for span in sender.spans if span.parent is send}
    assert commands <= {"cache", "serialization", "logging"}
    assert sum(sender.stages.values()) == sender.wall_ns


def test_an_exported_task_links_to_the_span_that_sent_it(start, client, otlp):
    collector = {"OTEL_EXPORTER_OTLP_ENDPOINT": otlp.url, "INPROFILE_OTEL": "spans"}
    worker = start("--pool=prefork --concurrency=1", **collector)
    inprofile.instrument(otel="spans")
    with inprofile.job("sender"):
        assert outcome(client.send_task("work"))[0] == "SUCCESS"
    inprofile.uninstrument()
    worker.stop()
    told = {span["name"]: span for span in spans(otlp.traces)}
    sender, send, task = told["sender"], told["send work"], told["work"]
    assert (send["trace"], send["parent"]) == (sender["trace"], "sender")
    assert task["links"] == [(sender["trace"], send["id"])]
    assert task["trace"] != sender["trace"]


def test_children_that_are_replaced_after_each_task_lose_nothing(start, client):
    worker = start("--pool=prefork --concurrency=2 --max-tasks-per-child=1")
    pids = {outcome(client.send_task("work"))[1] for _ in range(6)}
    assert len(pids) == 6
    worker.stop()
    assert worker.counted(6) == {("work", ""): 6}
    assert len(worker.kept()) == 6


def test_time_limits_strike_as_ever_and_are_errors(start, client):
    worker = start("--pool=prefork --concurrency=2")
    sent = [client.send_task("killed"), *(client.send_task("limited") for _ in range(3))]
    ended = [outcome(result)[0] for result in sent]
    assert ended == ["TimeLimitExceeded", *["SoftTimeLimitExceeded"] * 3]
    worker.stop()
    assert worker.counted(4) == {
        ("killed", "SystemExit"): 1,  # a child is asked to end before it is made to
        ("limited", "SoftTimeLimitExceeded"): 3,
    }


def test_a_worker_is_the_same_with_us_and_without(start, client):
    seen = []
    for enabled in ("0", "1"):
        worker = start("--pool=prefork --concurrency=1", INPROFILE_ENABLED=enabled)
        names = "ignore", "reject", "fail"
        found = {name: client.send_task(name) for name in names}
        found["try_again"] = client.send_task("try_again", [2], headers={"mine": 1})
        ended = outcome(found["fail"]), outcome(found["try_again"])
        worker.stop()
        seen.append(
            (ended, {name: one.state for name, one in found.items()}, found["fail"].traceback)
        )
    assert seen[0] == seen[1]
    assert seen[1][0] == (("KeyError", ("own",)), ("SUCCESS", [2, {"mine": 1}]))


def test_the_children_of_a_worker_are_one_group_by_themselves(start, client, base):
    """Also when Celery renames them, which it does where setproctitle is installed."""
    worker = start("--pool=prefork --concurrency=2", INPROFILE_GROUP="")
    slow = [client.send_task("work", [0.3]) for _ in range(4)]
    assert len({outcome(result)[1] for result in slow}) == 2
    worker.stop()
    (worker.group,) = [path for path in base.iterdir() if path.is_dir()]
    assert worker.counted(4) == {("work", ""): 4}
