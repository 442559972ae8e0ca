"""One test that is watched: recorded while it runs, judged when it has run."""

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator
from threading import get_ident
from time import monotonic, sleep
from typing import Any, NamedTuple, TypeGuard

import pytest

from inprofile.core.model import Finding, Location, Trace
from inprofile.detectors import ignores, places
from inprofile.detectors.ignores import Comment
from inprofile.detectors.ignoring import Scope
from inprofile.detectors.judgement import Judgement
from inprofile.patterns import KINDS, BadPattern, Pattern, parse, similar
from inprofile.testing.limit import Limit
from inprofile.testing.lines import Lines
from inprofile.testing.recording import Recorded, record, recording
from inprofile.testing.shown import Shown, identity, merged
from inprofile.testing.statements import statements, too_many
from inprofile.testing.tally import Row, Tally

PATIENCE_S = 1.0
"""How long a test waits at its end for requests that other threads have begun."""


UNUSED = "unused_eager_load"

ASKED_FOR = frozenset({UNUSED, "blocked_event_loop"})
"""Kinds that have to be asked for by name: a test reads less of what it loads than a page does, and
a machine that runs tests is busy with others."""

NO_NUMBER = "it takes how many queries may run at most: a whole number from 0 on"


class Wish(NamedTuple):
    """What is asked of one test, by its markers and the options."""

    fail_on: frozenset[str] = frozenset()
    max_queries: int | None = None
    allow: tuple[Pattern, ...] = ()


def wish(markers: Iterable[pytest.Mark], fail_on: frozenset[str]) -> Wish:
    """Read the markers, the closest first. Raises ValueError that says what a marker takes."""
    most: int | None = None
    allow: list[Pattern] = []
    kinds: frozenset[str] | None = None
    for marker in markers:
        unknown = set(marker.kwargs) - {"max_queries", "allow", "fail_on"}
        if marker.args or unknown or not marker.kwargs:
            raise ValueError(
                "@pytest.mark.inprofile takes max_queries=, allow=[...] and fail_on=[...] by name; "
                f"it was given {marker.args or sorted(unknown) or 'nothing'}"
            )
        if most is None:
            most = _most(marker.kwargs.get("max_queries"))
        if kinds is None and "fail_on" in marker.kwargs:
            kinds = kinds_of(_texts(marker.kwargs["fail_on"]))
        for text in _texts(marker.kwargs.get("allow", ())):
            try:
                allow.append(parse(text))
            except BadPattern as error:
                raise ValueError(f"@pytest.mark.inprofile(allow=[{text!r}]): {error}") from None
    return Wish(fail_on if kinds is None else kinds, most, tuple(allow))


def kinds_of(texts: Iterable[str]) -> frozenset[str]:
    """The kinds that are named; ``all`` are all but those that have to be asked for by name.

    Raises ValueError that says which there are.
    """
    words = [word.strip() for text in texts for word in text.split(",") if word.strip()]
    unknown = [word for word in words if word not in KINDS and word != "all"]
    if unknown:
        raise ValueError(
            f"{unknown[0]!r} is no kind of finding{similar(unknown[0], KINDS)}: "
            f"there are {', '.join(KINDS)} and all"
        )
    everything = set(KINDS) - ASKED_FOR if "all" in words else set()
    return frozenset(everything.union(words) - {"all"})


def _texts(value: Any) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(map(str, value))


def _most(value: Any) -> int | None:
    if value is None:
        return value
    if not _is_number(value):
        raise ValueError(f"@pytest.mark.inprofile(max_queries={value!r}): {NO_NUMBER}")
    return value


def _is_number(value: Any) -> TypeGuard[int]:
    return type(value) is int and value >= 0


class Watch:
    """Records the call of one test and fails it for what is found, however it ended by itself.

    Of the test's function alone: what fixtures and ``setUp`` do is not judged.
    """

    def __init__(self, name: str, asked: Wish, recorded: Recorded, shown: Shown) -> None:
        self.name = name
        self.asked = asked
        self.recorded = recorded
        self.shown = shown
        self.is_running = False
        self._elsewhere: list[Trace] = []
        self.limits: list[Limit] = []
        self.exceeded: list[str] = []

    def limit(self, most: int) -> Limit:
        """What the fixture ``max_queries`` gives. Raises ValueError for what is no number."""
        if not _is_number(most):
            raise ValueError(f"max_queries({most!r}): {NO_NUMBER}")
        recorded = self.recorded if self.is_running else None
        limit = Limit(most, recorded, self.shown, self.exceeded.append)
        self.limits.append(limit)
        return limit

    def around(self, function: Callable[..., Any], judge: Callable[[], str]) -> Callable[..., Any]:
        """``function``, which fails for what ``judge`` says afterwards."""
        per_example = getattr(function, "hypothesis", None)
        if per_example is not None:  # one test many times: each time by itself
            per_example.inner_test = _recorded(per_example.inner_test)
        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def coroutine(*args: Any, **kwargs: Any) -> Any:
                __tracebackhide__ = True
                with self, recording(self.recorded):
                    result = await function(*args, **kwargs)
                    self._wait()
                if said := judge():
                    pytest.fail(said, pytrace=False)
                return result

            return coroutine

        @functools.wraps(function)
        def plain(*args: Any, **kwargs: Any) -> Any:
            __tracebackhide__ = True
            with self, recording(self.recorded):
                result = function(*args, **kwargs)
                self._wait()
            if said := judge():
                pytest.fail(said, pytrace=False)
            return result

        return plain

    def __enter__(self) -> None:
        self.is_running = True
        self._thread = get_ident()

    def __exit__(self, *error: object) -> None:
        self.is_running = False

    def begun(self, trace: Trace) -> None:
        """A trace begins while the test is there."""
        if self.is_running and trace.door == "http" and get_ident() != self._thread:
            self._elsewhere.append(trace)

    def _wait(self) -> None:
        """Wait for the threads of a live server: a client has its answer before they are done."""
        until = monotonic() + PATIENCE_S
        while monotonic() < until:
            taken = set(map(id, self.recorded.traces))
            if all(id(trace) in taken for trace in self._elsewhere):
                return
            sleep(0.001)

    def verdict(self, tally: Tally, lines: Lines, *, has_ended: bool) -> str:
        """Judge what was recorded, count it in ``tally``, and say what the test fails for.

        ``has_ended`` is whether it ran to its end; else it fails anyway.
        """
        said = list(self._too_many()) if has_ended else []
        runtime = self.recorded.runtime
        if self.asked.fail_on and runtime is not None:
            judge = runtime.judge
            ignored = (*judge.ignored, *self.asked.allow)
            found = self._found(
                Judgement(judge.least, ignored, unused=self.recorded.unused), tally, judge.ignored
            )
            self._passed(tally, lines)
            if has_ended:
                tally.passed.update(map(self._label, self.asked.allow))
            failing = merged([each for each in found if each.kind in self.asked.fail_on])
            said += [self.shown.finding(finding, times) for finding, times in failing]
        return "\n\n".join(said)

    def _too_many(self) -> Iterator[str]:
        yield from dict.fromkeys(self.exceeded)
        for limit in self.limits:
            if not limit.is_entered and (said := limit.excess(self.recorded)):
                yield said
        most = self.asked.max_queries
        if most is not None:
            found = statements(self.recorded.all)
            if found.total() > most:
                yield too_many(found, most, self.shown)

    def _found(
        self, judge: Judgement, tally: Tally, settings: tuple[Pattern, ...]
    ) -> list[Finding]:
        found: list[Finding] = []
        for trace in self.recorded.judged:
            for finding, silent in judge.weighed(trace):
                tally.used.update(self._label(each, settings) for each in silent)
                if not silent:
                    found.append(finding)
                    tally.add(repr(identity(finding)), self._row(finding))
            for pattern in settings:
                if _concerns(pattern, trace):
                    tally.passed.add(self._label(pattern, settings))
        return found

    def _label(self, ignored: object, settings: tuple[Pattern, ...] = ()) -> str:
        """What names something that ignores findings."""
        if isinstance(ignored, Comment):
            mistakes = "".join(f" ({mistake})" for mistake in ignored.mistakes)
            return f"{self.shown.name(ignored.place)}: {ignored}{mistakes}"
        if isinstance(ignored, Scope):
            return f"{self.shown.name(ignored.place)}: {ignored}"
        if ignored in settings:
            return f"INPROFILE_IGNORE: {ignored}"
        return f"{self.name.partition('[')[0]}: @pytest.mark.inprofile(allow=[{str(ignored)!r}])"

    def _row(self, finding: Finding) -> Row:
        names = [
            f"{what} {self.shown.name(place)}"
            for what, place in (("loop", finding.loop), ("query", finding.query))
            if place is not None
        ]
        what = finding.relation or finding.statement[:100]
        return Row(
            text=": ".join((finding.kind, ", ".join((*names, what)))),
            fix=finding.fix,
            fails=finding.kind in self.asked.fail_on,
            count=finding.count,
            tests=[self.name],
        )

    def _passed(self, tally: Tally, lines: Lines) -> None:
        """Note what had a chance to ignore something: only that can be stale."""
        comments = set(lines.taken())
        for trace in self.recorded.all:
            tally.passed.update(map(self._label, trace.scopes or ()))
            for place in _places(trace):
                if not (lines.is_watching and place.file.endswith(".py")):
                    comments.update(ignores.about(place))
        tally.passed.update(map(self._label, comments))


def _recorded(function: Callable[..., Any]) -> Callable[..., Any]:
    if inspect.iscoroutinefunction(function):

        @functools.wraps(function)
        async def coroutine(*args: Any, **kwargs: Any) -> Any:
            with record():
                return await function(*args, **kwargs)

        return coroutine

    @functools.wraps(function)
    def plain(*args: Any, **kwargs: Any) -> Any:
        with record():
            return function(*args, **kwargs)

    return plain


def _places(trace: Trace) -> Iterator[Location]:
    """Lines that are known to have run in a trace: those of its loops and its operations."""
    for site in places.sites(trace):
        for place in (places.query(site), places.loop(site, trace.begun)):
            if place is not None:
                yield place


def _concerns(pattern: Pattern, trace: Trace) -> bool:
    """Whether a trace is of the routes and files that a pattern names.

    A pattern that names none may be about code that did not run.
    """
    routes = [term for term in pattern.terms if term.field == "route"]
    files = [term for term in pattern.terms if term.field == "file"]
    if not routes and not files:
        return False
    ran = {place.file for place in _places(trace)} if files else set()
    return all(term.fits(trace.route) for term in routes) and all(
        any(map(term.fits, ran)) for term in files
    )
