"""Where facts come from: which group, which of its workers live, and over what time."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """A group at the moment of reading. Times are seconds since the epoch.

    ``workers`` are the process ids of the living. ``started_s`` is when the group's first
    worker saw its first request, None when that cannot be told. ``active_s`` is the last
    change to the group's files: it was active then, and may have been since.
    """

    group: str
    directory: str
    workers: tuple[int, ...]
    started_s: float | None
    active_s: float | None
    read_s: float

    @property
    def ended(self) -> bool:
        """Whether no process of the group lives any more."""
        return not self.workers

    @property
    def seconds(self) -> float | None:
        """The time base of rates; None for a group that has ended, for when is not known."""
        if self.ended or self.started_s is None or self.started_s >= self.read_s:
            return None
        return self.read_s - self.started_s
