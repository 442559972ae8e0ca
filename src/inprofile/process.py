"""The runtime of this process: made by the first line that asks for it, and ended by the last."""

import atexit
import os
from typing import TYPE_CHECKING, Any

from inprofile.core.guard import guard, log
from inprofile.core.recorder import Recorder
from inprofile.core.slots import Snapshot
from inprofile.doors.job import Job
from inprofile.doors.protocol import is_wsgi
from inprofile.integrations import celery_tasks
from inprofile.integrations._patcher import Patcher
from inprofile.runtime import Runtime
from inprofile.settings import Settings, SettingsError

if TYPE_CHECKING:
    from inprofile.exporters.prometheus.collector import Collector

_patcher = Patcher()
"""Outlives the runtimes, as what other tools have wrapped stays in place."""

_launched: dict[str, Any] = {}
"""The settings that a launcher has given, if this process has one."""

FLUSH_S, CLOSE_S = 0.4, 1.4
"""So long the end of a process waits for what is on its way out: less than 2 s in all."""

_runtime: Runtime | None = None
_forking: Runtime | None = None
_hooked = False


def instrument(app: Any = None, **settings: Any) -> Any:
    """Measure ``app`` from here on.

    ``app`` is a FastAPI, Starlette or Flask application (changed in place, wherever in the file
    the line stands: routes and middleware may come before or after it), any ASGI 3 or WSGI
    callable (use what is returned), or a Celery application. None puts the library patches in
    place alone, for jobs. Celery's tasks are measured by each of these.
    ``settings`` are the fields of ``Settings``; the environment wins over them. Calling it
    again is harmless. Costs a fifth of a second of CPU once, and per request what README.md says.

    Returns the application. Raises SettingsError for a bad setting, and TypeError when
    ``app`` is not an application.
    """
    global _runtime  # noqa: PLW0603 - the one module global besides the ContextVar
    if app is not None and not celery_tasks.takes(app):
        is_wsgi(app)  # it may be neither
    wanted = Settings.load(**{**_launched, **settings})
    if _runtime is None:
        fresh = _made(wanted)
        if _runtime is None:  # another thread may have been faster
            _runtime = fresh
        hook_process()
    if settings and wanted != _runtime.settings and not _runtime.lend(wanted):
        _replace(_runtime, wanted)
    _runtime.for_launcher = False
    return _runtime.instrument(app)


def launch(**defaults: Any) -> None:
    """Measure every application of this process, as a launcher does that changes no line of it.

    ``defaults`` are settings that the environment and ``instrument(app, ...)`` win over. A bad
    setting is said in the log, and what it is for goes by its default. Does nothing where
    something is measured already.
    """
    global _runtime  # noqa: PLW0603 - the one module global besides the ContextVar
    if _runtime is not None:
        return
    _launched.update(defaults)
    try:
        wanted = Settings.load(**defaults)
    except SettingsError as problem:
        log.warning("%s; going on without", problem)
        wanted = Settings.lenient(**defaults)
    _runtime = _made(wanted)
    hook_process()
    _runtime.welcome()
    _runtime.instrument(None)


def _replace(launched: Runtime, wanted: Settings) -> None:
    """What the application says of itself wins over its launcher, before the first trace."""
    global _runtime  # noqa: PLW0603 - the one module global besides the ContextVar
    if not launched.for_launcher:
        message = "instrument() was called before with other settings; call uninstrument() first"
        raise ValueError(message)
    if launched.meter is not None:
        log.warning("inprofile: the settings of instrument() come too late: after the first trace")
        return
    launched.uninstrument(None)
    _runtime = _made(wanted)
    _runtime.welcome()


def uninstrument(app: Any = None) -> Any:
    """Undo ``instrument``: for one application, or with None for everything.

    Returns the application without its door. What was counted stays in the group's
    directory.
    """
    global _runtime  # noqa: PLW0603 - the one module global besides the ContextVar
    if _runtime is None:
        return app
    result = _runtime.uninstrument(app)
    if app is None:
        _runtime = None
        _launched.clear()
    return result


def status() -> dict[str, Any]:
    """What is measured, where it goes and what was lost, as plain data (JSON-ready)."""
    return {"enabled": False} if _runtime is None else _runtime.status()


def collector() -> "Collector":
    """A prometheus_client collector of the group's metrics, for a registry of your own.

    ``REGISTRY.register(inprofile.collector())`` puts them beside yours; set
    ``INPROFILE_METRICS_PATH=`` (empty) to serve them there alone. Raises RuntimeError before
    ``instrument()``.
    """
    from inprofile.exporters.prometheus.collector import Collector

    if _runtime is None:
        raise RuntimeError("nothing is measured yet: call inprofile.instrument(app) first")
    return Collector(_counted, _runtime.settings.slo_ms)


def _counted() -> Snapshot:
    """What the group has counted; nothing between ``uninstrument()`` and the next line."""
    return Snapshot([]) if _runtime is None else _runtime.read()


def job(name: str) -> Job:
    """A block or function that is a trace of its own: a script, a consumer, a scheduled task.

    Use it as ``with``, ``async with`` or decorator (sync or async). Its spans, stages and
    duration are counted under the route ``job:name``. Does nothing before ``instrument()``.
    """
    return Job(name, recorder)


def recorder() -> Recorder | None:
    """The running recorder, or None before ``instrument()``."""
    return None if _runtime is None else _runtime.recorder


def running() -> Runtime | None:
    """The running runtime, or None."""
    return _runtime


def _made(settings: Settings) -> Runtime:
    return Runtime(settings, _patcher, recorder, _opened)


def hook_process() -> None:
    """Fork and exit hooks cannot be taken back: they are set once and ask for the runtime."""
    global _hooked  # noqa: PLW0603 - hooks cannot be taken back
    if _hooked:
        return
    _hooked = True
    atexit.register(_at_exit)
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork, after_in_child=_after_fork_in_child
    )


def _opened() -> None:
    """Hooks of the latest come first: what goes to a tracer provider is due before it ends."""
    if _hooked:
        atexit.unregister(_before_exit)
        atexit.register(_before_exit)


def _before_exit() -> None:
    if _runtime is not None:
        with guard:
            _runtime.flush(FLUSH_S)


def _at_exit() -> None:
    """The end, after that of others: who exports what we have counted does so once more at his."""
    if _runtime is not None:
        with guard:
            _runtime.close(CLOSE_S)


def _before_fork() -> None:
    global _forking  # noqa: PLW0603 - what was locked before a fork is unlocked after it
    _forking = _runtime
    if _forking is not None:
        _forking.before_fork()


def _after_fork() -> None:
    if _forking is not None:
        _forking.after_fork()


def _after_fork_in_child() -> None:
    if _forking is not None:
        with guard:
            _forking.after_fork_in_child()
