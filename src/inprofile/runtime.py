"""The composition root: builds, starts, forks and stops the parts, and alone knows them all."""

import platform
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from inprofile.core import metrics, repeats
from inprofile.core.application import application
from inprofile.core.background import BackgroundTime
from inprofile.core.buckets import layout
from inprofile.core.cells import Cells
from inprofile.core.folding import Folding
from inprofile.core.group import Group, UnsafeDirectory, default_base, identify, prepare
from inprofile.core.guard import guard, log
from inprofile.core.judge import Judge
from inprofile.core.meter import Meter
from inprofile.core.model import Finding, Pause, Trace
from inprofile.core.pipeline import Drain, Kept, Pipeline
from inprofile.core.pools import pools
from inprofile.core.recorder import EXPORTED, Recorder, current, release
from inprofile.core.slots import Snapshot, claim, snapshot
from inprofile.core.threads import threads
from inprofile.detectors.judgement import Judgement
from inprofile.detectors.slow_query import THRESHOLD_NS
from inprofile.doors.job import Job
from inprofile.doors.stray import stray
from inprofile.entrances import Entrances
from inprofile.exporters.outlets import Outlets
from inprofile.integrations import celery_tasks, patches
from inprofile.integrations._patcher import Patcher
from inprofile.loop.watch import Watch
from inprofile.settings import Settings
from inprofile.storage.store import NewerSchema, Store

Observer = Callable[[Trace], None]

PARTING_S = 1.25
"""So long an application's shutdown waits for what is on its way out."""


class Runtime:
    """One process's inprofile.

    Nothing is opened, claimed or started before the first trace: a process that only imports
    the app (a supervisor, a migration) costs nothing and leaves nothing. ``patcher`` outlives it;
    ``now`` gives the recorder of the runtime that there is then, for what cannot be taken back;
    ``opened`` is called when it has been opened.
    """

    def __init__(
        self,
        settings: Settings,
        patcher: Patcher,
        now: Callable[[], Recorder | None],
        opened: Callable[[], None],
    ) -> None:
        self._adopt(settings)
        self.bounds = layout([ms / 1000 for ms in settings.slo_ms])
        self.base = settings.dir or default_base()
        self.group: Group | None = None
        self.private = ""
        self.patcher = patcher
        self.opened = opened
        self.observers: list[Observer] = []
        self.for_observers = False
        self.for_launcher = False
        self.recorder = Recorder(
            sink=lambda trace: self.open().record(trace),
            keep=self._keep,
            started=lambda trace: self.open().started(trace),
            sample_rate=settings.sample_rate,
            slow_ns=round(settings.slow_ms * 1e6),
            suspicious=self._judging(),
            suspect_ns=THRESHOLD_NS,
            max_spans=settings.max_spans,
            tracing=settings.tracing or "spans" in settings.otel,
        )
        self.recorder.enabled = settings.enabled
        self.watch: Watch | None = None
        if settings.enabled and settings.loop:
            block_ns = round(settings.loop_block_ms * 1e6)
            self.watch = Watch(block_ns, lambda: self.meter, self._stray)
            self.recorder.loops = self.watch.loops
        self.recorder.background = lambda name: Job(name, lambda: self.recorder, "background")
        self.tasks = celery_tasks.Tasks(now, self.close)
        self.outlets = Outlets(settings, self.recorder, self.read)
        self.entrances = Entrances(
            self.recorder, settings.metrics_path, self.outlets.exposition, self._parting
        )
        self._opening = threading.RLock()
        self.meter: Meter | None = None
        self.pipeline: Pipeline | None = None
        self.store: Store | None = None

    # Starting and stopping

    def _adopt(self, settings: Settings) -> None:
        """Judge by ``settings`` from now on."""
        self.settings = settings
        self.judge = Judgement(settings.nplusone_min, settings.ignore)
        application.also(settings.app_paths)

    def lend(self, settings: Settings) -> bool:
        """Judge by other ``settings``, if this runs for a recording alone; else do nothing.

        What is measured, where and how long stays as it began: a recording needs no more.
        """
        if self.for_observers:
            self._adopt(settings)
            self.recorder.suspicious = self._judging()
        return self.for_observers

    def welcome(self) -> None:
        """Measure every application, without its being named; until one is, as it says."""
        self.for_launcher = True
        self.entrances.welcome()

    def instrument(self, app: Any) -> Any:
        """Put patches in place and a door around ``app``, once."""
        if not self.settings.enabled:
            return app
        self.patcher.install(
            {
                **patches(tracing=self.recorder.tracing),
                **self.entrances.patches,
                **self.tasks.patches,
            }
        )
        return app if app is None else self.entrances.fit(app)

    def uninstrument(self, app: Any) -> Any:
        """Take the door off ``app``; with None off every app, and the patches out too."""
        left = self.entrances.leave(app)
        if app is None:
            self.recorder.enabled = False
            self.recorder.loops = None
            self.patcher.remove()
            self.close()
            pools.forget()
            application.also(())
            # A trace still under way ends here and opens nothing again.
            self.recorder.started = self.recorder.sink = lambda _trace: None
            self.recorder.keep = release
        return left

    def open(self) -> Meter:
        """Claim this process's cells and start its thread; at once when that is done."""
        meter = self.meter
        if meter is None:
            with self._opening:
                meter = self.meter = self.meter or self._open()
        return meter

    def _open(self) -> Meter:
        settings = self.settings
        capacity = settings.max_cells_mb << 20
        cells = None
        self.private = ""
        drains: list[Drain] = []
        try:
            self.group = identify(self.base, settings.service, settings.group)
            prepare(self.base, self.group.directory)
            cells = claim(self.group.directory, self.bounds, capacity)
            self.store = Store(
                self.group.directory,
                settings.max_traces,
                settings.max_route_traces,
                settings.max_store_mb << 20,
            )
            drains.append(self._store)
        except (OSError, UnsafeDirectory) as error:
            self.private = str(error)
            log.warning("inprofile: this process counts for itself alone: %s", error)
        if cells is None:
            cells = Cells(None, self.bounds, capacity)
        group = None if self.private or self.group is None else self.group.directory
        meter = Meter(cells)
        meter.put(metrics.VERSIONS, settings.service_version, value=1)
        # A thread started now would never run, and who starts it would wait for that.
        is_ending = sys.is_finalizing()
        if not is_ending:
            drains += self.outlets.open(cells, group)
        woken = (lambda: None) if self.watch is None else self.watch.glance
        ticks: list[Callable[[], None]] = [self._tick, BackgroundTime(meter)]
        if group is not None:
            ticks.append(Folding(group, self.bounds))
        self.pipeline = Pipeline((self._findings,), drains, ticks, self._dropped, woken)
        if not is_ending:
            self.pipeline.start()
        self.opened()
        self.recorder.started = meter.started
        self.recorder.sink = meter.record
        return meter

    def _closed(self) -> Meter | None:
        """Back to before the first trace; the meter that was used until now."""
        meter, self.meter = self.meter, None
        self.pipeline = self.store = self.group = None
        self.recorder.started = lambda trace: self.open().started(trace)
        self.recorder.sink = lambda trace: self.open().record(trace)
        self.recorder.suspicious = self._judging()
        return meter

    def _parting(self) -> None:
        """An application has shut down: its server may end by a signal, which calls no hook."""
        until_s = time.monotonic() + PARTING_S
        self.flush(PARTING_S / 2)
        self.outlets.flush(max(until_s - time.monotonic(), 0))

    def flush(self, timeout_s: float) -> None:
        """Let what is kept go where it is to, but wait no longer than that."""
        if self.pipeline is not None:
            self.pipeline.flush(timeout_s)

    def close(self, timeout_s: float = 2.0) -> None:
        """Stop the thread, write what waits, and give the files back."""
        until_s = time.monotonic() + timeout_s
        with self._opening:
            if self.watch is not None and self.meter is not None:
                self.watch.tick()
                self.watch.stop()
            if self.pipeline is not None:
                self.pipeline.stop(timeout_s / 3)
            if self.meter is not None:
                self._tick()
            self.outlets.close(max(until_s - time.monotonic(), 0))
            meter = self._closed()
            if meter is not None:
                meter.cells.close()

    def before_fork(self) -> None:
        """Hold what must not be held by another thread in the child."""
        self._opening.acquire()
        if self.meter is not None:
            self.meter.cells.lock.acquire()

    def after_fork(self) -> None:
        """In the parent: go on."""
        if self.meter is not None:
            self.meter.cells.lock.release()
        self._opening.release()

    def after_fork_in_child(self) -> None:
        """In the child: a process of its own, which opens its own cells at its first trace."""
        self._opening = threading.RLock()
        meter = self._closed()
        if self.watch is not None:
            self.watch.after_fork_in_child()
            self.recorder.loops = self.watch.loops
        self.recorder.reseed()
        current.set(None)
        pools.forget()
        threads.forget()
        repeats.after_fork_in_child()
        self.outlets.after_fork_in_child()
        if meter is not None:
            meter.cells.lock = threading.RLock()
            meter.cells.close()

    def observe(self, observer: Observer) -> None:
        """Hand every finished trace to ``observer`` from now on, with all that can be known."""
        self.observers.append(observer)
        self.recorder.sample_rate = 1.0
        self.recorder.thorough = True

    def unobserve(self, observer: Observer) -> None:
        """The end of ``observe``; after the last of them everything is as it was."""
        if self.watch is not None:
            self.watch.tick()
        self.observers.remove(observer)
        if not self.observers:
            self.recorder.sample_rate = self.settings.sample_rate
            self.recorder.thorough = False

    def _findings(self, trace: Trace) -> list[Finding]:
        return self.judge(trace)  # by the settings of now

    # What the recorder calls

    def _judging(self) -> Judge:
        """One that has seen nothing yet: every process keeps the first of what it finds."""
        return Judge([self.judge.sightings], self._found, self.judge.silenced)

    def _found(self, kind: str, route: str) -> None:
        self.open().count(metrics.FINDINGS, kind, route)

    def _keep(self, trace: Trace) -> None:
        self.open().count(metrics.KEPT, trace.reason)
        for observe in self.observers:
            observe(trace)
        if self.pipeline is not None and not self.observers:
            self.pipeline.put(trace)

    def _stray(self, pause: Pause) -> None:
        self.recorder.report(stray(self.recorder, pause))

    # What the pipeline calls

    def _store(self, batch: Sequence[Kept]) -> None:
        batch = [kept for kept in batch if kept[0].reason != EXPORTED]
        lost = len(batch)
        try:
            lost = self.store.store(batch) if self.store is not None else lost
        except NewerSchema as error:
            log.warning("inprofile: this process stores no traces: the group's file is %s", error)
            self.store = None
        finally:
            self._dropped(lost)

    def _dropped(self, count: int) -> None:
        if count and self.meter is not None:
            self.meter.count(metrics.DROPPED, "traces", amount=count)

    def _tick(self) -> None:
        meter = self.meter
        if meter is None:
            return
        pools.write(meter.cells)
        threads.write(meter)
        if self.watch is not None:
            with guard:
                self.watch.tick()
        if guard.errors:
            errors, guard.errors = guard.errors, 0
            meter.count(metrics.ERRORS, amount=errors)

    # What exporters and people read

    def read(self) -> Snapshot:
        """Everything the group has counted, or this process alone when it shares nothing."""
        meter = self.open()
        self._tick()
        if self.group is not None and not self.private:
            return snapshot(self.group.directory, self.bounds)
        return Snapshot(list(self.bounds), meter.cells.copied())

    def status(self) -> dict[str, Any]:
        """What is measured, where it goes and what was lost, as plain data."""
        counted = self.read() if self.meter is not None else Snapshot(list(self.bounds))
        return {
            "enabled": self.recorder.enabled,
            "python": platform.python_version(),
            "group": self.group.name if self.group else None,
            "directory": str(self.group.directory) if self.group else None,
            "shared": not self.private,
            "private_because": self.private or None,
            "workers": [worker.pid for worker in counted.workers],
            "skipped_files": dict(counted.skipped),
            "patched": self.patcher.patched,
            "missing": list(self.patcher.missing),
            "errors": sum(v[0] for k, v in counted.series.items() if k[0] == metrics.ERRORS.name),
            "last_error": guard.last or None,
            "settings": self.settings.plain(),
        }
