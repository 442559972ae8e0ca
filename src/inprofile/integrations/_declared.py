"""Where a class of the user's declares something by name: a serializer's field, a column."""

import ast
import linecache
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple, TypeGuard

from inprofile.core.application import application
from inprofile.core.model import Location
from inprofile.core.source import syntax_tree

CACHED_FILES = 32
"""Parsed sources remembered."""

CACHED = 1024
"""Declarations remembered."""

NAMED = ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
Scope = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


class Declared(NamedTuple):
    """Something that a class has by ``name``: what its body says, or an entry of its ``lists``.

    A list may be that of a class in it: ``Meta.fields``. Plain data: it holds no class.
    """

    file: str
    owner: str
    name: str
    lists: tuple[str, ...] = ()


def declared(owner: type, name: str, lists: tuple[str, ...] = ()) -> Declared | None:
    """What ``owner`` has by ``name``, or None if that is no class of the application's."""
    module = sys.modules.get(owner.__module__)
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not application.owns_file(file):
        return None
    return Declared(file, owner.__qualname__, name, lists)


@lru_cache(CACHED)
def locate(what: Declared) -> Location | None:
    """The line that declares it: its own, or else that of its list, or else of its class."""
    tree = _parsed(what.file)
    owner = None if tree is None else _class(tree, what.owner)
    if owner is None:
        return None
    return Location(what.file, _line(owner, what), f"{owner.name}.{what.name}".rstrip("."))


@lru_cache(CACHED_FILES)
def _parsed(file: str) -> ast.Module | None:
    lines = linecache.getlines(file)
    return syntax_tree("".join(lines)) if lines else None


def _class(tree: ast.Module, qualified: str) -> ast.ClassDef | None:
    scope: Scope = tree
    for name in qualified.replace(".<locals>", "").split("."):
        inner = [one for one in _statements(scope) if isinstance(one, NAMED) and one.name == name]
        if not inner:
            return None
        scope = inner[-1]
    return scope if isinstance(scope, ast.ClassDef) else None


def _statements(node: ast.AST) -> Iterator[ast.stmt]:
    """The statements of a body, also those below an ``if``, but not those of another scope."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt):
            yield child
            if not isinstance(child, NAMED):
                yield from _statements(child)


def _line(owner: ast.ClassDef, what: Declared) -> int:
    for path in what.lists or (what.name,):
        found = _given(owner, path.split("."))
        if found is not None:
            entries = (each for each in ast.walk(found) if _is_entry(each, what.name))
            return (next(entries, found) if what.lists else found).lineno
    return owner.lineno


def _given(owner: ast.ClassDef, path: list[str]) -> ast.stmt | None:
    """The statement that gives a class its attribute ``a``, or one to the class ``a`` in it."""
    for one in _statements(owner):
        if isinstance(one, ast.ClassDef) and one.name == path[0] and len(path) > 1:
            return _given(one, path[1:])
        if path in _names(one):
            return one
    return None


def _names(statement: ast.stmt) -> list[list[str]]:
    """The names that a statement gives something to, as paths."""
    if isinstance(statement, NAMED):
        return [[statement.name]]
    if isinstance(statement, ast.AnnAssign):
        targets = [statement.target]
    elif isinstance(statement, ast.Assign):
        targets = statement.targets  # type: ignore[assignment]
    else:
        return []
    return [[each.id] for each in targets if isinstance(each, ast.Name)]


def _is_entry(node: ast.AST, name: str) -> TypeGuard[ast.expr]:
    return (isinstance(node, ast.Constant) and node.value == name) or (
        isinstance(node, ast.Name) and node.id == name
    )
