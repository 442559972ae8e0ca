"""One process's life: nothing before the first trace, all of it counted, nothing afterwards."""

import json
import os
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest

import inprofile
from inprofile import process
from inprofile.core.guard import guard
from inprofile.settings import SettingsError
from inprofile.storage.store import Store
from inprofile.testing import record
from inprofile.testing.observing import observed
from tests.child import run
from tests.one_process import jobs, running, threads, work

# The front door


def test_the_public_names_are_promised():
    assert inprofile.__all__ == [
        "MetricExporter",
        "Settings",
        "SettingsError",
        "collector",
        "ignore",
        "instrument",
        "job",
        "span",
        "status",
        "uninstrument",
    ]
    assert {name: getattr(inprofile, name).__name__ for name in inprofile.__all__} == {
        "MetricExporter": "MetricExporter",
        "Settings": "Settings",
        "SettingsError": "SettingsError",
        "collector": "collector",
        "ignore": "Ignore",
        "instrument": "instrument",
        "job": "job",
        "span": "Block",
        "status": "status",
        "uninstrument": "uninstrument",
    }
    with pytest.raises(AttributeError, match="module 'inprofile' has no attribute 'spam'"):
        inprofile.spam  # noqa: B018 - reading it is the test


LIBRARIES = (
    *("opentelemetry", "prometheus_client", "starlette", "fastapi", "django", "flask"),
    *("sqlalchemy", "werkzeug"),
)


@pytest.mark.parametrize(
    ("program", "also_not_loaded"),
    [
        ("import inprofile", ("wrapt", "inprofile.process", "sqlite3")),
        ("import inprofile; inprofile.instrument()", ()),
        ("import inprofile; inprofile.instrument()\nwith inprofile.job('a'): pass", ()),
    ],
    ids=["imported", "instrumented", "after a trace"],
)
def test_no_library_is_loaded_for_its_integrations_sake(tmp_path, program, also_not_loaded):
    script = f"{program}\nimport json, sys\nprint(json.dumps(sorted(sys.modules)))"
    loaded = set(run(script, INPROFILE_DIR=tmp_path / "base"))
    assert loaded & {*LIBRARIES, *also_not_loaded} == set()


# Before the first trace


def test_before_the_first_trace_there_is_no_file_and_no_thread(base):
    inprofile.instrument()
    assert inprofile.status()["workers"] == []
    assert not base.exists()
    assert threads() == []
    work()
    assert len(list(base.glob("*/0.*.cells"))) == 1
    assert threads() == ["inprofile"]


def test_before_instrumenting_a_job_and_a_span_do_nothing(base):
    with inprofile.span("a"):
        work()
    assert inprofile.status() == {"enabled": False}
    assert not base.exists()


# Off


def test_disabled_there_is_no_thread_no_patch_and_no_file(base, monkeypatch):
    import logging
    import sqlite3

    async def app(scope, receive, send):
        raise NotImplementedError

    monkeypatch.setenv("INPROFILE_ENABLED", "0")
    before = logging.Logger.handle, logging.Logger.callHandlers, sqlite3.connect
    assert inprofile.instrument(app) is app
    work()
    with record() as recorded:
        work()
    assert (logging.Logger.handle, logging.Logger.callHandlers, sqlite3.connect) == before
    assert (recorded.traces, threads(), base.exists()) == ([], [], False)
    status = inprofile.status()
    assert (status["enabled"], status["patched"], status["workers"]) == (False, [], [])


# Instrumenting twice


def test_instrumenting_again_is_harmless(base):
    async def app(scope, receive, send):
        raise NotImplementedError

    door = inprofile.instrument(app)
    assert inprofile.instrument(door) is door
    first = process.running()
    inprofile.instrument()
    assert process.running() is first


@pytest.mark.usefixtures("_switching_often")
def test_of_threads_that_begin_at_once_with_different_settings_one_wins():
    for _ in range(5):
        barrier = threading.Barrier(8)

        def begin(slow_ms, barrier=barrier):
            barrier.wait()
            try:
                inprofile.instrument(slow_ms=slow_ms)
            except ValueError:
                return "refused"
            return running().recorder

        with ThreadPoolExecutor(8) as pool:
            outcomes = list(pool.map(begin, [5, 6] * 4))
        recorder, slow_ms = running().recorder, running().settings.slow_ms
        assert outcomes == [recorder if each == slow_ms else "refused" for each in (5, 6)] * 4
        inprofile.uninstrument()


def test_the_same_settings_again_are_harmless_and_others_are_refused(base):
    inprofile.instrument(slow_ms=5)
    inprofile.instrument(slow_ms=5)
    with pytest.raises(ValueError, match=r"called before with other settings; call uninstrument"):
        inprofile.instrument(slow_ms=6)
    assert running().settings.slow_ms == 5


def test_a_bad_setting_starts_nothing(base):
    with pytest.raises(SettingsError):
        inprofile.instrument(slow_ms="x")
    assert process.running() is None


def test_what_is_no_application_is_refused(base):
    with pytest.raises(TypeError, match=r"takes an ASGI or WSGI application, not 'int'"):
        inprofile.instrument(3)


# Uninstrumenting


def test_uninstrumenting_takes_every_patch_and_thread_away(tmp_path):
    """Every library that is installed here, and every name that the integrations replace."""
    script = """
import importlib, json, sys, threading
from wrapt import resolve_path
for name in ("aiosqlite", "anyio.to_thread", "fastapi.routing", "fastapi.dependencies.utils",
             "flask", "httpx", "jinja2", "logging", "sqlalchemy.orm", "sqlite3",
             "starlette.routing", "starlette.responses", "starlette.background"):
    try:
        importlib.import_module(name)
    except ImportError:
        pass
import inprofile
from inprofile.integrations import patches

def present():
    found = {}
    for module, replaced in patches().items():
        for patch in replaced if module in sys.modules else ():
            if patch.reads:
                continue
            try:
                parent, attribute, _ = resolve_path(sys.modules[module], patch.path)
            except AttributeError:
                continue
            found[f"{module}:{patch.path}"] = vars(parent).get(attribute)
    return found

def same(one, other):
    return [name for name in one if one[name] is not other[name]]

before = present()
for _ in range(2):
    inprofile.instrument()
    with inprofile.job("a"):
        pass
    assert len(same(before, present())) == len(before), set(before) - set(same(before, present()))
    inprofile.uninstrument()
    assert same(before, present()) == []
    assert [thread.name for thread in threading.enumerate()] == ["MainThread"]
assert inprofile.status() == {"enabled": False}
print(json.dumps(len(before)))
"""
    assert run(script, INPROFILE_DIR=tmp_path / "base") > 3


def test_after_uninstrumenting_one_may_begin_again(group):
    for total in (1, 2, 3):
        inprofile.instrument()
        work()
        assert jobs() == total
        inprofile.uninstrument()
        assert threads() == []


def test_uninstrumenting_what_was_not_instrumented_is_harmless(base):
    async def app(scope, receive, send):
        raise NotImplementedError

    assert inprofile.uninstrument() is None
    assert inprofile.uninstrument(app) is app


def test_a_trace_that_finishes_after_uninstrumenting_opens_nothing(tmp_path):
    script = """
import json, os, sys, threading, inprofile
inprofile.instrument()
with inprofile.job("long"):
    inprofile.uninstrument()
    before = sorted(os.listdir(sys.argv[1]))
names = [thread.name for thread in threading.enumerate()]
print(json.dumps([names, sorted(os.listdir(sys.argv[1])) == before]))
"""
    group = tmp_path / "base" / "shop"
    group.mkdir(0o700, parents=True)
    group.parent.chmod(0o700)
    variables = {"INPROFILE_DIR": group.parent, "INPROFILE_GROUP": "shop"}
    assert run(script, group, **variables) == [["MainThread"], True]


def test_the_line_that_runs_a_second_time_measures_what_is_imported_after_it(tmp_path):
    found = run(
        """
import asyncio, json
import inprofile
inprofile.instrument()
inprofile.uninstrument()
inprofile.instrument()
from starlette.applications import Starlette
app = inprofile.instrument(Starlette())
from inprofile.testing import record
from inprofile.testing.observing import observed
from tests import asgi
with record() as recorded:
    asgi.asked(app, "/nowhere")
print(json.dumps([trace.status for trace in recorded.traces]))
""",
        INPROFILE_DIR=tmp_path / "base",
        PYTHONPATH=Path(__file__).parents[1],
    )
    assert found == [404]


# What is counted and kept


def test_workers_of_one_group_read_the_same_numbers(tmp_path):
    script = """
import json, sys, inprofile
from inprofile import process
inprofile.instrument()
for _ in range(int(sys.argv[1])):
    with inprofile.job("mail"):
        pass
series = process.running().read().series
print(json.dumps(sum(series["inprofile.job.duration", "job:mail", ""][2:])))
"""
    shared = {"INPROFILE_DIR": tmp_path / "base", "INPROFILE_GROUP": "shop"}
    assert [run(script, str(count), **shared) for count in (3, 4, 5)] == [3, 7, 12]


def test_kept_traces_reach_the_groups_file_with_their_findings(group):
    inprofile.instrument(slow_ms=0)
    with inprofile.job("mail"), inprofile.span("write", "template"):
        pass
    pipeline = running().pipeline
    assert pipeline is not None
    assert pipeline.flush()
    (trace,) = Store(group).traces()
    assert (trace.route, trace.reason, trace.door) == ("job:mail", "slow", "job")
    assert [span["name"] for span in trace.spans] == ["write", "mail"]


def test_what_waits_at_exit_is_stored(tmp_path):
    script = """
import json, inprofile
inprofile.instrument(slow_ms=0)
for _ in range(20):
    with inprofile.job("mail"):
        pass
print(1)
"""
    run(script, INPROFILE_DIR=tmp_path / "base", INPROFILE_GROUP="shop")
    assert len(Store(tmp_path / "base" / "shop").traces()) == 20


def test_a_process_ends_while_its_threads_are_in_the_middle_of_traces(tmp_path):
    script = """
import threading, inprofile
inprofile.instrument(slow_ms=0)
begun = threading.Barrier(5)

def forever():
    begun.wait()
    while True:
        with inprofile.job("mail"):
            pass

for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
begun.wait()
with inprofile.job("main"):
    pass
print(1)
"""
    assert run(script, INPROFILE_DIR=tmp_path / "base") == 1


def test_a_job_inside_of_a_job_is_a_trace_of_its_own_that_links_to_it(base):
    with record() as recorded, inprofile.job("outer"), inprofile.span("a"):
        work("inner")
    inner, outer = recorded.traces
    assert (inner.route, outer.route) == ("job:inner", "job:outer")
    assert inner.link == outer.identity != ""
    assert [span.name for span in outer.spans] == ["a", "outer"]


def test_errors_of_ours_are_counted_and_reach_nobody(base, caplog):
    guard._logged.clear()

    def broken(_trace):
        raise LookupError("of ours")

    inprofile.instrument(slow_ms=0)
    with observed(broken):
        work()
        assert inprofile.status()["errors"] == 1
    assert guard.errors == 0
    assert inprofile.status()["last_error"].startswith("LookupError at ")


def test_status_is_plain_data(base):
    inprofile.instrument(slow_ms=0)
    work()
    status = inprofile.status()
    assert json.loads(json.dumps(status)).keys() == status.keys()
    about = SimpleNamespace(**status)
    assert (about.enabled, about.shared, about.private_because) == (True, True, None)
    assert (about.workers, about.skipped_files, about.missing) == ([os.getpid()], {}, [])
    assert about.directory == str(base / about.group)


def test_a_response_that_is_given_up_at_the_very_end_keeps_nobody_waiting(base):
    """It finishes its trace when all of ours is closed, and no thread can be started."""
    source = """
import inprofile
from tests import wsgi

def app(environ, start_response):
    start_response("200 OK", [])
    yield b"part"
    yield b"more"

left = inprofile.instrument(app)(wsgi.environ("/"), lambda *_: None)
next(iter(left))
box = [left]
box.append(box)  # for the collector alone, which runs once more when the interpreter ends
del left, box
print("{}")
"""
    assert run(source, PYTHONPATH=os.pathsep.join(sys.path)) == {}
