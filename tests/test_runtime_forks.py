"""Forks: each process counts for itself, and nothing hangs, is lost or comes twice."""

from inprofile.storage.store import Store
from tests.child import run

FORKS = """
import json, os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # CPython 3.12: a fork beside threads
import inprofile
from inprofile import process

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
    series = process.running().read().series
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
    process.running().pipeline.flush()
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
process.running().observers.append(lambda trace: seen.append(trace.identity))

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


def test_forked_siblings_tell_services_of_traces_and_spans_of_their_own(tmp_path):
    found = forking(
        tmp_path,
        """
from inprofile.core.recorder import current
inprofile.instrument(tracing=True, sample_rate=0.5)

def contexts():
    for _ in range(64):
        with inprofile.job("mail"), inprofile.span("a", "http"):
            span = current.get()
            yield span.trace.recorder.context(span)

told = [list(contexts())]  # the parent has made some before it forks
for _ in range(3):
    reads, writes = os.pipe()
    os.waitpid(forked(lambda: os.write(writes, json.dumps(list(contexts())).encode())), 0)
    told.append(json.loads(os.read(reads, 65_536)))
print(json.dumps(told))
""",
    )
    assert len({context[0] for sibling in found for context in sibling}) == 4 * 64
    assert len({context[1] for sibling in found for context in sibling}) == 4 * 64
    flags = {tuple(context[2] for context in sibling) for sibling in found}
    assert len(flags) == 4, "each sibling draws its own lots"


def test_a_child_that_measures_nothing_costs_and_leaves_nothing(tmp_path):
    found = forking(
        tmp_path,
        """
inprofile.instrument()
work(3)

def files():
    return len(list(process.running().base.glob("shop/*.cells")))

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
series = process.running().read().series
busy_jobs = [v for k, v in series.items() if k[0].startswith("inprofile.job") and "busy" in k[1]]
total = sum(sum(values[2:]) for values in busy_jobs)
print(json.dumps([ends, jobs("child"), total - sum(counted), inprofile.status()["errors"]]))
""",
    )
    assert found == [[0] * 20, 100, 0, 0]
