"""The rules that some settings give."""

from inprofile.rules.generated import groups
from inprofile.rules.rule import written
from inprofile.settings import Settings


def ruled(**settings):
    return written(groups(Settings.load({}, **settings)))
