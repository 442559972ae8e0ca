"""Operations run once for each element of a loop, where one for all of them could serve."""

from collections import defaultdict
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from statistics import median

from inprofile.core.frames import is_threads_own
from inprofile.core.judge import Sighting
from inprofile.core.model import Finding, Location, Trace
from inprofile.core.repeats import Operation
from inprofile.core.sites import Site
from inprofile.detectors import places

RELATION_MIN = 2
"""Distinct parents from which on a relation, deferred column or expired object is reported."""

STATEMENT_MIN = 3
"""Runs with differing parameters from which on any other operation is reported."""

REPEATED_MIN = 5
"""Equal runs from which on a statement is reported as repeated: fewer may be a retry."""

REPEATED_FIX = "run it once, before the loop"

KINDS = {"db": "n_plus_one", "http": "http_n_plus_one", "cache": "cache_n_plus_one"}

INSERTS = frozenset(("INSERT", "insert"))
"""SQL's, and MongoDB's."""

READS = frozenset(
    (  # noqa: SIM905 - a list would take a line a word
        "SELECT WITH VALUES SHOW TABLE FIND AGGREGATE COUNT DISTINCT HEAD OPTIONS QUERY GET"
        " GETS MGET HAS_KEY EXISTS TTL PTTL EXPIRETIME PEXPIRETIME TYPE DUMP STRLEN GETRANGE"
        " SUBSTR LCS GETBIT BITCOUNT BITPOS HGET HMGET HGETALL HKEYS HVALS HLEN HSTRLEN HEXISTS"
        " HRANDFIELD HTTL LINDEX LRANGE LLEN LPOS SORT_RO SCARD SMEMBERS SISMEMBER SMISMEMBER"
        " SRANDMEMBER SINTER SINTERCARD SUNION SDIFF ZCARD ZCOUNT ZLEXCOUNT ZRANGE ZRANGEBYSCORE"
        " ZRANGEBYLEX ZRANK ZREVRANGE ZREVRANGEBYSCORE ZREVRANGEBYLEX ZREVRANK ZSCORE ZMSCORE"
        " ZRANDMEMBER ZINTER ZINTERCARD ZUNION ZDIFF XLEN XRANGE XREVRANGE XPENDING PFCOUNT"
        " GEOPOS GEODIST GEOHASH GEOSEARCH EVAL_RO EVALSHA_RO FCALL_RO JSON.GET JSON.MGET"
        " JSON.TYPE"
    ).split()
)
"""What only reads: of SQL, of HTTP's methods and of the commands of caches."""


@dataclass(slots=True)
class _Group:
    """What belongs into one finding: the sites with one loop, line and operation; its runs."""

    sites: list[Site] = field(default_factory=list)
    count: int = 0

    @property
    def fix(self) -> str:
        """What to do instead; of two ways to one relation both have to be loaded."""
        return "; ".join(dict.fromkeys(filter(None, map(places.fix, self.sites))))

    @property
    def elements(self) -> int:
        sites = self.sites
        if all(site.facts.each for site in sites):
            return self.count
        if len(sites) == 1:
            return len(sites[0].elements)
        return len(set[int]().union(*[site.elements for site in sites]))


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
        for site in operation.sites:
            if not (site.passes and site.facts.batch):
                continue
            kind = site.spans[0].kind
            if kind != "db" and _is_one_call(site):
                continue
            relation = site.facts.relation
            statement = "" if relation else _statement(operation, kind)
            loop, query = places.loop(site, trace.begun), places.query(site)
            group = groups[kind, loop, query, relation, statement, operation.ignored]
            group.sites.append(site)
            group.count += site.count
            if operation.unseen is not None and len(operation.sites) == 1:
                group.count += 1
    return {
        (verdict, *key[1:]): group
        for key, group in groups.items()
        if (verdict := _verdict(key[0], bool(key[3]), group))
    }


def _statement(operation: Operation, kind: str) -> str:
    """What is run again and again: requests and cache commands are told apart by their subject."""
    return str(operation.name if kind == "db" else operation.subject)


def _is_one_call(site: Site) -> bool:
    """Whether the loop is a library's, and the application calls that once: for its pages, say."""
    met, query = site.met, site.query
    return met is not None and query is not None and query.mark.depth < met.mark.depth


def _is_together(group: _Group) -> bool:
    """Whether requests are under way at the same time already, or are gathered."""
    if any(_is_gathered(site) for site in group.sites):
        return True
    spans = sorted(
        (span for site in group.sites for span in site.spans), key=lambda span: span.start_ns
    )
    return any(not one.end_ns or two.start_ns < one.end_ns for one, two in pairwise(spans))


def _is_gathered(site: Site) -> bool:
    met = site.met
    if met is None:
        return False
    inner = met.inner
    return is_threads_own(met.mark.code) or (inner is not None and (inner.at_once or inner.started))


def _verdict(kind: str, is_relation: bool, group: _Group) -> str:  # noqa: FBT001 - one of the facts
    count, elements = group.count, group.elements
    about = group.sites[0].spans[0].attributes
    if about and about.get("db.operation.name") in INSERTS:
        elements = count  # each is a row of its own
    if is_relation:
        return KINDS[kind] if elements >= RELATION_MIN else ""
    if kind != "db":  # retries of one request do not count
        is_silent = elements < STATEMENT_MIN or (kind == "http" and _is_together(group))
        return "" if is_silent else KINDS[kind]
    if elements > 1:
        enough = RELATION_MIN if group.sites[0].facts.few else STATEMENT_MIN
        return KINDS[kind] if count >= enough else ""
    return "repeated_query" if kind == "db" and count >= REPEATED_MIN else ""


def _operation(group: _Group) -> str:
    about = group.sites[0].spans[0].attributes or {}
    name = str(about.get("db.operation.name") or about.get("http.request.method", "")).upper()
    return "read" if name in READS else "write"


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
    return Finding(
        kind=kind,
        route=trace.route,
        statement=statement or str(group.sites[0].spans[0].name),
        count=count,
        total_ns=total_ns,
        evidence=f"{count} runs for {group.elements} different elements",
        fix=REPEATED_FIX if kind == "repeated_query" else group.fix,
        query=query,
        loop=loop,
        where=facts.where,
        relation=relation,
        operation=_operation(group),
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
