"""Says where the time of each request goes. The public names, and nothing else."""

import sys

TYPE_CHECKING = False  # typing's own would have to be imported: this runs in every launched process
if TYPE_CHECKING:
    from typing import Any

    from inprofile.core.block import Block as span  # noqa: N813 - it reads as a function
    from inprofile.detectors.ignoring import Ignore as ignore  # noqa: N813 - it reads as a function
    from inprofile.metric_exporter import MetricExporter
    from inprofile.runtime import collector, instrument, job, status, uninstrument
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
    "collector": ("inprofile.runtime", "collector"),
    "ignore": ("inprofile.detectors.ignoring", "Ignore"),
    "instrument": ("inprofile.runtime", "instrument"),
    "job": ("inprofile.runtime", "job"),
    "span": ("inprofile.core.block", "Block"),
    "status": ("inprofile.runtime", "status"),
    "uninstrument": ("inprofile.runtime", "uninstrument"),
}


def __getattr__(name: str) -> "Any":
    """Load a public name when it is first used: importing the package does no work."""
    from importlib import import_module

    if name not in _HOMES:
        message = f"module 'inprofile' has no attribute {name!r}"
        raise AttributeError(message)
    module, attribute = _HOMES[name]
    value = getattr(import_module(module), attribute)
    globals()[name] = value
    launched = sys.modules.get("inprofile.launch")
    if launched is not None and module == "inprofile.runtime":
        launched.begin()
    return value
