"""Which loop an instruction stands in: the line of its header, from the source or the bytecode."""

import ast
import dis
import inspect
import linecache
import tokenize
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import islice, pairwise
from types import CodeType
from typing import NamedTuple

from inprofile.core.codes import per_code
from inprofile.core.source import syntax_tree
from inprofile.detectors.once import passes_once

CACHED_FUNCTIONS = 256
"""Parsed functions remembered."""

COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
GENERATED = ("<listcomp>", "<setcomp>", "<dictcomp>", "<genexpr>", "<lambda>")
"""Code of its own inside of a function: what it repeats is seen in its jumps."""

SCOPES = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef | ast.Module

Place = tuple[int, int, int, int]
"""First line, first column, last line, last column; columns in bytes of UTF-8."""


def line(code: CodeType, instruction: int) -> int:
    """The line of the instruction at an offset of ``code``; its first line where it has none."""
    return _place(code, instruction)[0]


def header(
    code: CodeType,
    instruction: int,
    begun: int | None = None,
    turned: Sequence[frozenset[str]] = (),
    *,
    differs: bool = False,
) -> int | None:
    """The line of the innermost loop of ``code`` that runs the instruction again and again.

    ``for``, ``while``, ``async for`` and comprehensions, which may have a code of their own.
    None where there is none. What a loop does once, before it begins, is not in it; nor is a
    loop meant that runs the instruction ``begun`` as well: it is around all that is looked at.
    Nor one that passes once in each pass of another: ``turned`` has, for pairs of runs, the
    variables that loops around the innermost one had set anew between them, and ``differs`` says
    that the instruction never ran for the same element twice.
    """
    around = () if begun is None else {each.line for each in _around(code, begun)}
    own = [each for each in _around(code, instruction) if each.line not in around]
    passed = min((_passed(own, changed) for changed in turned), default=0)
    often = (
        each for each in own[passed:] if not (each.path and passes_once(each.path, differs=differs))
    )
    found = next(often, own[passed] if own else None)
    return None if found is None else found.line


class _Loop(NamedTuple):
    """A loop: its line; from its source the nodes down to an instruction, and the names it sets."""

    line: int
    path: tuple[ast.AST, ...] = ()
    names: frozenset[str] = frozenset()


@per_code
def _around(code: CodeType, instruction: int) -> tuple[_Loop, ...]:
    """The loops around an instruction, from the inside out."""
    first = 1 if code.co_name == "<module>" else code.co_firstlineno
    is_own = code.co_name in GENERATED
    tree, above = (None, 0) if is_own else _parsed(code.co_filename, first)
    if tree is None:
        found = jumped(code, instruction)
        written = _written(code) if is_own and found is not None else None
        return () if found is None else (_Loop(written or found),)
    start, column, last, end = _place(code, instruction)
    path: list[ast.AST] = [tree]
    loops: list[int] = []
    for outer, inner in _path(tree, (start - above, column, last - above, end)):
        if isinstance(outer, SCOPES) and not isinstance(outer, ast.Module):
            loops.clear()
        if _repeats(outer, inner):
            loops.append(len(path) - 1)
        path.append(inner)
    return tuple(
        _Loop(_line(path[i]) + above, tuple(path[i:]), _names(path[i])) for i in reversed(loops)
    )


def _names(loop: ast.AST) -> frozenset[str]:
    nodes = (node for node in ast.walk(loop) if isinstance(node, ast.Name))
    return frozenset(node.id for node in nodes if isinstance(node.ctx, ast.Store))


def _passed(loops: list[_Loop], changed: frozenset[str]) -> int:
    """The outermost of the loops that has set anew what is ``changed``: it has gone on."""
    inner_and_own = pairwise(loops)
    gone = [not changed.isdisjoint(own.names - inner.names) for inner, own in inner_and_own]
    return max((i for i, has_gone in enumerate(gone, 1) if has_gone), default=0)


def _place(code: CodeType, instruction: int) -> Place:
    places = islice(code.co_positions(), instruction // 2, None)
    first, last, column, end = next(places, (None, None, None, None))
    first = first or code.co_firstlineno
    return first, column or 0, last or first, end or 1 << 30


def _line(loop: ast.AST) -> int:
    """The line that says over what a loop goes."""
    if isinstance(loop, COMPREHENSIONS):
        return loop.generators[0].target.lineno
    return loop.lineno  # type: ignore[attr-defined, no-any-return]


@lru_cache(CACHED_FUNCTIONS)
def _parsed(file: str, first: int) -> tuple[ast.Module | None, int]:
    """The function that begins at a line, and how many lines of the file are left out above it.

    Alone, for to parse a whole file takes 15 ms for 1,000 lines. One that is indented is put
    into a block of its own, so that its columns stay.
    """
    lines = linecache.getlines(file)[first - 1 :]
    above = first - 1
    if not lines:
        return None, 0
    if above:
        try:
            lines = inspect.getblock(lines)
        except (SyntaxError, tokenize.TokenError):  # a template whose code was made of it
            return None, 0
        if lines[0][:1].isspace():
            lines, above = ["if True:\n", *lines], above - 1
    return syntax_tree("".join(lines)), above


def _written(code: CodeType) -> int | None:
    """The line of the ``for`` of a comprehension that has code of its own."""
    places = [place for place in code.co_positions() if None not in place and place[3]]
    start, column = min((place[0] or 0, place[2] or 0) for place in places)
    last, end = max((place[1] or 0, place[3] or 0) for place in places)
    lines = [line.encode() for line in linecache.getlines(code.co_filename)[start - 1 : last]]
    if not lines:
        return None
    lines[-1] = lines[-1][:end]
    lines[0] = lines[0][column:]
    match syntax_tree(b"(" + b"".join(lines) + b")"):
        case ast.Module(body=[ast.Expr(value=comprehension)]):
            return _line(comprehension) + start - 1
    return None


def _path(tree: ast.Module, place: Place) -> Iterator[tuple[ast.AST, ast.AST]]:
    """The nodes around a place, from the outside in, each with the child it is in."""
    node: ast.AST | None = tree
    while node is not None:
        inner = next((child for child in _children(node) if _holds(child, place)), None)
        if inner is not None:
            yield node, inner
        node = inner


def _children(node: ast.AST) -> Iterator[ast.AST]:
    """Child nodes that have a place in the file; the parts of those that have none."""
    for child in ast.iter_child_nodes(node):
        if hasattr(child, "lineno"):
            yield child
        else:
            yield from _children(child)


def _holds(node: ast.AST, place: Place) -> bool:
    first, column, last, end = place
    starts = min(_starts(node))
    ends = node.end_lineno, node.end_col_offset  # type: ignore[attr-defined]
    return starts <= (first, column) and (
        (end == 1 << 30 and last <= ends[0]) or (last, end) <= ends
    )


def _starts(node: ast.AST) -> Iterator[tuple[int, int]]:
    yield node.lineno, node.col_offset  # type: ignore[attr-defined]
    for decorator in getattr(node, "decorator_list", ()):
        yield decorator.lineno, 0


def _repeats(outer: ast.AST, inner: ast.AST) -> bool:
    """Whether ``outer`` is a loop that runs ``inner`` in each pass."""
    if isinstance(outer, ast.For | ast.AsyncFor):
        return inner in outer.body
    if isinstance(outer, ast.While):
        return inner in outer.body or inner is outer.test
    if isinstance(outer, COMPREHENSIONS):
        return inner is not outer.generators[0].iter
    return False


def jumped(code: CodeType, instruction: int, variables: str = "") -> int | None:
    """The line to which the shortest jump backwards over the instruction leads.

    Of loops whose variable begins with ``variables``. Awaiting jumps too, and is no loop.
    """
    instructions = list(dis.get_instructions(code))
    found = [
        (jump.offset - jump.argval, jump.argval)
        for before, jump in pairwise(instructions)
        if "JUMP" in jump.opname
        and "NO_INTERRUPT" not in jump.opname
        and before.opname != "CLEANUP_THROW"
        and isinstance(jump.argval, int)
        and jump.argval <= instruction <= jump.offset
        and _assigned(instructions, jump.argval).startswith(variables)
    ]
    return line(code, min(found)[1]) if found else None


def _assigned(instructions: list[dis.Instruction], start: int) -> str:
    """The variable that is assigned first from an instruction on: a loop's."""
    stores = (one for one in instructions if one.offset >= start and "STORE" in one.opname)
    found = next(stores, None)
    return "" if found is None else str(_first(found.argval))


def _first(names: object) -> object:
    """Two names are stored by one instruction since 3.13."""
    return names[0] if isinstance(names, tuple) else names
