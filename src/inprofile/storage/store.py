"""The group's SQLite file of kept traces and findings, which outlives every worker."""

import json
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from inprofile.core import finding_event
from inprofile.core.model import Finding, Trace
from inprofile.core.pipeline import Kept
from inprofile.core.source import source_line

FILE = "traces.sqlite"
SCHEMA_VERSION = 1
BUSY_S = 2.0
PLACES = ("loop", "query", "where")

SCHEMA = """
CREATE TABLE IF NOT EXISTS traces (
    id INTEGER PRIMARY KEY,
    identity TEXT NOT NULL,
    link TEXT NOT NULL,
    door TEXT NOT NULL,
    route TEXT NOT NULL,
    method TEXT NOT NULL,
    path TEXT NOT NULL,
    status INTEGER NOT NULL,
    error TEXT,
    reason TEXT NOT NULL,
    started_at REAL NOT NULL,
    wall_ns INTEGER NOT NULL,
    stages TEXT NOT NULL,
    spans TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS traces_by_route ON traces (route, id);
CREATE TABLE IF NOT EXISTS findings (
    id INTEGER PRIMARY KEY,
    trace INTEGER NOT NULL REFERENCES traces (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,
    finding TEXT NOT NULL
);
"""


class NewerSchema(Exception):
    """The file was written by a newer inprofile."""


@dataclass(frozen=True, slots=True)
class StoredTrace:
    """A kept trace as it was stored; ``spans`` are dictionaries in the order of closing."""

    identity: str
    link: str
    door: str
    route: str
    method: str
    path: str
    status: int
    error: str | None
    reason: str
    started_at: float
    wall_ns: int
    stages: dict[str, int]
    spans: list[dict[str, Any]]


class Store:
    """Writes kept traces, and reads them from any process.

    Bounded: ``max_traces`` rows in all, ``max_route_traces`` of one route (the oldest go
    first) and ``max_bytes`` on disk (nothing more is stored then; ``store`` says how much
    was not). Opens a connection for each call: none is carried over a fork.
    """

    def __init__(
        self,
        directory: Path,
        max_traces: int = 2000,
        max_route_traces: int = 100,
        max_bytes: int = 64 << 20,
    ) -> None:
        self.path = directory / FILE
        self.max_traces = max_traces
        self.max_route_traces = max_route_traces
        self.max_bytes = max_bytes

    def store(self, batch: Sequence[Kept]) -> int:
        """Store traces with their findings in one transaction.

        How many were not: there was no room, or somebody held the file for too long. Raises
        NewerSchema.
        """
        try:
            return self._store(batch)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            return len(batch)

    def _store(self, batch: Sequence[Kept]) -> int:
        with self._connected() as db:
            _check_version(db)
            db.execute("PRAGMA journal_mode = WAL")
            db.execute("PRAGMA synchronous = OFF")
            db.executescript(SCHEMA)
            db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
            pages = self.max_bytes // db.execute("PRAGMA page_size").fetchone()[0]
            db.execute(f"PRAGMA max_page_count = {max(pages, 16)}")
            if self._write(db, batch):
                return 0
            with db:
                _evict(db, 1 + _count(db) // 4)
            return sum(not self._write(db, [kept]) for kept in batch)

    def traces(self, route: str | None = None, limit: int = 100) -> list[StoredTrace]:
        """The newest kept traces, newest first. Raises NewerSchema."""
        if not self.path.exists():
            return []
        columns = ", ".join(StoredTrace.__slots__)
        where, values = ("WHERE route = ?", [route]) if route else ("", [])
        query = f"SELECT {columns} FROM traces {where} ORDER BY id DESC LIMIT ?"  # noqa: S608 - our names
        with self._connected() as db:
            _check_version(db)
            rows = db.execute(query, [*values, limit]).fetchall() if _has_tables(db) else []
        return [StoredTrace(*row[:-2], *map(json.loads, row[-2:])) for row in rows]

    def findings(self, limit: int = 1000) -> list[dict[str, Any]]:
        """The newest findings as dictionaries, newest first. Raises NewerSchema.

        Those are the fields of Finding, and ``source`` where lines of source could be read.
        """
        if not self.path.exists():
            return []
        query = "SELECT finding FROM findings ORDER BY id DESC LIMIT ?"
        with self._connected() as db:
            _check_version(db)
            rows = db.execute(query, [limit]).fetchall() if _has_tables(db) else []
        return [json.loads(row[0]) for row in rows]

    @contextmanager
    def _connected(self) -> Iterator[sqlite3.Connection]:
        with closing(sqlite3.Connection(self.path, timeout=BUSY_S)) as db:
            db.execute("PRAGMA foreign_keys = ON")
            yield db

    def _write(self, db: sqlite3.Connection, batch: Sequence[Kept]) -> bool:
        """Store all of ``batch`` or, when there is no room for it, nothing."""
        try:
            with db:
                for trace, findings in batch:
                    _insert(db, trace, findings)
                self._prune(db, {_text(trace.route) for trace, _ in batch})
        except sqlite3.OperationalError as error:
            if "full" not in str(error):
                raise
            return False
        return True

    def _prune(self, db: sqlite3.Connection, routes: set[str]) -> None:
        for route in routes:
            db.execute(
                "DELETE FROM traces WHERE route = :route AND id <= (SELECT id FROM traces "
                "WHERE route = :route ORDER BY id DESC LIMIT 1 OFFSET :keep)",
                {"route": route, "keep": self.max_route_traces},
            )
        surplus = _count(db) - self.max_traces
        if surplus > 0:
            _evict(db, surplus)


def _count(db: sqlite3.Connection) -> int:
    return int(db.execute("SELECT count(*) FROM traces").fetchone()[0])


def _evict(db: sqlite3.Connection, surplus: int) -> None:
    """Whoever has the most gives first, so that a noisy route cannot push out the others."""
    db.execute(
        "DELETE FROM traces WHERE id IN (SELECT id FROM (SELECT id, row_number() OVER "
        "(PARTITION BY route ORDER BY id DESC) AS rank FROM traces) "
        "ORDER BY rank DESC, id LIMIT ?)",
        [surplus],
    )


def _check_version(db: sqlite3.Connection) -> None:
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        message = (
            f"written by a newer inprofile (schema {version}, this one reads up to "
            f"{SCHEMA_VERSION}); upgrade it: pip install --upgrade inprofile"
        )
        raise NewerSchema(message)


def _has_tables(db: sqlite3.Connection) -> bool:
    query = "SELECT count(*) FROM sqlite_master WHERE name = 'traces'"
    return bool(db.execute(query).fetchone()[0])


def _insert(db: sqlite3.Connection, trace: Trace, findings: Sequence[Finding]) -> None:
    cursor = db.execute(
        "INSERT INTO traces (identity, link, door, route, method, path, status, error, reason, "
        "started_at, wall_ns, stages, spans) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            trace.identity,
            trace.link,
            trace.door,
            _text(trace.route),
            _text(trace.method),
            _text(trace.path),
            trace.status,
            trace.error,
            trace.reason,
            trace.started_at or time.time(),
            trace.wall_ns,
            json.dumps(trace.stages),
            json.dumps(_plain(trace, findings)),
        ],
    )
    for finding in findings:
        values = {name: getattr(finding, name) for name in Finding.__slots__}
        if source := _source(finding):
            values["source"] = source
        db.execute(
            "INSERT INTO findings (trace, kind, finding) VALUES (?, ?, ?)",
            [cursor.lastrowid, finding.kind, json.dumps(values)],
        )


def _text(text: str) -> str:
    """What SQLite takes: no lone surrogates, which a server may leave in a path."""
    return text.encode("utf-8", "replace").decode()


def _source(finding: Finding) -> dict[str, str]:
    """The lines of source of its places: as they are now, and not when somebody looks at them."""
    lines = {name: source_line(getattr(finding, name)) for name in PLACES}
    return {name: line for name, line in lines.items() if line}


def _plain(trace: Trace, findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Spans as dictionaries: times in nanoseconds from the start, parents by position.

    The root has an event for each finding.
    """
    position = {span: i for i, span in enumerate(trace.spans)}
    origin_ns = trace.root.start_ns
    ends_ns = trace.root.end_ns - origin_ns
    events = [
        {
            "name": finding_event.NAME,
            "time_ns": ends_ns,
            "attributes": finding_event.attributes(each),
        }
        for each in findings
    ]
    return [
        {
            "kind": span.kind,
            "name": str(span.name),
            "start_ns": span.start_ns - origin_ns,
            "duration_ns": span.duration_ns,
            "self_ns": span.self_ns,
            "count": span.count,
            "parent": None if span.parent is None else position.get(span.parent),
            **({"error": span.error} if span.error else {}),
            **({"attributes": dict(span.attributes)} if span.attributes else {}),
            **({"events": events} if events and span is trace.root else {}),
        }
        for span in trace.spans
    ]
