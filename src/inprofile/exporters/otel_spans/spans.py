"""Kept traces as OpenTelemetry's spans, made when they are over."""

from collections.abc import Mapping, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.sampling import Sampler

from inprofile.core.guard import guard, log
from inprofile.core.pipeline import Drain, Kept
from inprofile.core.recorder import Recorder
from inprofile.exporters.otel.environment import NoExporter
from inprofile.exporters.otel_spans import providers
from inprofile.exporters.otel_spans.handing import Handing, handing
from inprofile.exporters.otel_spans.head import Head
from inprofile.exporters.otel_spans.own_provider import OwnProvider
from inprofile.exporters.otel_spans.records import is_exported, records
from inprofile.exporters.otel_spans.surroundings import Surroundings
from inprofile.settings import Settings


class Spans:
    """Takes kept traces and hands those that are exported to a tracer provider's processors.

    That is the application's provider where it has set one, and else one of our own, which is
    there for our spans alone. From its beginning to its end OpenTelemetry's sampler decides which
    traces are exported by chance. ``exemplify`` is given what is exported: an exemplar is a way
    to a trace that can be found. Nothing waits here for another machine where the provider's
    processors do not: the SDK's batches have a thread and a queue with an end.
    """

    def __init__(
        self,
        settings: Settings,
        recorder: Recorder,
        exemplify: Drain,
        environment: Mapping[str, str],
    ) -> None:
        self._settings = settings
        self._recorder = recorder
        self._exemplify = exemplify
        self._environment = environment
        self._own: OwnProvider | None = None
        self._provider: TracerProvider | None = None
        self._handing: Handing | None = None
        self._has_none = False
        self._default = TracerProvider(
            resource=Resource.get_empty(), shutdown_on_exit=False
        ).sampler
        recorder.head = Head(recorder, self._sampler)
        recorder.entered = Surroundings(recorder, providers.users)

    def __call__(self, batch: Sequence[Kept]) -> None:
        """Export what is to be exported; the traces are not needed afterwards.

        Instrumentation is not suppressed: processors do that around their exporters, and some
        take a suppressed span for one that nobody wants.
        """
        exported = [kept for kept in batch if is_exported(kept[0])]
        self._exemplify(exported)
        hand_over = self._handing_now()
        if hand_over is not None:
            for trace, findings in exported:
                with guard:
                    hand_over(records(self._recorder, trace, findings))

    def flush(self, timeout_s: float) -> None:
        """Let what our own exporters have go out now; the application's are its own."""
        if self._own is not None:
            self._own.flush(timeout_s)

    def close(self, timeout_s: float) -> None:
        """Let our own exporters finish for at most ``timeout_s``."""
        self._stop()
        if self._own is not None:
            self._own.close(timeout_s)

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
        self._stop()

    def _stop(self) -> None:
        self._recorder.head = self._recorder.entered = None

    def _sampler(self) -> Sampler:
        provider = providers.users()
        return self._default if provider is None else provider.sampler

    def _handing_now(self) -> Handing | None:
        """To the provider that there is by now."""
        provider = providers.users() or self._ours()
        if provider is not self._provider:
            self._provider = provider
            self._handing = None
            if provider is not None:
                self._handing = handing(provider, strict=self._settings.otel_strict)
        return self._handing

    def _ours(self) -> TracerProvider | None:
        if self._own is None and not self._has_none:
            try:
                self._own = OwnProvider(self._settings.service, self._environment)
            except NoExporter as error:
                self._has_none = True
                log.warning("inprofile: no spans are exported: %s", error)
        return None if self._own is None else self._own.provider
