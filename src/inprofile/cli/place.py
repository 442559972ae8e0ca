"""Where to look for groups: the options, the settings, or the default."""

from pathlib import Path

from inprofile.core.group import default_base, identify
from inprofile.settings import Settings

HELP = (
    "Where groups are kept, or one group's own directory. "
    "[default: INPROFILE_DIR, or the user's place in the temporary directory]"
)


def place(directory: Path | None, name: str = "") -> tuple[Path, str]:
    """The directory to look in and the name to look for, if any.

    Without ``directory`` both are those of an app that is started with the same environment.
    Raises SettingsError.
    """
    if directory is not None:
        return directory, name
    settings = Settings.load()
    base = settings.dir or default_base()
    if settings.group and not name:
        name = identify(base, settings.service, settings.group).name
    return base, name
