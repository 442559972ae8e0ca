"""Which findings to ignore, as people write it: by kind, relation, route or file."""

import re
from difflib import get_close_matches
from fnmatch import translate
from functools import lru_cache
from typing import NamedTuple

KINDS = (
    "n_plus_one",
    "repeated_query",
    "http_n_plus_one",
    "cache_n_plus_one",
    "unused_eager_load",
    "slow_query",
    "blocked_event_loop",
    "sync_io_on_loop",
)
"""Every kind of finding."""

FIELDS = ("kind", "relation", "route", "file")
"""What a pattern can speak of."""

GRAMMAR = (
    "patterns separated by commas: a kind, Model.attribute, kind:, relation:, route: or file:"
    " with * and ?; a space between two means that both must hold"
)


class BadPattern(ValueError):
    """A pattern that cannot be: its text says why."""


class Term(NamedTuple):
    """One condition: ``field`` is one of FIELDS, ``wildcards`` what it must look like."""

    field: str
    wildcards: str

    def fits(self, value: str) -> bool:
        """Whether ``value`` looks like this. A file may be given by its end alone."""
        if _expression(self.wildcards).match(value):
            return True
        return self.field == "file" and bool(_expression("*/" + self.wildcards).match(value))


class Pattern(NamedTuple):
    """Findings to ignore: those for which all ``terms`` hold; ``text`` is what was written."""

    text: str
    terms: tuple[Term, ...]

    def __str__(self) -> str:
        return self.text


@lru_cache(1024)
def _expression(wildcards: str) -> re.Pattern[str]:
    return re.compile(translate(wildcards.replace("[", "[[]")))


def parse_all(text: str) -> tuple[Pattern, ...]:
    """The patterns in a text that has commas between them. Raises BadPattern."""
    return tuple(parse(part) for part in text.split(",") if part.strip())


@lru_cache(1024)
def parse(text: str) -> Pattern:
    """One pattern: ``n_plus_one``, ``Post.*``, ``route:/admin/* kind:repeated_query``.

    Raises BadPattern with what is wrong and what is allowed.
    """
    words = text.split()
    if not words:
        raise BadPattern("a pattern is empty")
    return Pattern(" ".join(words), tuple(map(_term, words)))


def _term(word: str) -> Term:
    field, colon, wildcards = word.partition(":")
    if not colon:
        return _short(word)
    if field not in FIELDS:
        raise BadPattern(
            f"{word!r} begins with no known word{similar(field, FIELDS)}: "
            f"there are {', '.join(f'{each}:' for each in FIELDS)}"
        )
    if not wildcards:
        raise BadPattern(f"{word!r} says nothing behind the colon, and {field}:* is all of them")
    term = Term(field, wildcards)
    if field == "kind" and not any(map(term.fits, KINDS)):
        raise BadPattern(_no_kind(wildcards))
    return term


def _short(word: str) -> Term:
    if word in KINDS:
        return Term("kind", word)
    if "." in word and "/" not in word:
        return Term("relation", word)
    raise BadPattern(
        f"{word!r} is neither a kind{similar(word, KINDS)} nor a relation such as Post.author or "
        "Post.*, and for others there are route:/admin/* or file:*/legacy/*.py"
    )


def _no_kind(word: str) -> str:
    return f"there is no kind {word!r}{similar(word, KINDS)}: there are {', '.join(KINDS)}"


def similar(word: str, known: tuple[str, ...]) -> str:
    """What somebody who wrote ``word`` may have meant, in words; empty when nothing comes near."""
    close = get_close_matches(word.lower(), known, n=1)
    return f" (did you mean {close[0]}?)" if close else ""
