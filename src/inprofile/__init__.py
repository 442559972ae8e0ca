"""Says where the time of each request goes. The public names, and nothing else."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inprofile.core.block import Block as span  # noqa: N813 - it reads as a function
    from inprofile.detectors.ignoring import Ignore as ignore  # noqa: N813 - it reads as a function
    from inprofile.metric_exporter import MetricExporter
    from inprofile.process import collector, instrument, job, status, uninstrument
    from inprofile.settings import Settings, SettingsError

__version__ = "0.1.0"

__all__ = [
    "MetricExporter",
    "Settings",
    "SettingsError",
    "collector",
    "ignore",
    "instrument",
    "job",
    "span",
    "status",
    "uninstrument",
]

_HOMES = {
    "MetricExporter": ("inprofile.metric_exporter", "MetricExporter"),
    "Settings": ("inprofile.settings", "Settings"),
    "SettingsError": ("inprofile.settings", "SettingsError"),
    "collector": ("inprofile.process", "collector"),
    "ignore": ("inprofile.detectors.ignoring", "Ignore"),
    "instrument": ("inprofile.process", "instrument"),
    "job": ("inprofile.process", "job"),
    "span": ("inprofile.core.block", "Block"),
    "status": ("inprofile.process", "status"),
    "uninstrument": ("inprofile.process", "uninstrument"),
}


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used: importing the package does no work."""
    import sys
    from importlib import import_module

    if name not in _HOMES:
        message = f"module 'inprofile' has no attribute {name!r}"
        raise AttributeError(message)
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    if module == "inprofile.process":  # a launcher may have waited for that
        for finder in tuple(sys.meta_path):
            begin = getattr(finder, "begin_inprofile", None)
            if begin is not None:
                begin()
    return value
