"""Kept traces as exemplars: the latest of each bucket, of any worker."""

import pytest

from inprofile.core import labels
from inprofile.core.buckets import layout
from inprofile.core.cells import SLOT, Cells, read, records
from inprofile.core.exemplars import found, newer, noted
from inprofile.core.metrics import DB, EXEMPLARS_OF, HTTP_CLIENT, JOBS, REQUESTS, STAGE
from inprofile.core.model import Trace
from inprofile.core.recorder import Recorder, add_span, current
from inprofile.core.sums import Sums
from tests.core.fake_clock import FakeClock

MS = 1_000_000
A, B = "a".zfill(32), "b".zfill(32)
SPAN = "f" * 16


@pytest.fixture
def cells(tmp_path):
    made = Cells(tmp_path / "0.1.1.cells", layout(), 4 << 20)
    yield made
    made.close()


@pytest.fixture
def clock(monkeypatch):
    """The time of day, which a test moves."""
    made = FakeClock()
    made.advance(1_000_000_000_000)
    monkeypatch.setattr("inprofile.core.exemplars.time.time_ns", made)
    return made


def kept(length_ns, door="http", statements=()):
    """A finished trace, with its spans."""
    clock = FakeClock()
    traces: list[Trace] = []
    recorder = Recorder(sink=lambda trace: None, keep=traces.append, sample_rate=1.0, clock=clock)
    trace = recorder.begin(door, "GET", "http")
    trace.route, trace.status = "/orders", 200 if door == "http" else 0
    for kind, name, took_ns, about in statements:
        add_span(trace.root, kind, name, clock(), clock() + took_ns, about)
    clock.advance(length_ns)
    recorder.finish(trace)
    current.set(None)
    return traces[0]


def seen(cells):
    """Family and labels of what has exemplars, with the length and the trace of each."""
    names = {own.name: name for name, own in EXEMPLARS_OF.items()}
    return {
        (names[name], *key): [(one.value_ns, one.trace_id) for one in found(words)]
        for (name, *key), words in read(cells.path.read_bytes(), cells.bounds).items()
        if name in names and any(words)
    }


def test_a_request_is_one_of_its_duration_its_stages_and_its_longest_operations(cells):
    about = {"db.system.name": "postgresql", "db.operation.name": "SELECT"}
    trace = kept(
        30 * MS,
        statements=[
            ("db", "SELECT 1", 2 * MS, about),
            ("db", "SELECT 1", 8 * MS, about),
            ("http", "GET shop", 9 * MS, {"server.address": "shop"}),
        ],
    )
    noted(cells, trace, A, SPAN)
    expected: dict[tuple[str, ...], list[tuple[int, str]]] = {
        (REQUESTS.name, *labels.request(trace)): [(30 * MS, A)],
        **{(STAGE.name, "/orders", stage): [(ns, A)] for stage, ns in trace.stages.items()},
        (DB.name, "/orders", "postgresql", "SELECT", "", ""): [(8 * MS, A)],
        (HTTP_CLIENT.name, "/orders", "_OTHER", "shop", "", ""): [(9 * MS, A)],
    }
    assert seen(cells) == expected


def test_a_job_is_one_of_the_jobs(cells):
    noted(cells, kept(3 * MS, "job"), A, SPAN)
    assert seen(cells)[JOBS.name, "/orders", ""] == [(3 * MS, A)]


def test_each_bucket_has_its_latest(cells, clock):
    key = REQUESTS.name, *labels.request(kept(1))
    for trace_id, length_ns in [(A, 30 * MS), (A, 70 * MS), (B, 32 * MS)]:
        clock.advance(1)
        noted(cells, kept(length_ns), trace_id, SPAN)
    assert seen(cells)[key] == [(32 * MS, B), (70 * MS, A)]


def test_of_two_workers_the_later_one_is_told_wherever_it_was(tmp_path, cells, clock):
    other = Cells(tmp_path / "1.1.2.cells", layout(), 4 << 20)
    for where, trace_id, length_ns in [
        (cells, A, 30 * MS),
        (other, B, 32 * MS),
        (other, A, 70 * MS),
        (cells, B, 71 * MS),
    ]:
        clock.advance(1)
        noted(where, kept(length_ns), trace_id, SPAN)
    sums = Sums(len(layout()))
    for each in (cells, other):
        assert each.path is not None
        sums.add(records(each.path.read_bytes(), each.bounds), alive=False)
    other.close()
    key = EXEMPLARS_OF[REQUESTS.name].name, *labels.request(kept(1))
    assert [(one.value_ns, one.trace_id) for one in found(sums.series()[key])] == [
        (32 * MS, B),
        (71 * MS, B),
    ]


def test_one_that_is_being_written_is_none():
    half = [7, 1, 2, 3, 4, 6]
    whole = [5, 1, 2, 3, 4, 5]
    rest = [0] * SLOT
    assert list(found(half + rest)) == []
    assert [one.at_ns for one in found(whole + half)] == [5]
    for words, others in [(half, whole), (whole, half)]:
        assert newer(words, others) == whole
