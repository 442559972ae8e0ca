"""Where in the application something happens: the line of a query, the header of its loop."""

from collections.abc import Iterator
from types import CodeType

from inprofile.core.application import application
from inprofile.core.frames import Stand, borders, interpreters
from inprofile.core.model import Location
from inprofile.core.repeats import Site
from inprofile.detectors import loops

GENERATED = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")


def query(site: Site) -> Location | None:
    """The application's line that runs the operation."""
    return None if site.query is None else _place(site.query)


def loop(site: Site, begun: tuple[CodeType, int] | None = None) -> Location | None:
    """The header of the loop that runs it again and again.

    A frame that calls again without a loop (``map``, a function that calls itself, ``gather``)
    is said by its line. For a loop in a library it is what drives that: the application's line
    around it, or what it wrote for it. None where there is nothing of the kind. A loop around
    the instruction ``begun`` is none: the whole trace is in it.
    """
    met = site.met
    if met is None:
        return None
    ways = site.stand.outwards()
    around = next((each for each in ways if each.mark is met.mark), None)
    if around is None:
        return None
    if application.owns(met.mark.code):
        at = Stand(met.mark, met.second, None)
        is_gathered = met.inner is not None and met.inner.at_once
        outside = begun[1] if begun is not None and begun[0] is met.mark.code else None
        line = None if is_gathered else loops.header(met.mark.code, _instruction(at), outside)
        return _place(at) if line is None else _place(at)._replace(line=line)  # type: ignore[union-attr]
    return _driver(ways)


def _driver(ways: Iterator[Stand]) -> Location | None:
    for each in ways:
        if id(each.mark.code) in borders:
            return None
        if each.part is not None or application.owns(each.mark.code):
            return _place(each)
    return None


def _place(stand: Stand) -> Location | None:
    code = stand.mark.code
    if stand.part is not None:
        interpreter = interpreters.get(id(code))
        return None if interpreter is None else interpreter.locate(stand.part)
    line = loops.line(code, _instruction(stand))
    return Location(code.co_filename, line, _function(code.co_qualname))


def _instruction(stand: Stand) -> int:
    position = stand.position
    return position if isinstance(position, int) else position[0]


def _function(qualified: str) -> str:
    """The function that a comprehension stands in, which has code of its own before 3.12."""
    names = qualified.split(".")
    while len(names) > 1 and (names[-1] in GENERATED or names[-1] == "<locals>"):
        names.pop()
    return names[-1]
