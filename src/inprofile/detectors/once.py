"""Which loops pass once, as their source says: those do not repeat what runs in them."""

import ast
from collections.abc import Iterator, Sequence
from itertools import pairwise

LOOPS = ast.For | ast.AsyncFor | ast.While


def passes_once(path: Sequence[ast.AST], *, differs: bool) -> bool:
    """Whether the loop with which ``path`` begins passes once, for all that is known.

    The path leads to what runs in it, from the outside in. That it ``differs`` says that it never
    ran for the same element twice.
    """
    loop = path[0]
    if not isinstance(loop, LOOPS):
        return False
    if not isinstance(loop, ast.While) and _has_one(loop.iter):
        return True
    return _is_left(path) or (differs and _asks_the_same(loop, path))


def _has_one(iterated: ast.AST) -> bool:
    """``[x]``, ``rows[:1]``, ``range(1)``."""
    match iterated:
        case ast.List(elts=[one]) | ast.Tuple(elts=[one]) | ast.Set(elts=[one]):
            return not isinstance(one, ast.Starred)
        case ast.Subscript(
            slice=ast.Slice(
                lower=None | ast.Constant(value=0), upper=ast.Constant(value=1), step=None
            )
        ):
            return True
        case ast.Call(func=ast.Name(id="range"), args=[ast.Constant(value=1)]):
            return True
    return False


def _is_left(path: Sequence[ast.AST]) -> bool:
    """Whether the loop is left if nothing fails: a ``break`` behind what may be tried again."""
    last = [each for each in path if isinstance(each, ast.stmt)][-1]
    if _goes_on(last):  # if query(): continue
        return False
    left: ast.AST | None = None  # a loop inside of it
    for outer, inner in reversed(list(pairwise(path))):
        if not isinstance(inner, ast.stmt) or (left is not None and inner is not left):
            continue
        left = None
        for following in _following(outer, inner):
            if isinstance(following, ast.Return):
                return True
            if isinstance(following, ast.Break):
                left = next(
                    each for each in path[path.index(outer) :: -1] if isinstance(each, LOOPS)
                )
                if left is path[0]:
                    return True
                break
            if _goes_on(following):
                return False
    return False


def _goes_on(statement: ast.stmt) -> bool:
    return any(isinstance(each, ast.Continue) for each in ast.walk(statement))


def _following(outer: ast.AST, inner: ast.stmt) -> Iterator[ast.stmt]:
    """What runs behind a statement in the block of another one."""
    for name in ("body", "orelse", "finalbody"):
        block = getattr(outer, name, None)
        if isinstance(block, list) and inner in block:
            yield from block[block.index(inner) + 1 :]
            if name == "body" and isinstance(outer, ast.Try):
                yield from outer.orelse


def _asks_the_same(loop: ast.AST, path: Sequence[ast.AST]) -> bool:
    """Whether no pass of the loop changes what is asked for, as far as names tell.

    Then different elements come from further out. What has a state of its own, ``next(rows)`` or
    ``queue.pop()``, may be another one each time.
    """
    last = max(i for i, each in enumerate(path) if isinstance(each, ast.stmt))
    asked = list(ast.walk(path[min(last + 1, len(path) - 1)]))
    if any(isinstance(each, ast.Call) and _has_state(each) for each in asked):
        return False
    changed = {name for each in ast.walk(loop) if each is not path[last] for name in _changed(each)}
    return changed.isdisjoint(each.id for each in asked if isinstance(each, ast.Name))


def _changed(node: ast.AST) -> Iterator[str]:
    """The names that a node gives something to, or changes: ``row["id"] = n``, ``row.add(n)``."""
    if isinstance(node, ast.Expr):
        call = node.value.value if isinstance(node.value, ast.Await) else node.value
        held = call.func if isinstance(call, ast.Call) else None
        node = held if isinstance(held, ast.Attribute) else node
    elif not isinstance(getattr(node, "ctx", None), ast.Store | ast.Del):
        return
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    if isinstance(node, ast.Name):
        yield node.id


def _has_state(call: ast.Call) -> bool:
    if isinstance(call.func, ast.Name) and call.func.id in {"next", "anext"}:
        return True
    held = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return not (call.args or call.keywords) and not isinstance(held, ast.Call)
