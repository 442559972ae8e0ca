"""psycopg 3 on a real server: timed, and otherwise the library that its documentation describes."""

import asyncio
import contextlib
import gc
import inspect
import pickle
import weakref
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

import inprofile
from inprofile.integrations._composed import text_of
from inprofile.testing import record
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads
from tests.integrations.unspeakable import Unspeakable

USES: dict[str, Any] = {}


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


def filled(dsn, **options):
    db = psycopg.connect(dsn, **options)
    db.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    with db.cursor() as cursor:
        cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "x"), (2, "y"), (3, "z")])
    db.commit()
    return db


def raised(call, *args, **kwargs):
    """The type, message and code of the error that a call ends with."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        call(*args, **kwargs)
    return type(error.value), str(error.value), getattr(error.value, "sqlstate", None)


@use
def the_types_are_the_librarys_own(dsn):
    with filled(dsn) as db, db.cursor() as cursor, db.cursor("named") as named:
        with db.transaction() as transaction, cursor.copy("COPY t TO STDOUT") as copy:
            for _ in copy:
                pass
        found = [db, cursor, named, transaction, copy, db.execute("SELECT 1"), db.cursor().stream]
        return [type(each) for each in found]


@use
def statements_may_be_given_in_any_way(dsn):
    with filled(dsn) as db:
        cursor = db.cursor()
        table = sql.Identifier("t")
        return [
            cursor.execute(query="SELECT a FROM t WHERE a = %s", params=[1]).fetchall(),
            cursor.executemany(query="INSERT INTO t VALUES (%s)", params_seq=[[5]]),
            db.execute(b"SELECT b FROM t").fetchall(),
            db.execute(sql.SQL("SELECT count(*) FROM {}").format(table)).fetchone(),
            db.execute(sql.SQL("SELECT {}").format(sql.Literal("it's"))).fetchone(),
            db.execute("SELECT %(one)s::int", {"one": 1}, prepare=True, binary=True).fetchone(),
            db.execute("SELECT 1; SELECT 2").nextset(),
        ]


@use
def rows_are_fetched_in_every_way(dsn):
    with filled(dsn, row_factory=dict_row) as db:
        cursor = db.execute("SELECT a FROM t ORDER BY a")
        found: list[Any] = [cursor.fetchone(), list(cursor), cursor.fetchone()]
        cursor.scroll(0, "absolute")
        found += [cursor.fetchmany(2), cursor.fetchmany(size=5), cursor.rowcount, cursor.rownumber]
        found += [list(db.cursor().stream("SELECT a FROM t WHERE a > %s", [1]))]
        with db.cursor("named", scrollable=True) as named:
            named.itersize = 2
            named.execute("SELECT a FROM t ORDER BY a")
            found += [named.fetchone(), named.fetchmany(1), list(named), named.fetchall()]
        return found


@use
def a_stream_may_be_left_early(dsn):
    with filled(dsn) as db:
        rows = db.cursor().stream("SELECT generate_series(1, 1000)")
        found = [inspect.isgenerator(rows), next(rows)]
        rows.close()
        db.rollback()  # psycopg cancels the rest, which fails when it comes before the end
        return [*found, db.execute("SELECT 1").fetchone()]


@use
def rows_are_copied_in_and_out(dsn):
    with filled(dsn) as db, db.cursor() as cursor:
        with cursor.copy("COPY t FROM STDIN") as copy:
            copy.write_row((7, "seven"))
            copy.write("8\teight\n")
        found: list[Any] = [cursor.rowcount]
        with cursor.copy("COPY (SELECT a FROM t WHERE a > %s) TO STDOUT", (2,)) as copy:
            found.append([bytes(block) for block in copy])
        with cursor.copy(sql.SQL("COPY {} TO STDOUT").format(sql.Identifier("t"))) as copy:
            copy.set_types(["int4", "text"])
            found += [copy.read_row(), list(copy.rows()), copy.read()]
        return found


@use
def statements_in_a_pipeline_wait_together(dsn):
    with filled(dsn) as db, db.pipeline():
        first = db.execute("SELECT a FROM t ORDER BY a")
        second = db.execute("SELECT b FROM t ORDER BY a")
        return second.fetchall(), first.fetchone(), [row for (row,) in first]


@use
def transactions_end_as_they_should(dsn):
    with filled(dsn) as db:
        with db.transaction(), contextlib.suppress(KeyError), db.transaction("mine"):
            db.execute("INSERT INTO t VALUES (4)")
            raise KeyError
        with db.transaction(force_rollback=True):
            db.execute("DELETE FROM t")
        with db.transaction() as outer:
            db.execute("DELETE FROM t")
            raise psycopg.Rollback(outer)
        found: list[Any] = [db.info.transaction_status]
        found.append(db.execute("SELECT count(*) FROM t").fetchone())
        return found


@use
def errors_are_the_librarys_own(dsn):
    with filled(dsn, autocommit=True) as db:
        cursor = db.cursor()
        found = [
            raised(psycopg.connect, "host=/no/such/directory"),
            raised(psycopg.connect, no_such="option"),
            raised(cursor.execute),
            raised(cursor.execute, None),
            raised(cursor.execute, 1),
            raised(cursor.execute, Unspeakable()),
            raised(cursor.executemany, Unspeakable(), [()]),
            raised(cursor.execute, "SELECT %s", [Unspeakable()])[0],
            raised(cursor.execute, "SELECT %s"),
            raised(cursor.execute, "SELECT %s", Unspeakable()),
            raised(cursor.execute, b"SELECT \xff"),
            raised(cursor.execute, "SELECT \ud800"),
            raised(cursor.execute, "SELECT '\0'"),
            raised(cursor.execute, "SELECT " + "1 + " * 2_500_000)[0],
            raised(cursor.execute, "SELEC"),
            raised(cursor.execute, "INSERT INTO t VALUES (1)"),
            raised(cursor.executemany, "INSERT INTO t VALUES (%s)", [(9,), (1,)]),
            raised(cursor.executemany, None, [()]),
            raised(cursor.fetchone),
            raised(list, cursor),
            raised(list, cursor.stream("SELECT no_such")),
            raised(list, cursor.stream(None)),
            raised(cursor.copy("COPY no_such TO STDOUT").__enter__),
            raised(cursor.copy(None).__enter__),
        ]
        with db.cursor("named") as named, db.cursor("held", withhold=True) as held:
            found += [
                raised(named.execute, "SELECT 1"),
                raised(named.fetchone),
                raised(named.executemany, "SELECT 1", [()]),
                raised(held.execute, None),
                raised(held.execute, Unspeakable()),
            ]
    return [*found, raised(db.execute, "SELECT 1"), raised(db.commit), raised(db.rollback)]


@use
def the_users_own_classes_are_used(dsn):
    class MyCursor(psycopg.ClientCursor):
        def execute(self, query, *args, **kwargs):
            return super().execute(query.replace("EVERYTHING", "*"), *args, **kwargs)

    class MyConnection(psycopg.Connection):
        pass

    with MyConnection.connect(dsn, cursor_factory=MyCursor) as db:
        cursor = db.execute("SELECT EVERYTHING FROM (SELECT 1) t")
        return [type(db).__name__, type(cursor).__name__, cursor.fetchall()]


@use
def the_server_is_given_the_same_messages(dsn, tmp_path):
    from psycopg.pq import Trace

    log = tmp_path / "protocol"
    with filled(dsn) as db, log.open("wb") as file:
        db.pgconn.trace(file.fileno())
        db.pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS | Trace.REGRESS_MODE)
        db.execute("SELECT  a FROM t WHERE b = 'literal'").fetchall()
        with db.transaction(), db.cursor("named") as named:
            named.itersize = 2
            assert len(list(named.execute("SELECT a FROM t"))) == 3
        with db.cursor() as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [(5,), (6,)])
            with cursor.copy("COPY t TO STDOUT") as copy:
                assert len(list(copy.rows())) == 5
            assert len(list(cursor.stream("SELECT a FROM t"))) == 5
        db.commit()
        db.commit()
        db.rollback()
        db.pgconn.untrace()
    # The server's answers come in between as they come, and with them libpq's own flushes.
    sent = [line for line in log.read_text().splitlines() if line.startswith("F")]
    return [line for line in sent if not line.endswith("Flush")]


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, postgres_dsn, tmp_path):
    given = {"tmp_path": tmp_path} if "tmp_path" in USES[name].__code__.co_varnames else {}
    inprofile.uninstrument()
    without = USES[name](postgres_dsn, **given)
    with record(), inprofile.job("work"):
        within = USES[name](postgres_dsn, **given)
        assert inprofile.status()["errors"] == 0
    assert within == without


def test_each_operation_is_a_span_with_its_literals_masked(recorded, postgres_dsn):
    with inprofile.job("work"), filled(postgres_dsn) as db:
        db.execute("SELECT a FROM t WHERE b = 'secret' AND a > 5").fetchall()
        assert len(list(db.execute(b"SELECT a FROM t"))) == 3
        table = sql.SQL("SELECT b FROM {} WHERE a IN ({})").format(
            sql.Identifier("t"), sql.SQL(", ").join(map(sql.Literal, [1, 2]))
        )
        cursor = db.execute(table)
        assert (cursor.fetchone(), cursor.fetchmany(1), cursor.fetchall()) == (
            ("x",),
            [("y",)],
            [],
        )
        db.rollback()
        db.rollback()
    assert spans(recorded.trace) == [
        ("db", "CONNECT", "work", 1),
        ("db", "CREATE TEMP TABLE t (a int PRIMARY KEY, b text)", "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ? AND a > ?", "work", 1),
        ("db", "SELECT a FROM t", "work", 1),
        ("db", 'SELECT b FROM "t" WHERE a IN (?)', "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns
    assert inprofile.status()["errors"] == 0


def test_a_statement_has_the_attributes_of_opentelemetry(recorded, postgres_dsn):
    with inprofile.job("work"):
        filled(postgres_dsn).close()
    attributes = [span.attributes for span in recorded.trace.spans if "INSERT" in str(span.name)]
    assert attributes == [
        {
            "db.system.name": "postgresql",
            "db.operation.name": "INSERT",
            "db.collection.name": "t",
            "db.query.summary": "INSERT t",
        }
    ]


def test_transactions_begin_and_end_by_name(recorded, postgres_dsn):
    with filled(postgres_dsn, autocommit=True) as db, inprofile.job("work"):
        with db.transaction():
            with db.transaction():
                db.execute("SELECT 1")
            with contextlib.suppress(KeyError), db.transaction():
                raise KeyError
        with contextlib.suppress(KeyError), db.transaction():
            raise KeyError
    assert [name for _, name, _, _ in spans(recorded.trace)] == [
        "BEGIN",
        "SAVEPOINT",
        "SELECT ?",
        "RELEASE",
        "SAVEPOINT",
        "ROLLBACK",
        "COMMIT",
        "BEGIN",
        "ROLLBACK",
    ]


SLOW = "SELECT a, pg_sleep(0.02) FROM t"
MOST_OF_ITS_WAITS_NS = 50_000_000  # of 60: a processor that others had is not the database's time


def slowly_streamed(db):
    assert len(list(db.cursor().stream(SLOW))) == 3


def slowly_paged(db):
    with db.cursor("named") as cursor:
        cursor.itersize = 1
        assert len(list(cursor.execute(SLOW))) == 3


def slowly_fetched(db):
    with db.cursor("named") as cursor:
        cursor.execute(SLOW)
        assert cursor.fetchone()
        assert len(cursor.fetchmany(1) + cursor.fetchall()) == 2


def slowly_copied(db):
    with db.cursor().copy(f"COPY ({SLOW}) TO STDOUT") as copy:
        assert len(list(copy.rows())) == 3


def slowly_piped(db):
    with db.pipeline():
        assert len(db.execute(SLOW).fetchall()) == 3


@pytest.mark.parametrize(
    "work", [slowly_streamed, slowly_paged, slowly_fetched, slowly_copied, slowly_piped]
)
def test_what_takes_many_steps_is_one_operation_with_all_of_their_time(
    work, recorded, postgres_dsn
):
    with filled(postgres_dsn) as db, inprofile.job("work"):
        work(db)
    trace = recorded.trace
    assert [(kind, count) for kind, _, _, count in spans(trace)] == [("db", 1)]
    assert "pg_sleep" in str(trace.spans[0].name)
    assert trace.spans[0].self_ns == trace.stages["db"] > MOST_OF_ITS_WAITS_NS
    assert sum(trace.stages.values()) == trace.wall_ns


def test_rows_that_are_copied_in_are_one_operation(recorded, postgres_dsn):
    with (
        filled(postgres_dsn) as db,
        db.cursor() as cursor,
        inprofile.job("work"),
        cursor.copy("COPY t FROM STDIN") as copy,
    ):
        for number in range(10, 2000):
            copy.write_row((number, "b"))
        with inprofile.span("mine"):
            copy.write("5\tb\n")
    assert spans(recorded.trace, "db") == [("db", "COPY t FROM STDIN", "work", 1)]


NO_SUCH = {
    "execute": lambda cursor: cursor.execute("SELECT no_such FROM t"),
    "stream": lambda cursor: next(cursor.stream("SELECT no_such FROM t")),
    "copy": lambda cursor: cursor.copy("COPY t (no_such) TO STDOUT").__enter__(),
}


@pytest.mark.parametrize("fail", NO_SUCH.values(), ids=NO_SUCH)
def test_an_operation_that_fails_says_with_what(fail, recorded, postgres_dsn):
    with filled(postgres_dsn) as db, inprofile.job("work"):
        raised(fail, db.cursor())
    found = [span for span in recorded.trace.spans if "no_such" in str(span.name)]
    assert [(span.error, span.count) for span in found] == [("UndefinedColumn", 1)]


def test_fetches_of_cursors_in_turns_go_to_their_own_statements(recorded, postgres_dsn):
    with filled(postgres_dsn) as db, inprofile.job("work"):
        first, second = db.execute("SELECT a FROM t"), db.execute("SELECT b FROM t")
        while first.fetchone() and second.fetchone():
            pass
    counts = dict.fromkeys(["SELECT a FROM t", "SELECT b FROM t"], 0)
    for span in recorded.trace.spans[:-1]:
        counts[str(span.name)] += span.count
    assert counts == {"SELECT a FROM t": 1, "SELECT b FROM t": 1}


def test_threads_that_carry_the_context_are_recorded_in_their_request(recorded, postgres_dsn):
    def work():
        psycopg.connect(postgres_dsn).close()

    with inprofile.job("work"):
        in_threads(work, *[()] * 3)
    assert spans(recorded.trace) == [("db", "CONNECT", "work", 1)] * 3


def test_nothing_keeps_a_connection_alive(recorded, postgres_dsn):
    with inprofile.job("work"):
        db = filled(postgres_dsn)
        cursor = db.execute("SELECT a FROM t")
        cursor.fetchone()
        gone = weakref.ref(db), weakref.ref(cursor)
        db.close()
        del db, cursor
        gc.collect()
        assert [each() for each in gone] == [None, None]


def test_a_connection_outlives_the_measurement(recorded, postgres_dsn):
    with inprofile.job("work"):
        db = filled(postgres_dsn)
    inprofile.uninstrument()
    assert db.execute("SELECT count(*) FROM t").fetchall() == [(3,)]
    db.close()


def test_connect_stays_what_it_was():
    inprofile.instrument()
    assert psycopg.connect == psycopg.Connection.connect
    assert pickle.loads(pickle.dumps(psycopg.connect)) == psycopg.Connection.connect


def test_a_statement_of_parts_is_named_without_what_is_the_users():
    class MySQL(sql.SQL):
        def as_bytes(self, context=None):
            raise RuntimeError("called")

    parts = sql.SQL("SELECT {} FROM {} WHERE a = {} AND b = {} AND c = {}").format(
        sql.Identifier("s", 'a"b'),
        MySQL("t"),
        sql.Placeholder(),
        sql.Placeholder("b"),
        sql.Literal(Unspeakable()),
    )
    assert text_of(parts) == 'SELECT "s"."a""b" FROM ? WHERE a = %s AND b = %(b)s AND c = ?'
    assert (text_of("a"), text_of(b"a"), text_of(None), text_of(Unspeakable())) == (
        "a",
        b"a",
        "?",
        "?",
    )


# The same with asyncio


async def filled_async(dsn, **options):
    db = await psycopg.AsyncConnection.connect(dsn, **options)
    await db.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    async with db.cursor() as cursor:
        await cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "x"), (2, "y"), (3, "z")])
    await db.commit()
    return db


async def everything_async(dsn):
    """What an asynchronous connection can do, and what it gives."""
    async with await filled_async(dsn) as db, db.cursor() as cursor:
        found: list[Any] = [type(db), type(cursor)]
        await cursor.execute("SELECT a FROM t ORDER BY a")
        found += [await cursor.fetchone(), await cursor.fetchmany(1), await cursor.fetchall()]
        found.append([row async for row in await db.execute(query=b"SELECT b FROM t")])
        rows = cursor.stream("SELECT a FROM t WHERE a > %s", [1])
        found += [inspect.isasyncgen(rows), [row async for row in rows]]
        async with db.transaction() as transaction, db.cursor("named") as named:
            named.itersize = 2
            await named.execute("SELECT a FROM t")
            found += [type(named), type(transaction), await named.fetchone()]
            found += [[row async for row in named], await named.fetchall()]
        async with cursor.copy("COPY t FROM STDIN") as copy:
            await copy.write_row((7, "seven"))
        async with cursor.copy("COPY t TO STDOUT") as copy:
            found += [type(copy), [row async for row in copy.rows()]]
        for statement in ("SELEC", None, b"\xff", Unspeakable()):
            try:
                await db.execute(statement)
            except Exception as error:
                found.append((type(error), str(error)))
            await db.rollback()
        async with db.pipeline():
            both = await db.execute("SELECT 1"), await db.execute("SELECT 2")
            found += [await each.fetchall() for each in both]
        return found


def test_an_asynchronous_connection_gives_the_same(postgres_dsn):
    inprofile.uninstrument()
    without = asyncio.run(everything_async(postgres_dsn))
    with record() as recorded, inprofile.job("work"):
        within = asyncio.run(everything_async(postgres_dsn))
    assert within == without
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns
    assert [(name, count) for _, name, _, count in spans(recorded.trace) if count] == [
        ("CONNECT", 1),
        ("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)", 1),
        ("INSERT INTO t VALUES (?)", 1),
        ("COMMIT", 1),
        ("SELECT a FROM t ORDER BY a", 1),
        ("SELECT b FROM t", 1),
        ("SELECT a FROM t WHERE a > %s", 1),
        ("SAVEPOINT", 1),
        ("SELECT a FROM t", 1),
        ("RELEASE", 1),
        ("COPY t FROM STDIN", 1),
        ("COPY t TO STDOUT", 1),
        ("SELEC", 1),
        ("ROLLBACK", 1),
        ("?", 1),
        ("ROLLBACK", 1),
        ("\ufffd", 1),
        ("ROLLBACK", 1),
        ("?", 1),
        ("ROLLBACK", 1),
        ("SELECT ?", 1),
        ("SELECT ?", 1),
        ("COMMIT", 1),
    ]


async def slow_async(dsn, way):
    async with await filled_async(dsn) as db, db.cursor("named") as named:
        if way == "stream":  # what a new statement costs us would be while the server sleeps
            assert len([row async for row in db.cursor().stream(SLOW)]) == 3
        with inprofile.job("work"):
            if way == "stream":
                assert len([row async for row in db.cursor().stream(SLOW)]) == 3
            elif way == "copy":
                async with db.cursor().copy(f"COPY ({SLOW}) TO STDOUT") as copy:
                    assert len([row async for row in copy.rows()]) == 3
            else:
                await named.execute(SLOW)
                assert len([row async for row in named]) == 3


@pytest.mark.parametrize("way", ["stream", "copy", "server-side"])
def test_what_is_awaited_in_many_steps_is_one_operation(way, recorded, postgres_dsn):
    asyncio.run(slow_async(postgres_dsn, way))
    trace = recorded.trace
    assert [(kind, count) for kind, _, _, count in spans(trace)] == [("db", 1)]
    assert trace.spans[0].self_ns == trace.stages["db"] > MOST_OF_ITS_WAITS_NS
    assert sum(trace.stages.values()) == trace.wall_ns


def test_statements_at_once_keep_their_parents_and_add_up(recorded, postgres_dsn):
    async def one(number):
        with inprofile.span(f"task {number}"):
            async with await psycopg.AsyncConnection.connect(postgres_dsn) as db:
                cursor = await db.execute("SELECT %s::int, pg_sleep(0.01)", [number])
                return await cursor.fetchone()

    async def work():
        with inprofile.job("work"):
            return await asyncio.gather(*map(one, range(5)))

    assert asyncio.run(work()) == [(number, "") for number in range(5)]
    trace = recorded.trace
    seen = {(name, parent) for _, name, parent, _ in spans(trace, "db")}
    assert seen == {
        (name, f"task {number}")
        for number in range(5)
        for name in ("CONNECT", "SELECT %s::int, pg_sleep(?)", "COMMIT")
    }
    assert sum(trace.stages.values()) == trace.wall_ns


def test_a_statement_that_is_cancelled_is_closed_and_leaves_nothing_open(recorded, postgres_dsn):
    async def work():
        async with await psycopg.AsyncConnection.connect(postgres_dsn) as db:
            with inprofile.job("work"):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(0.05):
                        await db.execute("SELECT pg_sleep(10)")
                with inprofile.span("after"):
                    pass

    asyncio.run(work())
    assert spans(recorded.trace) == [
        ("db", "SELECT pg_sleep(?)", "work", 1),
        ("handler", "after", "work", 1),
    ]
    assert recorded.trace.spans[0].error == "CancelledError"
