"""What stands on PostgreSQL's drivers: a statement counts once, whatever is on top of what."""

import asyncio
import re
from collections import Counter
from functools import partial
from typing import Any

import pytest
from sqlalchemy import create_engine, event, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

import inprofile
from inprofile.integrations._sql_mask import mask
from inprofile.testing import record
from tests import child
from tests.integrations.spans import spans

DRIVERS = ["psycopg", "psycopg2"]
ASYNC_DRIVERS = ["psycopg", "asyncpg"]


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "pg_author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


NUMBER = re.compile(r"\d+")
ALL = select(Author).order_by(Author.id)


def url(dsn, driver):
    return dsn.replace("postgresql:", f"postgresql+{driver}:")


def used(connection, heard: list[str]) -> list[Any]:
    """What an app does with a connection, and what it gets; ``heard`` takes the statements."""
    event.listen(connection, "before_cursor_execute", lambda *told: heard.append(told[2]))
    table: Any = Author.__table__
    found: list[Any] = [connection.execute(text("SELECT 1 AS one")).all()]
    many = [{"name": f"author {number}"} for number in range(3)]
    connection.execute(table.insert(), many)
    returned = connection.execute(insert(table).returning(table.c.name), many)
    found += [returned.all(), connection.execute(select(table.c.name)).all()]
    with connection.begin_nested():
        found.append(connection.scalar(select(table.c.name).limit(1)))
    streamed = {"stream_results": True, "yield_per": 2}
    rows = connection.execute(select(table.c.name), execution_options=streamed)
    found.append([row.name for row in rows])
    try:
        with connection.begin_nested():
            connection.execute(text("SELECT no_such"))
    except DBAPIError as error:
        found.append((type(error), type(error.orig), str(error)))
    with Session(connection) as session:
        session.add(Author(name="of the session"))
        session.flush()
        found.append([author.name for author in session.scalars(ALL)])
    return found


def sync(dsn, driver, heard):
    engine = create_engine(url(dsn, driver))
    Base.metadata.create_all(engine)
    try:
        with inprofile.job("work"), engine.begin() as connection:
            return used(connection, heard)
    finally:
        Base.metadata.drop_all(engine)
        engine.dispose()


async def async_(dsn, driver, heard):
    engine = create_async_engine(url(dsn, driver))
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    try:
        with inprofile.job("work"):
            async with engine.begin() as connection:
                return await connection.run_sync(used, heard)
    finally:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
        await engine.dispose()


def awaited(dsn, driver, heard):
    return asyncio.run(async_(dsn, driver, heard))


WAYS: dict[str, Any] = {
    **{driver: partial(sync, driver=driver) for driver in DRIVERS},
    **{f"async {driver}": partial(awaited, driver=driver) for driver in ASYNC_DRIVERS},
}


@pytest.mark.parametrize("way", WAYS)
def test_sqlalchemy_is_as_it_was_and_its_statements_count_once(way, postgres_dsn):
    inprofile.uninstrument()
    sent = list[str]()
    without = WAYS[way](postgres_dsn, heard=sent)
    heard = list[str]()
    with record() as recorded:
        within = WAYS[way](postgres_dsn, heard=heard)
        assert inprofile.status()["errors"] == 0
    assert within == without
    assert [NUMBER.sub("?", text) for text in heard] == [NUMBER.sub("?", text) for text in sent]
    trace = recorded.trace
    counts = Counter[str]()
    for _, name, _, count in spans(trace, "db"):
        counts[name] += count
    assert +counts == Counter(map(mask, heard)) + Counter(["COMMIT", "ROLLBACK"])
    assert sum(trace.stages.values()) == trace.wall_ns


DJANGO = """
import json, os, sys
from urllib.parse import parse_qs, urlsplit

driver, dsn, server_side, measured = sys.argv[1:]
if driver == "psycopg2":
    sys.modules["psycopg"] = None  # Django prefers it
address = urlsplit(dsn)
from django.conf import settings
settings.configure(
    DATABASES={"default": {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": "postgres",
        "USER": "postgres",
        "HOST": parse_qs(address.query)["host"][0],
        "OPTIONS": {"server_side_binding": True} if server_side else {},
    }},
)
import django
import inprofile
from inprofile.testing import record
django.setup()
from django.db import connection, transaction

def kinds(cursor):
    from django.db.backends.postgresql import base
    inner = cursor.cursor
    own = [type(inner) is getattr(base, name) for name in
           ("Cursor", "ServerBindingCursor", "ServerSideCursor") if driver == "psycopg"]
    return [type(inner).__module__, type(inner).__qualname__, own,
            isinstance(inner, base.Cursor), type(connection.connection).__qualname__]

def use():
    found = []
    with connection.cursor() as cursor:
        found.append(kinds(cursor))
        cursor.execute("CREATE TEMP TABLE dj (a int, b text)")
        cursor.executemany("INSERT INTO dj VALUES (%s, %s)", [(1, "x"), (2, "y")])
        cursor.execute("SELECT a FROM dj WHERE b <> %s ORDER BY a", ["secret"])
        found += [cursor.fetchone(), cursor.fetchmany(1), cursor.fetchall()]
        cursor.execute("SELECT b FROM dj ORDER BY a")
        found.append(list(cursor))
        cursor.callproc("pg_typeof", [1])
    with transaction.atomic():
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("DELETE FROM dj WHERE a = 1")
        with connection.chunked_cursor() as cursor:
            cursor.execute("SELECT a FROM dj")
            found += [kinds(cursor), list(cursor)]
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT no_such")
    except Exception as error:
        found.append([type(error).__name__, str(error), type(error.__cause__).__name__])
    connection.close()
    return found

if not measured:
    print(json.dumps([use(), None]))
else:
    with record() as recorded, inprofile.job("work"):
        found = use()
        errors = inprofile.status()["errors"]
    counts = {}
    for span in recorded.trace.spans:
        if span.kind == "db":
            counts[str(span.name)] = counts.get(str(span.name), 0) + span.count
    print(json.dumps([found, [counts, errors]]))
"""


@pytest.mark.parametrize(
    ("driver", "server_side"), [("psycopg", ""), ("psycopg", "server side"), ("psycopg2", "")]
)
def test_djangos_cursors_stay_its_own_and_its_statements_count_once(
    driver, server_side, postgres_dsn, tmp_path
):
    places = {"INPROFILE_DIR": tmp_path}
    without, _ = child.run(DJANGO, driver, postgres_dsn, server_side, "", **places)
    within, (counts, errors) = child.run(
        DJANGO, driver, postgres_dsn, server_side, "measured", **places
    )
    assert (within, errors) == (without, 0)
    assert {NUMBER.sub("?", name): count for name, count in counts.items()} == {
        "CONNECT": 1,
        "CREATE TEMP TABLE dj (a int, b text)": 1,
        "INSERT INTO dj VALUES (?)": 1,
        "SELECT a FROM dj WHERE b <> %s ORDER BY a": 1,
        "SELECT b FROM dj ORDER BY a": 1,
        "CALL pg_typeof": 1,
        "SAVEPOINT ?": 1,
        "DELETE FROM dj WHERE a = ?": 1,
        "RELEASE SAVEPOINT ?": 1,
        "SELECT a FROM dj": 1,
        "COMMIT": 1,
        "SELECT no_such": 1,
        "ROLLBACK": 1,
    }
