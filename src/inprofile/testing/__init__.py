"""For tests: what a block of code spent its time on, as plain traces and findings."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inprofile.testing.recording import Recorded, record

__all__ = ["Recorded", "record"]


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: pytest imports this package for every run."""
    if name not in __all__:
        message = f"module 'inprofile.testing' has no attribute {name!r}"
        raise AttributeError(message)
    from inprofile.testing import recording

    value = globals()[name] = getattr(recording, name)
    return value
