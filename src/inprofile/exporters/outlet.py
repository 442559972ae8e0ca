"""What takes data out of this process by itself."""

from typing import Protocol


class Outlet(Protocol):
    """One way out, with a thread of its own: what waits for another machine waits there."""

    def flush(self, timeout_s: float) -> None:
        """Let what waits go out now, for at most ``timeout_s``: the process may be about to end."""

    def close(self, timeout_s: float) -> None:
        """Say what is left to say, and end; after ``timeout_s`` without a word."""

    def after_fork_in_child(self) -> None:
        """Let go of what is the parent's, without a word."""
