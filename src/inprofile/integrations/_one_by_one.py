"""What to write in SQL in the place of a statement that runs for each element."""

import re
from types import FrameType

from inprofile.core.frames import Stand
from inprofile.core.model import Span
from inprofile.core.sites import Facts

_NAME = r'(?:"(?:[^"]|"")+"|`[^`]+`|\[[^\]]+\]|[^\W\d][\w$]*)'
_VALUE = r"(?:%s|%\(\w+\)s|\$\d+|\?\d*|[:@]\w+)"
_EQUALS = re.compile(
    rf"(?P<column>{_NAME}(?:\s*\.\s*{_NAME})*)\s*"
    rf"(?:=\s*(?:ANY\s*\()?|IN\s*\()(?P<value>{_VALUE})"
    rf"|(?P<first>{_VALUE})(?:::\w+)?\s*=\s*(?P<behind>{_NAME}(?:\s*\.\s*{_NAME})*)",
    re.IGNORECASE,
)
_WHERE = re.compile(r"\bWHERE\b", re.IGNORECASE)
_SET = re.compile(rf"\bSET\b.*?{_VALUE}.*?\bWHERE\b", re.IGNORECASE | re.DOTALL)
_SINGLE = re.compile(r"\bLIMIT\s+(?:1|\?|\$\d+|%s)\s+OFFSET\b", re.IGNORECASE)
_INSERTS = re.compile(r"\s*(?:INSERT|REPLACE)\b", re.IGNORECASE)

PARAMETER = {"postgresql": "%s", "mysql": "%s"}
"""What a driver calls a parameter, where the statement has literals instead."""


def instead(span: Span, _stand: Stand, _frames: list[FrameType]) -> Facts:
    """The fix of a statement that a driver runs."""
    return Facts(fix=batched(str(span.name), system(span)))


def instead_numbered(span: Span, _stand: Stand, _frames: list[FrameType]) -> Facts:
    """The same for a driver that numbers its parameters."""
    return Facts(fix=batched(str(span.name), system(span), "$1"))


def system(span: Span) -> str:
    """What database the statement is for."""
    return str((span.attributes or {}).get("db.system.name", ""))


def batched(statement: str, system: str, parameter: str = "") -> str:
    """What to write for a masked statement: a list in its WHERE, or executemany."""
    if _INSERTS.match(statement) or _SET.search(statement):
        return f'executemany("{statement}", rows)'
    where = _WHERE.search(statement)
    found = list(_EQUALS.finditer(statement, where.end())) if where else []
    if not found:
        return "LIMIT n instead of LIMIT 1" if _SINGLE.search(statement) else ""
    match = next((each for each in found if _column(each).endswith("id")), found[-1])
    column = match["column"] or match["behind"]
    value = match["value"] or match["first"]
    if value == "?":
        value = parameter or PARAMETER.get(system, "?")
    if system == "postgresql":
        return f"WHERE {column} = ANY({value})"
    return f"WHERE {column} IN ({value}, {value}, ...)"


def _column(match: re.Match[str]) -> str:
    name = match["column"] or match["behind"]
    return name.rpartition(".")[2].strip(' "`[]').lower()
