"""SQL that is put together of psycopg's objects, as text without the values in it."""

from collections.abc import Iterator
from typing import Any

MODULES = frozenset({"psycopg.sql", "psycopg2.sql"})
"""Where the objects come from that we can read; psycopg2's keep their content elsewhere."""


def text_of(statement: Any) -> Any:
    """What ``describe`` can read of a statement: text as it is, objects by their parts.

    Nothing is asked of a connection, and nothing of the user's is called: a value, or an
    object of a class of the user's, is ``?``.
    """
    if issubclass(type(statement), (str, bytes)):
        return statement
    return "".join(_pieces(statement))


def literals(statement: Any) -> tuple[Any, ...]:
    """The values in a statement, in their order."""
    return tuple(_literals(statement))


def _literals(part: Any) -> Iterator[Any]:
    kind = type(part)
    if kind.__module__ in MODULES:
        content = part._obj if kind.__module__ == "psycopg.sql" else part._wrapped  # noqa: SLF001
        if kind.__name__ == "Literal":
            yield content
        elif kind.__name__ == "Composed":
            for each in content:
                yield from _literals(each)


def _pieces(part: Any) -> Iterator[str]:
    kind = type(part)
    if kind.__module__ not in MODULES:
        yield "?"
        return
    content = part._obj if kind.__module__ == "psycopg.sql" else part._wrapped  # noqa: SLF001
    match kind.__name__:
        case "SQL":
            yield content
        case "Identifier":
            yield ".".join('"' + name.replace('"', '""') + '"' for name in content)
        case "Placeholder":
            yield f"%({content})s" if content else "%s"
        case "Composed":
            for each in content:
                yield from _pieces(each)
        case _:
            yield "?"
