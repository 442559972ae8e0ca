"""Puts the group's metrics among those that an exporter of the user's own is given."""

from collections.abc import Callable
from pathlib import Path

from opentelemetry.sdk.metrics.export import MetricsData, ResourceMetrics

from inprofile.core.role import Role
from inprofile.core.slots import Snapshot
from inprofile.exporters.otel.resource import instance_id, of_group
from inprofile.exporters.otel_metrics.data import Preference
from inprofile.exporters.otel_metrics.telling import Telling


class Carrier:
    """Does so while this worker has the role to, one for each ``name``.

    ``read``, ``directory`` and ``slo_ms`` are as for Sender.
    """

    def __init__(
        self,
        read: Callable[[], Snapshot],
        directory: Path | None,
        name: str,
        slo_ms: tuple[float, ...],
    ) -> None:
        self._read = read
        self._directory = directory
        self._role = None if directory is None else Role(directory / f"{name}.lock")
        self._telling = Telling(directory, name, slo_ms)

    def laden(self, theirs: MetricsData, wanted: Preference) -> MetricsData | None:
        """``theirs`` and ours, which have a resource of their own; None where it is another's role.

        The resource is theirs but for its ``service.instance.id``: that of the group, which stays
        when another worker takes the role over. Where that is the same there is one resource.
        """
        if self._role is not None and not self._role.held():
            return None
        first, *others = theirs.resource_metrics
        instance = instance_id(self._directory, self._telling.began_ns())
        resource = of_group(first.resource, instance)
        told = self._telling.next(self._read(), wanted)
        if resource == first.resource:
            scopes = [*first.scope_metrics, told]
            return MetricsData([ResourceMetrics(resource, scopes, first.schema_url), *others])
        return MetricsData([first, *others, ResourceMetrics(resource, [told], first.schema_url)])

    def arrived(self) -> None:
        """What was told last is where it was to go."""
        self._telling.arrived()

    def flush(self, _timeout_s: float) -> None:
        """Nothing waits here: exports are the user's to do."""

    def close(self, _timeout_s: float = 0) -> None:
        """Give the role up: exports are the user's to do."""
        if self._role is not None:
            self._role.forget()

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's."""
        self.close()
