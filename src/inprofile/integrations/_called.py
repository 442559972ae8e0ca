"""How the application's line calls a library: the names that the code of a fix has to use."""

import linecache
import re
from types import CodeType
from typing import NamedTuple

from inprofile.core.application import application
from inprofile.core.codes import per_code
from inprofile.core.frames import Stand

_CALL = r"(?:(?P<receiver>[A-Za-z_][\w.]*(?:\[[\w\"']+\])?)\s*\.\s*|\b)(?P<method>{methods})\s*\("


class Called(NamedTuple):
    """A call as it is written: ``receiver.method(...)``; the receiver may be empty."""

    receiver: str
    method: str


def called(at: Stand, methods: str) -> Called | None:
    """The application's innermost call around ``at``, as it is written.

    None if its line has none of ``methods`` (a regular expression).
    """
    for each in at.outwards():
        if application.owns(each.mark.code):
            position = each.position
            instruction = position if isinstance(position, int) else position[0]
            return _called(each.mark.code, instruction, methods)
    return None


@per_code
def _called(code: CodeType, instruction: int, methods: str) -> Called | None:
    for i, (first, last, *_) in enumerate(code.co_positions()):
        if i == instruction // 2 and first is not None:
            lines = range(first, (last or first) + 1)
            text = "".join(linecache.getline(code.co_filename, line) for line in lines)
            found = re.search(_CALL.format(methods=methods), text)
            return None if found is None else Called(found["receiver"] or "", found["method"])
    return None
