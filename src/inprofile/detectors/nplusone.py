"""Operations run once for each element of a loop, where one for all of them could serve."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from statistics import median

from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Location, Trace
from inprofile.core.repeats import Operation, Site
from inprofile.detectors import places

RELATION_MIN = 2
"""Distinct parents from which on a relation, deferred column or expired object is reported."""

STATEMENT_MIN = 3
"""Runs with differing parameters from which on any other operation is reported."""

REPEATED_MIN = 5
"""Equal runs from which on a statement is reported as repeated: fewer may be a retry."""

KINDS = {"db": "n_plus_one", "http": "http_n_plus_one", "cache": "cache_n_plus_one"}

READS = frozenset({"SELECT", "WITH", "VALUES", "SHOW", "TABLE", "FIND", "AGGREGATE", "COUNT"})


@dataclass(slots=True)
class _Group:
    """What belongs into one finding: the sites with one loop, line and operation."""

    sites: list[Site] = field(default_factory=list)
    unseen: int = 0

    @property
    def count(self) -> int:
        return sum(site.count for site in self.sites) + self.unseen

    @property
    def fix(self) -> str:
        """What to do instead; of two ways to one relation both have to be loaded."""
        return "; ".join(dict.fromkeys(site.facts.fix for site in self.sites if site.facts.fix))

    @property
    def elements(self) -> int:
        if all(site.facts.each for site in self.sites):
            return self.count
        first, *others = (site.elements for site in self.sites)
        return len(first.union(*others)) if others else len(first)


def detect(trace: Trace) -> Iterator[Finding]:
    """One finding for each loop, line and relation or statement.

    Source: what is N+1 and what is not follows from one question, whether one batched operation
    could do the same; so distinct elements count, not calls.
    """
    for finding, _ in found(trace):
        yield finding


def found(trace: Trace) -> Iterator[tuple[Finding, Hashable]]:
    """The findings, each with what was ``ignoring`` its operations while they ran."""
    if trace.suspect and trace.operations:
        for (kind, loop, query, relation, statement, ignored), group in _groups(trace).items():
            yield _finding(trace, group, kind, loop, query, relation, statement), ignored


def sightings(trace: Trace) -> Iterator[Sighting]:
    """What is ``found``, for every trace rather than for the kept ones.

    What was ``ignoring`` a problem is the last part of its site. Costs 20 microseconds for a
    loop of 200 runs, a fifth of ``detect``.
    """
    if trace.suspect and trace.operations:
        for key, group in _groups(trace).items():
            yield Sighting(key[0], key[1:], group.count, partial(_finding, trace, group, *key[:5]))


_Key = tuple[str, Location | None, Location | None, str, str, Hashable]


def _groups(trace: Trace) -> dict[_Key, _Group]:
    groups: defaultdict[_Key, _Group] = defaultdict(_Group)
    for operation in list((trace.operations or {}).values()):
        if not isinstance(operation, Operation):
            continue  # it was run once
        looped = [site for site in operation.sites if site.passes and site.facts.batch]
        for site in looped:
            kind = site.spans[0].kind
            key = (
                kind,
                places.loop(site, trace.begun),
                places.query(site),
                site.facts.relation,
                "" if site.facts.relation else str(operation.name),
                operation.ignored,
            )
            groups[key].sites.append(site)
            if operation.unseen is not None and len(operation.sites) == 1:
                groups[key].unseen += 1
    return {
        (verdict, *key[1:]): group
        for key, group in groups.items()
        if (verdict := _verdict(key[0], bool(key[3]), group))
    }


def _verdict(kind: str, is_relation: bool, group: _Group) -> str:  # noqa: FBT001 - one of the facts
    count, elements = group.count, group.elements
    if _operation(group) == "insert":
        elements = count  # each is a row of its own
    if is_relation:
        return KINDS[kind] if elements >= RELATION_MIN else ""
    if elements > 1:
        enough = RELATION_MIN if group.sites[0].facts.few else STATEMENT_MIN
        return KINDS[kind] if count >= enough else ""
    return "repeated_query" if kind == "db" and count >= REPEATED_MIN else ""


def _operation(group: _Group) -> str:
    span = group.sites[0].spans[0]
    name = str((span.attributes or {}).get("db.operation.name", "")).upper()
    if name == "INSERT":
        return "insert"
    return "read" if name in READS or span.kind != "db" else "write"


def _finding(
    trace: Trace,
    group: _Group,
    kind: str,
    loop: Location | None,
    query: Location | None,
    relation: str,
    statement: str,
) -> Finding:
    lengths = [span.duration_ns for site in group.sites for span in site.spans]
    count = group.count
    total_ns = sum(lengths) * count // max(len(lengths), 1)
    wall_ns = max(trace.wall_ns, 1)
    facts = group.sites[0].facts
    operation = _operation(group)
    return Finding(
        kind=kind,
        route=trace.route,
        statement=statement or str(group.sites[0].spans[0].name),
        count=count,
        total_ns=total_ns,
        evidence=f"{count} runs for {group.elements} different elements",
        fix=group.fix,
        query=query,
        loop=loop,
        where=facts.where,
        relation=relation,
        operation="write" if operation == "insert" else operation,
        elements=group.elements,
        share=min(total_ns / wall_ns, 1.0) if trace.finished else 0.0,
        saving_ns=_saving(lengths, count),
    )


def _saving(lengths: list[int], count: int) -> tuple[int, int]:
    """What one operation for all would save, at the least and at the most.

    At the most all but one of them, of average length. At the least the half of that: the
    other half is then work on each row, which one operation has to do as well.
    """
    most = int(median(lengths) * (count - 1)) if lengths else 0
    return most // 2, most
