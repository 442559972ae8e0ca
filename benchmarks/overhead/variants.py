"""The ways of watching an application that are compared.

Each puts itself in place and returns a check, which is told how many requests were made
after the clock has stopped: what did not see all of them has no figure to show.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from benchmarks.overhead import django_peers, fastapi_peers
from benchmarks.overhead.checks import Check, Facts, Miscounted, exactly
from benchmarks.overhead.driver import App, Receive, Scope, Send
from benchmarks.overhead.subject import Subject


@dataclass(frozen=True, slots=True)
class Variant:
    """One way of watching: what it is called, its environment and the modules it needs."""

    name: str
    title: str
    install: Callable[[Subject], Check]
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()


class Noop:
    """The least that a middleware can be."""

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.app(scope, receive, send)


def _unchecked(_requests: int) -> Facts:
    return {}


def _bare(_subject: Subject) -> Check:
    return _unchecked


def _noop(subject: Subject) -> Check:
    if subject.framework == "django":
        django_peers.add_middleware("benchmarks.overhead.django_peers.noop")
    else:
        subject.app.add_middleware(Noop)
    return _unchecked


def _inprofile(subject: Subject, *, watches_loops: bool = True) -> Check:
    import inprofile
    from inprofile import process

    if subject.framework == "django":
        django_peers.add_middleware("inprofile.django.Middleware")
    inprofile.instrument(subject.app)

    def check(requests: int) -> Facts:
        status = inprofile.status()
        if status["errors"]:
            message = f"inprofile had {status['errors']} errors, the last: {status['last_error']}"
            raise Miscounted(message)
        running = process.running()
        series = running.read().series if running is not None and running.meter else {}
        counts = [v[2:] for key, v in series.items() if key[0] == "http.server.request.duration"]
        expected = requests if status["enabled"] else 0
        exactly("inprofile", sum(map(sum, counts)), expected)
        counts = [v[2:] for key, v in series.items() if key[0] == "inprofile.on_loop.duration"]
        is_on_loop = watches_loops and subject.framework == "fastapi"
        exactly("inprofile on event loops", sum(map(sum, counts)), expected if is_on_loop else 0)
        return {}

    return check


def _paused(subject: Subject) -> Check:
    from inprofile import process

    check = _inprofile(subject)
    recorder = process.recorder()
    if recorder is None:
        raise Miscounted("inprofile has no recorder to switch off")
    recorder.enabled = False
    return check


def _contrib(subject: Subject) -> Check:
    if subject.framework == "django":
        return django_peers.contrib(subject)
    return fastapi_peers.contrib(subject)


def _prometheus(subject: Subject) -> Check:
    if subject.framework == "django":
        return django_peers.prometheus(subject)
    return fastapi_peers.prometheus(subject)


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("bare", "bare", _bare),
        Variant("noop", "no-op middleware", _noop),
        Variant("off", "inprofile off", _inprofile, {"INPROFILE_ENABLED": "0"}),
        Variant("paused", "inprofile paused", _paused),
        Variant("on", "**inprofile on**", _inprofile),
        Variant(
            "loopless",
            "inprofile on, loops not watched",
            partial(_inprofile, watches_loops=False),
            {"INPROFILE_LOOP": "0"},
        ),
        Variant(
            "kept", "inprofile on, every trace kept", _inprofile, {"INPROFILE_SAMPLE_RATE": "1"}
        ),
        Variant(
            "contrib",
            "OpenTelemetry contrib",
            _contrib,
            needs=(*django_peers.CONTRIB, *fastapi_peers.CONTRIB),
        ),
        Variant(
            "prometheus",
            "prometheus-fastapi-instrumentator, django-prometheus",
            _prometheus,
            needs=("django_prometheus", "prometheus_fastapi_instrumentator"),
        ),
    )
}
