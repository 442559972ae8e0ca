"""Where to look for groups: the option, the settings, or the default."""

from pathlib import Path

from inprofile.core.group import default_base
from inprofile.settings import Settings

HELP = (
    "Where groups are kept, or one group's own directory. "
    "[default: INPROFILE_DIR, or the user's place in the temporary directory]"
)


def directory(given: Path | None) -> Path:
    """``given``, or what the settings say. Raises SettingsError."""
    return given or Settings.load().dir or default_base()
