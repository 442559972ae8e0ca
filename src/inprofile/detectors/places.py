"""Where in the application something happens: the line of a query, the header of its loop."""

from collections.abc import Iterator, Sequence
from itertools import takewhile
from types import CodeType

from inprofile.core.application import application
from inprofile.core.codes import per_code
from inprofile.core.frames import Position, Stand, borders, interpreters, sources
from inprofile.core.model import Location, Trace
from inprofile.core.repeats import Operation
from inprofile.core.sites import Site
from inprofile.detectors import loops

GENERATED = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")


def sites(trace: Trace) -> Iterator[Site]:
    """The ways by which the operations of a trace were run, but for those run unseen."""
    for operation in list((trace.operations or {}).values()):
        if isinstance(operation, Operation):
            yield from operation.sites


def query(site: Site) -> Location | None:
    """The application's line that runs the operation."""
    return None if site.query is None else place(site.query)


def loop(site: Site, begun: tuple[CodeType, int] | None = None) -> Location | None:
    """The header of the loop that runs it again and again.

    A frame that calls again without a loop (``map``, a function that calls itself, ``gather``)
    is said by its line. For a loop in a library it is what drives that: the application's line
    around it, or what it wrote for it to run. None where there is nothing of the kind. A loop
    around the instruction ``begun`` is none: the whole trace is in it.
    """
    met = site.met
    if met is None:
        return None
    code = met.mark.code
    if id(code) not in sources and not application.owns(code):
        inside = list(takewhile(lambda each: each.mark is not met.mark, site.way.outwards()))
        around = inside[-1].out() if inside else site.way
        return None if around is None else _driver(around.outwards()) or _driven(inside)
    at = _instruction(met.second)
    if met.inner is not None and met.inner.at_once:
        return _written(code, at)
    outside = begun[1] if begun is not None and begun[0] is code else None
    return _header(code, at, outside, site.turned, len(site.elements) == site.count)


def fix(site: Site) -> str:
    """What to do instead: as its integration says, and as those say that drive the loop."""
    met = site.met
    if met is None or id(met.mark.code) in sources or application.owns(met.mark.code):
        return site.facts.fix
    for each in takewhile(lambda each: each.mark is not met.mark, site.way.outwards()):
        interpreter = interpreters.get(id(each.mark.code))
        if interpreter is not None and interpreter.fix is not None:
            part = place(each) if each.part is not None else query(site)
            return interpreter.fix("" if part is None else part.function, site.facts.fix)
    return site.facts.fix


def _driver(ways: Iterator[Stand]) -> Location | None:
    """What drives a loop of a library's from outside, with which ``ways`` begins."""
    next(ways)
    for each in ways:
        code = each.mark.code
        if id(code) in borders:
            return None
        if each.part is not None or id(code) in sources or application.owns(code):
            return place(each)
    return None


def _driven(inside: list[Stand]) -> Location | None:
    """What a loop of a library's runs for each element, where it was written for that."""
    written = (each for each in reversed(inside) if each.part is not None)
    found = next(written, None)
    return None if found is None else place(found)


def place(stand: Stand) -> Location | None:
    """Where in the application, or in what it wrote for an interpreter, a frame is."""
    code = stand.mark.code
    if stand.part is not None:
        interpreter = interpreters.get(id(code))
        return None if interpreter is None else interpreter.locate(stand.part)
    return _written(code, _instruction(stand.position))


@per_code
def _written(code: CodeType, instruction: int) -> Location:
    line = loops.line(code, instruction)
    source = sources.get(id(code))
    if source is not None:
        return Location(source.file, source.line(line), source.name)
    return Location(code.co_filename, line, _function(code.co_qualname))


@per_code
def _header(
    code: CodeType,
    instruction: int,
    outside: int | None,
    turned: Sequence[frozenset[str]],
    differs: bool,  # noqa: FBT001 - as header
) -> Location:
    """The header of the loop around an instruction, or its own line where there is none."""
    found = _written(code, instruction)
    source = sources.get(id(code))
    if source is None:
        line = loops.header(code, instruction, outside, turned, differs=differs)
    else:
        generated = loops.jumped(code, instruction, source.variables)
        line = None if generated is None else source.line(generated)
    return found if line is None else found._replace(line=line)


def _instruction(position: Position) -> int:
    return position if isinstance(position, int) else position[0]


def _function(qualified: str) -> str:
    """The function that a comprehension stands in, which has code of its own before 3.12."""
    names = qualified.split(".")
    while len(names) > 1 and (names[-1] in GENERATED or names[-1] == "<locals>"):
        names.pop()
    return names[-1]
