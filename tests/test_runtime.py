"""One process's life: nothing before the first trace, exact across forks, nothing afterwards."""

import json
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

import inprofile
from inprofile import runtime
from inprofile.core import metrics
from inprofile.core.guard import guard
from inprofile.core.recorder import current
from inprofile.settings import SettingsError
from inprofile.storage import store
from inprofile.storage.store import Store
from inprofile.testing import record
from tests.child import run


@pytest.fixture
def base(tmp_path, monkeypatch):
    """Where this test's groups live; the environment has no other settings."""
    for name in os.environ:
        if name.startswith("INPROFILE_"):
            monkeypatch.delenv(name)
    directory = tmp_path / "base"
    monkeypatch.setenv("INPROFILE_DIR", str(directory))
    yield directory
    inprofile.uninstrument()
    current.set(None)


@pytest.fixture
def group(base, monkeypatch):
    """The directory of this test's one group."""
    monkeypatch.setenv("INPROFILE_GROUP", "shop")
    return base / "shop"


def work(name="mail"):
    with inprofile.job(name):
        pass


def threads():
    return [thread.name for thread in threading.enumerate() if thread.name == "inprofile"]


def running() -> runtime.Runtime:
    found = runtime.running()
    assert found is not None
    return found


def jobs():
    """How many jobs the group, or this process alone, has counted."""
    series = running().read().series
    return sum(sum(values[2:]) for key, values in series.items() if key[0] == metrics.JOBS.name)


# The front door


def test_the_public_names_are_promised():
    assert inprofile.__all__ == [
        "Settings",
        "SettingsError",
        "collector",
        "instrument",
        "job",
        "span",
        "status",
        "uninstrument",
    ]
    assert {name: getattr(inprofile, name).__name__ for name in inprofile.__all__} == {
        "Settings": "Settings",
        "SettingsError": "SettingsError",
        "collector": "collector",
        "instrument": "instrument",
        "job": "job",
        "span": "Block",
        "status": "status",
        "uninstrument": "uninstrument",
    }
    with pytest.raises(AttributeError, match="module 'inprofile' has no attribute 'spam'"):
        inprofile.spam  # noqa: B018 - reading it is the test


LIBRARIES = ("opentelemetry", "prometheus_client", "starlette", "fastapi", "django", "sqlalchemy")


@pytest.mark.parametrize(
    ("program", "also_not_loaded"),
    [
        ("import inprofile", ("wrapt", "inprofile.runtime", "sqlite3")),
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
    first = runtime.running()
    inprofile.instrument()
    assert runtime.running() is first


def test_the_same_settings_again_are_harmless_and_others_are_refused(base):
    inprofile.instrument(slow_ms=5)
    inprofile.instrument(slow_ms=5)
    with pytest.raises(ValueError, match=r"called before with other settings; call uninstrument"):
        inprofile.instrument(slow_ms=6)
    assert running().settings.slow_ms == 5


def test_a_bad_setting_starts_nothing(base):
    with pytest.raises(SettingsError):
        inprofile.instrument(slow_ms="x")
    assert runtime.running() is None


def test_what_is_no_application_is_refused(base):
    with pytest.raises(TypeError, match=r"takes an ASGI application, not 'int'"):
        inprofile.instrument(3)


# Uninstrumenting


def test_uninstrumenting_takes_every_patch_and_thread_away(tmp_path):
    """Every library that is installed here, and every name that the integrations replace."""
    script = """
import importlib, json, sys, threading
from wrapt import resolve_path
for name in ("aiosqlite", "anyio.to_thread", "fastapi.routing", "fastapi.dependencies.utils",
             "httpx", "jinja2", "logging", "sqlalchemy.orm", "sqlite3", "starlette.routing",
             "starlette.responses", "starlette.background"):
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


# What is counted and kept


def test_workers_of_one_group_read_the_same_numbers(tmp_path):
    script = """
import json, sys, inprofile
from inprofile import runtime
inprofile.instrument()
for _ in range(int(sys.argv[1])):
    with inprofile.job("mail"):
        pass
series = runtime.running().read().series
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
    with runtime.observed(broken):
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


# The directory


@pytest.mark.parametrize("obstacle", ["open to others", "a file", "below a file"])
def test_where_the_directory_cannot_be_used_a_process_counts_for_itself(base, caplog, obstacle):
    if obstacle == "open to others":
        base.mkdir()
        base.chmod(0o777)
        said = f"INPROFILE_DIR: {base} is open to other users (mode 0777). Allowed: a directory"
    elif obstacle == "a file":
        base.write_text("")
        said = f"INPROFILE_DIR: {base} is a symbolic link or not a directory. Allowed: a directory"
    else:
        base.write_text("")
        os.environ["INPROFILE_DIR"] = str(base / "deeper")
        said = f"[Errno 20] Not a directory: '{base / 'deeper'}'"
    inprofile.instrument(slow_ms=0)
    work()
    work()
    status = inprofile.status()
    assert status["shared"] is False
    assert status["private_because"].startswith(said)
    assert [record.getMessage() for record in caplog.records] == [
        f"inprofile: this process counts for itself alone: {status['private_because']}"
    ]
    assert jobs() == 2
    assert threads() == ["inprofile"]


def test_a_process_that_gets_its_directory_back_shares_again(group):
    group.parent.write_text("")
    inprofile.instrument()
    work()
    assert inprofile.status()["shared"] is False
    group.parent.unlink()
    running().close()
    work()
    assert inprofile.status()["shared"] is True
    assert inprofile.status()["workers"] == [os.getpid()]


def test_where_no_thread_can_be_started_counting_goes_on_and_nothing_piles_up(group, monkeypatch):
    """Memory or process limits; and since CPython 3.12 the interpreter's own end."""

    def start(_thread):
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr("threading.Thread.start", start)
        inprofile.instrument()
        for _ in range(5):
            work()
        assert jobs() == 5
        assert len(list(group.glob("*.cells"))) == 1
    guard.errors = 0


def flushed():
    pipeline = running().pipeline
    return pipeline is not None and pipeline.flush()


def dropped():
    series = running().read().series
    return sum(v[0] for key, v in series.items() if key[0] == metrics.DROPPED.name)


def test_a_file_of_a_newer_version_is_left_alone_and_the_loss_is_counted(group, caplog):
    group.parent.mkdir(mode=0o700)
    group.mkdir(mode=0o700)
    file = Store(group).path
    with closing(sqlite3.connect(file)) as db:
        db.execute("PRAGMA user_version = 99")
    before = file.read_bytes()
    inprofile.instrument(slow_ms=0)
    for _ in range(2):
        work()
        assert flushed()
    assert (file.read_bytes(), dropped(), guard.errors) == (before, 2, 0)
    (record,) = caplog.records
    assert "written by a newer inprofile (schema 99" in record.getMessage()


def test_a_file_that_somebody_holds_for_too_long_costs_traces_and_no_error(group, monkeypatch):
    monkeypatch.setattr(store, "BUSY_S", 0.01)
    inprofile.instrument(slow_ms=0)
    work()
    assert flushed()
    with closing(sqlite3.connect(Store(group).path)) as db:
        db.execute("BEGIN EXCLUSIVE")
        work()
        assert flushed()
        assert (dropped(), guard.errors) == (1, 0)
    work()
    assert flushed()
    assert len(Store(group).traces()) == 2


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
from tests import asgi
with record() as recorded:
    asgi.asked(app, "/nowhere")
print(json.dumps([trace.status for trace in recorded.traces]))
""",
        INPROFILE_DIR=tmp_path / "base",
        PYTHONPATH=Path(__file__).parents[1],
    )
    assert found == [404]


# Forks

FORKS = """
import json, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12: a fork beside threads
import inprofile
from inprofile import runtime

def work(times=1, name="mail"):
    for _ in range(times):
        with inprofile.job(name), inprofile.span("a", "db"):
            pass

def forked(act):
    child = os.fork()
    if child:
        return child
    try:
        act()
    finally:
        os._exit(0)

def jobs(name="mail"):
    series = runtime.running().read().series
    return sum(series.get(("inprofile.job.duration", f"job:{name}", ""), [0, 0, 0])[2:])
"""


def forking(tmp_path, script):
    variables = {"INPROFILE_DIR": tmp_path / "base", "INPROFILE_GROUP": "shop"}
    return run(FORKS + script, **variables)


def test_a_forked_child_counts_into_a_slot_of_its_own(tmp_path):
    found = forking(
        tmp_path,
        """
inprofile.instrument(slow_ms=0)
work(3)
reads, writes = os.pipe()

def act():
    before = [thread.name for thread in threading.enumerate()]
    work(2)
    after = sorted(thread.name for thread in threading.enumerate())
    status = inprofile.status()
    told = [before, after, os.getpid() in status["workers"], len(status["workers"]), jobs()]
    runtime.running().pipeline.flush()
    os.write(writes, json.dumps(told).encode())

os.waitpid(forked(act), 0)
work()
status = inprofile.status()
print(json.dumps([json.loads(os.read(reads, 9999)), status["workers"] == [os.getpid()], jobs()]))
""",
    )
    assert found == [[["MainThread"], ["MainThread", "inprofile"], True, 2, 5], True, 6]
    assert len(Store(tmp_path / "base" / "shop").traces()) == 6


def test_forked_siblings_give_their_traces_different_identities(tmp_path):
    found = forking(
        tmp_path,
        """
inprofile.instrument(slow_ms=0)
seen = []
runtime.running().observers.append(lambda trace: seen.append(trace.identity))

def identity():
    reads, writes = os.pipe()
    def act():
        work()
        os.write(writes, seen[-1].encode())
    os.waitpid(forked(act), 0)
    return os.read(reads, 99).decode()

print(json.dumps([identity() for _ in range(3)]))
""",
    )
    assert len(set(found)) == 3


def test_a_child_that_measures_nothing_costs_and_leaves_nothing(tmp_path):
    found = forking(
        tmp_path,
        """
inprofile.instrument()
work(3)

def files():
    return len(list(runtime.running().base.glob("shop/*.cells")))

held = [files()]
for _ in range(5):
    os.waitpid(forked(lambda: None), 0)
print(json.dumps([files(), jobs()]))
""",
    )
    assert found == [1, 3]


def test_a_child_does_not_keep_its_dead_parents_file_alive(tmp_path):
    """It inherits the descriptor that the parent's lock hangs on, and must let go of it."""
    found = forking(
        tmp_path,
        """
inprofile.instrument()
reads, writes = os.pipe()

def act():
    work(3)
    parents_life, end = os.pipe()

    def grandchild():
        os.close(end)
        os.read(parents_life, 1)
        work(2)
        status = inprofile.status()
        told = [status["workers"] == [os.getpid()], jobs()]
        os.write(writes, json.dumps(told).encode())

    forked(grandchild)

os.waitpid(forked(act), 0)
print(json.dumps(json.loads(os.read(reads, 9999))))
""",
    )
    assert found == [True, 5]


def test_a_fork_in_the_middle_of_a_trace_leaves_the_parents_trace_to_the_parent(tmp_path):
    found = forking(
        tmp_path,
        """
from inprofile.core.recorder import recording
inprofile.instrument()
reads, writes = os.pipe()
with inprofile.job("mail"):
    os.waitpid(forked(lambda: os.write(writes, str(recording()).encode())), 0)
    inside = recording() is not None
print(json.dumps([os.read(reads, 99).decode(), inside, jobs()]))
""",
    )
    assert found == ["None", True, 1]


def test_forks_beside_busy_threads_neither_hang_nor_lose_a_count(tmp_path):
    found = forking(
        tmp_path,
        """
inprofile.instrument(slow_ms=0)
stopped, counted = threading.Event(), []

def busy(number):
    times = 0
    while not stopped.is_set():
        work(1, f"busy {number}-{times % 40}")
        times += 1
    counted.append(times)

busy_threads = [threading.Thread(target=busy, args=[n]) for n in range(4)]
for thread in busy_threads:
    thread.start()
sys.setswitchinterval(1e-5)
children = [forked(lambda: work(5, "child")) for _ in range(20)]
ends = [os.waitpid(child, 0)[1] for child in children]
stopped.set()
for thread in busy_threads:
    thread.join()
series = runtime.running().read().series
busy_jobs = [v for k, v in series.items() if k[0].startswith("inprofile.job") and "busy" in k[1]]
total = sum(sum(values[2:]) for values in busy_jobs)
print(json.dumps([ends, jobs("child"), total - sum(counted), inprofile.status()["errors"]]))
""",
    )
    assert found == [[0] * 20, 100, 0, 0]
