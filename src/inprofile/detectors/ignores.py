"""What people have said about findings in their sources: comments on the lines of a finding."""

import ast
import io
import linecache
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

from inprofile.core.model import Finding, Location
from inprofile.core.source import syntax_tree
from inprofile.patterns import BadPattern, Pattern, parse

MAX_FILES = 4096
"""Files whose comments are remembered."""

_COMMENT = re.compile(r"#-?\s*inprofile:\s*ignore\b(?:\s*\[(?P<patterns>[^\]]*)\])?")


class Comment(NamedTuple):
    """``# inprofile: ignore[n_plus_one, Post.*]``; without patterns it is about all findings."""

    place: Location
    patterns: tuple[str, ...]

    @property
    def mistakes(self) -> list[str]:
        """What is wrong with its patterns: those ignore nothing."""
        return [str(found) for text in self.patterns if isinstance(found := _parsed(text), str)]

    def __str__(self) -> str:
        patterns = f"[{', '.join(self.patterns)}]" if self.patterns else ""
        return f"# inprofile: ignore{patterns}"


class Source(NamedTuple):
    """The comments of one file by their lines, and the lines of the statements they stand in."""

    comments: dict[int, Comment]
    statements: dict[int, tuple[int, int]]
    alone: frozenset[int]
    """Lines with a comment and nothing else."""

    def about(self, line: int) -> Iterator[Comment]:
        """The comments about a line: on any line of its statement, or right above it."""
        first, last = self.statements.get(line, (line, line))
        while first - 1 in self.alone:
            first -= 1
        for each in range(first, last + 1):
            if each in self.comments:
                yield self.comments[each]

    def spoken(self) -> dict[int, tuple[Comment, ...]]:
        """All lines that there are comments about."""
        lines = {*self.statements, *self.comments}
        return {line: said for line in lines if (said := tuple(self.about(line)))}


NOTHING = Source({}, {}, frozenset())

_known: dict[str, tuple[list[str], Source]] = {}


def about(location: Location) -> Iterator[Comment]:
    """The comments about a line of a source or a template."""
    return source(location.file).about(location.line)


def silencing(finding: Finding) -> Iterator[Comment]:
    """The comments that ignore a finding: on its loop or on its query."""
    places = [place for place in (finding.loop, finding.query) if place is not None]
    if not places and finding.where is not None:
        places.append(finding.where)
    for place in places:
        for comment in about(place):
            if fits_any(comment.patterns, finding):
                yield comment


def fits_any(patterns: tuple[str, ...], finding: Finding) -> bool:
    """Whether one of ``patterns`` fits a finding, or there is none at all."""
    if not patterns:
        return True
    found = [_parsed(text) for text in patterns]
    return any(isinstance(each, Pattern) and fits(each, finding) for each in found)


def _parsed(text: str) -> Pattern | str:
    """The pattern, or what is wrong with it."""
    try:
        return parse(text)
    except BadPattern as error:
        return str(error)


def fits(pattern: Pattern, finding: Finding) -> bool:
    """Whether all that ``pattern`` says holds for a finding."""
    files = [place.file for place in (finding.loop, finding.query) if place is not None]
    values = {
        "kind": [finding.kind],
        "relation": [finding.relation] if finding.relation else [],
        "route": [finding.route],
        "file": files,
    }
    return all(any(map(term.fits, values[term.field])) for term in pattern.terms)


def source(file: str) -> Source:
    """The comments of a file. One that is no Python may have changed since it was read."""
    is_python = file.endswith(".py")
    if not is_python:
        linecache.checkcache(file)
    lines = linecache.getlines(file)
    known = _known.get(file)
    if known is None or known[0] is not lines:
        if len(_known) >= MAX_FILES:
            _known.clear()
        known = _known[file] = lines, _read(file, lines, is_python=is_python)
    return known[1]


def _read(file: str, lines: list[str], *, is_python: bool) -> Source:
    if not any("inprofile:" in line for line in lines):
        return NOTHING
    comments = dict(_comments(file, _python(lines) if is_python else enumerate(lines, 1)))
    if not comments:
        return NOTHING
    alone = {number for number, line in enumerate(lines, 1) if _is_alone(line.strip(), is_python)}
    return Source(comments, statements(lines) if is_python else {}, frozenset(alone))


def _is_alone(line: str, is_python: bool) -> bool:  # noqa: FBT001 - one of two syntaxes
    return line.startswith("#") if is_python else line.startswith("{#") and line.endswith("#}")


def _comments(file: str, texts: Iterator[tuple[int, str]]) -> Iterator[tuple[int, Comment]]:
    for number, text in texts:
        found = _COMMENT.search(text)
        if found:
            said = [text.strip() for text in (found["patterns"] or "").split(",")]
            patterns = tuple(text for text in said if text)
            yield number, Comment(Location(file, number, ""), patterns)


def _python(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The comments of a Python source: what looks like one in a string is none."""
    try:
        for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    except (tokenize.TokenError, SyntaxError):
        return


def statements(lines: list[str]) -> dict[int, tuple[int, int]]:
    """The first and last line of the statement at each line; if it has a body, of its header."""
    found: dict[int, tuple[int, int]] = {}
    tree = syntax_tree("".join(lines))
    for node in (
        ast.walk(tree) if tree else ()
    ):  # from the outside in: what is inner comes later and wins
        if isinstance(node, ast.stmt):
            first, last = node.lineno, node.end_lineno or node.lineno
            if hasattr(node, "body"):
                last = max([first, *_header_ends(node)])
            for line in range(first, last + 1):
                found[line] = first, last
            for decorator in getattr(node, "decorator_list", ()):  # above the first line
                first, last = decorator.lineno, decorator.end_lineno
                found |= dict.fromkeys(range(first, last + 1), (first, last))
    return found


def _header_ends(node: ast.AST) -> Iterator[int]:
    for part in ast.iter_child_nodes(node):
        if isinstance(part, ast.expr):
            yield part.end_lineno or 0
        elif not isinstance(part, ast.stmt | ast.excepthandler | ast.match_case):
            yield from _header_ends(part)
