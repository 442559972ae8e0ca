"""psycopg2 on a real server: timed, and otherwise the library that its documentation describes."""

import contextlib
import gc
import io
import weakref
from typing import Any

import psycopg2
import pytest
from psycopg2 import extensions, extras, pool, sql

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads
from tests.integrations.unspeakable import Unspeakable

USES: dict[str, Any] = {}


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


@contextlib.contextmanager
def filled(dsn, **options):
    db = psycopg2.connect(dsn, **options)
    cursor = db.cursor()
    cursor.execute("CREATE TEMP TABLE t (a int PRIMARY KEY, b text)")
    cursor.executemany("INSERT INTO t VALUES (%s, %s)", [(1, "x"), (2, "y"), (3, "z")])
    db.commit()
    try:
        yield db
    finally:
        db.close()


def raised(call, *args, **kwargs):
    """The type, message and code of the error that a call ends with."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        call(*args, **kwargs)
    return type(error.value), str(error.value), getattr(error.value, "pgcode", None)


@use
def the_types_look_like_the_librarys_own(dsn):
    with filled(dsn) as db, db.cursor() as cursor, db.cursor("named") as named:
        return [
            isinstance(db, extensions.connection),
            [isinstance(each, extensions.cursor) for each in (cursor, named)],
            [f"{type(each).__module__}.{type(each).__qualname__}" for each in (db, cursor)],
            [repr(each).split(" at ")[0] for each in (db, cursor)],
            [hasattr(each, "__dict__") for each in (db, cursor)],
            cursor.connection is db,
            db.cursor_factory,
            [raised(setattr, each, "mine", 1)[0] for each in (db, cursor)],
            (named.name, named.scrollable, named.withhold, named.itersize),
            db.cursor("other", None, True, True).withhold,
        ]


@use
def statements_may_be_given_in_any_way(dsn):
    with filled(dsn) as db:
        cursor = db.cursor()
        found: list[Any] = []
        for statement, values in (
            ("SELECT a FROM t WHERE a = %s", [1]),
            (b"SELECT b FROM t WHERE a = %(a)s", {"a": 2}),
            (sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier("t")), None),
            (sql.SQL("SELECT {}").format(sql.Literal("it's")), ()),
        ):
            cursor.execute(query=statement, vars=values)
            found += [cursor.fetchall(), cursor.query, cursor.rowcount, cursor.statusmessage]
        cursor.executemany(query="INSERT INTO t VALUES (%s)", vars_list=[[5], [6]])
        cursor.callproc("pg_typeof", [1])
        return [*found, cursor.fetchone(), cursor.mogrify("%s", ["x"])]


@use
def rows_are_fetched_in_every_way(dsn):
    with filled(dsn) as db, db.cursor() as cursor, db.cursor("named") as named:
        cursor.execute("SELECT a FROM t ORDER BY a")
        found: list[Any] = [cursor.fetchone(), next(cursor), list(cursor), cursor.fetchone()]
        cursor.scroll(0, "absolute")
        found += [cursor.fetchmany(2), cursor.fetchmany(size=5), cursor.rownumber]
        named.itersize = 2
        named.execute("SELECT a FROM t ORDER BY a")
        return [*found, named.fetchone(), named.fetchmany(1), list(named), named.fetchall()]


@use
def the_cursors_of_extras_give_their_own_rows(dsn):
    found: list[Any] = []
    with filled(dsn) as db:
        for kind in (extras.DictCursor, extras.RealDictCursor, extras.NamedTupleCursor):
            for name in (None, "named"):
                with db.cursor(name, cursor_factory=kind) as cursor:
                    cursor.execute("SELECT a, b FROM t ORDER BY a")
                    found += [type(cursor), cursor.fetchone(), cursor.fetchmany(1), *cursor]
        with db.cursor(cursor_factory=extras.NamedTupleCursor) as cursor:
            cursor.executemany("INSERT INTO t VALUES (%s)", [[7], [8]])
            cursor.callproc("pg_typeof", [1])
            found.append(cursor.fetchall())
    return [str(each) for each in found]


@use
def a_connection_that_logs_does_so(dsn):
    log = io.StringIO()
    db = psycopg2.connect(dsn, connection_factory=extras.LoggingConnection)
    db.initialize(log)
    with db.cursor() as cursor:
        cursor.execute("SELECT %s", ["x"])
        found = [type(db), type(cursor), cursor.fetchall()]
    db.close()
    return [*found, log.getvalue()]


@use
def the_helpers_of_extras_work(dsn):
    with filled(dsn) as db, db.cursor() as cursor:
        given = [(number, str(number)) for number in range(10, 260)]
        returned = extras.execute_values(
            cursor, "INSERT INTO t VALUES %s RETURNING a", given, fetch=True
        )
        extras.execute_batch(cursor, "UPDATE t SET b = %s WHERE a = %s", [("q", 1), ("r", 2)])
        extras.register_uuid(conn_or_curs=db)
        extras.register_default_jsonb(conn_or_curs=db, loads=lambda text: ("json", text))
        doubled = extensions.new_type((23,), "DOUBLED", lambda value, _: value and int(value) * 2)
        extensions.register_type(doubled, cursor)
        cursor.execute("SELECT a, '{}'::jsonb FROM t WHERE a < 3 ORDER BY a")
        found = [len(returned), cursor.fetchall(), raised(extras.register_hstore, db)]
        extensions.register_type(doubled, db)
        with db.cursor() as another:
            another.execute("SELECT 4")
            found.append(another.fetchall())
        return [*found, extensions.quote_ident('a"b', db), extensions.quote_ident("a", cursor)]


@use
def values_are_adapted_for_a_connection_and_back(dsn):
    """Much of this is C that asks for the library's own connection."""
    with filled(dsn) as db, db.cursor() as cursor:
        text = extensions.adapt("it's \\ é")
        text.prepare(db)
        found: list[Any] = [text.getquoted(), text.encoding]
        listed = extensions.adapt([1, "x", None])
        listed.prepare(db)
        found += [listed.getquoted(), extensions.Binary(b"\0x").getquoted()]
        found += [sql.Literal("it's").as_string(db), sql.Identifier("a", 'b"').as_string(cursor)]
        cursor.execute("CREATE TYPE pair AS (a int, b text)")
        extras.register_composite("pair", db)
        extras.register_default_json(db, loads=lambda text: ("json", text))
        number_range = extras.register_range("int4range", "Whole", db)
        cursor.execute(
            "SELECT (1, 'x')::pair, '[1]'::json, int4range(1, 3), %s", [extras.Json([1])]
        )
        found.append(repr(cursor.fetchall()))
        found += [number_range.range.__name__, extensions.encodings[db.encoding]]
        found.append(extensions.encrypt_password("secret", "user", db, "md5"))
        db.rollback()
    return found


@use
def the_rest_of_a_connection_works(dsn):
    with filled(dsn) as db:
        found: list[Any] = [db.info.dbname, db.info.transaction_status, db.server_version > 0]
        large = db.lobject(0, "wb")
        large.write(b"large")
        found += [db.lobject(large.oid, "rb").read(), large.close()]
        db.lobject(large.oid).unlink()
        db.commit()
        db.set_session(isolation_level="SERIALIZABLE", readonly=True)
        with db, db.cursor() as cursor:
            cursor.execute("SHOW transaction_isolation")
            found.append(cursor.fetchall())
        db.set_session(isolation_level="DEFAULT", readonly=False)
        db.autocommit = True
        cursor = db.cursor()
        cursor.execute("LISTEN news; NOTIFY news, 'hello'")
        db.poll()
        found += [(each.channel, each.payload) for each in db.notifies]
        found += [cursor.description, raised(db.tpc_begin, db.xid(1, "a", "b"))[0], db.reset()]
        found += [db.cancel(), db.isexecuting(), db.async_, db.fileno() > 0]
    return found


@use
def a_connection_can_be_asynchronous(dsn):
    db = psycopg2.connect(dsn, async_=True)
    extras.wait_select(db)
    cursor = db.cursor()
    cursor.execute("SELECT %s", ["x"])
    extras.wait_select(db)
    found = [cursor.fetchall(), db.async_, raised(db.commit), raised(cursor.executemany, "", [])]
    db.close()
    return found


@use
def the_librarys_pools_lend_its_connections(dsn):
    lender = pool.ThreadedConnectionPool(1, 2, dsn)
    first, second = lender.getconn(), lender.getconn()
    found = [isinstance(first, extensions.connection), raised(lender.getconn)]
    lender.putconn(second, close=True)
    with first, first.cursor() as cursor:
        cursor.execute("SELECT 1")
        found.append(cursor.fetchone())
    lender.putconn(first)
    lender.closeall()
    return [*found, first.closed]


@use
def rows_are_copied_in_and_out(dsn):
    out = io.StringIO()
    with filled(dsn) as db, db.cursor() as cursor:
        cursor.copy_from(io.StringIO("7\tseven\n"), "t")
        cursor.copy_from(file=io.StringIO("8\teight\n"), table="t", columns=("a", "b"))
        cursor.copy_to(out, "t")
        cursor.copy_expert("COPY (SELECT 'literal') TO STDOUT", out)
        cursor.copy_expert(sql=sql.SQL("COPY {} TO STDOUT").format(sql.Identifier("t")), file=out)
        return out.getvalue(), cursor.rowcount


@use
def a_block_commits_or_rolls_back_and_hides_no_error(dsn):
    with filled(dsn) as db:
        with db as entered, db.cursor() as cursor:
            cursor.execute("INSERT INTO t VALUES (4)")
        found: list[Any] = [entered is db, db.status]
        with contextlib.suppress(KeyError), db, db.cursor() as cursor:
            cursor.execute("DELETE FROM t")
            raise KeyError
        cursor = db.cursor()
        cursor.execute("SELECT count(*) FROM t")
        return [*found, db.status, cursor.fetchone()]


class NoStatement(Unspeakable):
    """It has a truth: psycopg2 asks for it and where that fails goes on into an import, with the
    error pending, so that what comes then is not the same each time."""

    def __bool__(self):
        return True


@use
def errors_are_the_librarys_own(dsn):
    with filled(dsn) as db:
        db.autocommit = True
        cursor = db.cursor()
        found = [
            raised(psycopg2.connect, "host=/no/such/directory"),
            raised(psycopg2.connect, no_such="option"),
            raised(psycopg2.connect),
            raised(psycopg2.connect, dsn, connection_factory=int),
            raised(db.cursor, cursor_factory=int),
            raised(db.cursor, no_such=1),
            raised(cursor.execute),
            raised(cursor.execute, None),
            raised(cursor.execute, 1),
            raised(cursor.execute, NoStatement()),
            raised(cursor.executemany, NoStatement(), [()]),
            raised(cursor.execute, "SELECT %s", [Unspeakable()])[0],
            raised(cursor.execute, "SELECT %s"),
            raised(cursor.execute, "SELECT %s", []),
            raised(cursor.execute, b"SELECT \xff"),
            raised(cursor.execute, "SELECT \ud800"),
            raised(cursor.execute, "SELECT '\0'"),
            raised(cursor.execute, "SELECT " + "1 + " * 2_500_000)[0],
            raised(cursor.execute, "SELEC"),
            raised(cursor.execute, "INSERT INTO t VALUES (1)"),
            raised(cursor.executemany, "INSERT INTO t VALUES (%s)", [(9,), (1,)]),
            raised(cursor.callproc, "no_such"),
            raised(cursor.callproc, None),
            raised(cursor.fetchone),
            raised(cursor.fetchmany, "many"),
            raised(list, cursor),
            raised(cursor.copy_from, None, "t"),
            raised(cursor.copy_to, io.StringIO(), Unspeakable()),
            raised(cursor.copy_expert, None, io.StringIO()),
            raised(cursor.copy_expert, "COPY no_such TO STDOUT", io.StringIO()),
        ]
    return [*found, raised(cursor.execute, "SELECT 1"), raised(db.cursor), raised(db.commit)]


class MyCursor(extensions.cursor):
    def execute(self, query, *args):
        return super().execute(query.replace("EVERYTHING", "*"), *args)


class MyConnection(extensions.connection):
    def cursor(self, *args, **kwargs):
        return super().cursor(*args, cursor_factory=MyCursor, **kwargs)


@use
def the_users_own_factories_are_used(dsn):
    mine = psycopg2.connect(dsn, connection_factory=MyConnection)
    placed = psycopg2.connect(dsn, MyConnection)
    cursors = psycopg2.connect(dsn, cursor_factory=MyCursor)
    found: list[Any] = []
    for db in (mine, placed, cursors):
        cursor = db.cursor()
        cursor.execute("SELECT EVERYTHING FROM (SELECT 1) t")
        found += [type(db) is MyConnection, type(cursor) is MyCursor, cursor.fetchall()]
        db.close()
    with filled(dsn) as db:
        found += [type(db.cursor(cursor_factory=MyCursor)), type(db.cursor(None, MyCursor))]
        db.cursor_factory = MyCursor
        found.append(type(db.cursor()))
    return found


@use
def the_server_is_given_the_same_statements(dsn):
    with filled(dsn) as db, db.cursor() as cursor:
        cursor.execute("SET client_min_messages = 'log'; SET log_statement = 'all'")
        cursor.execute("SELECT  a FROM t WHERE b = 'literal'")
        cursor.fetchall()
        with db.cursor("named") as named:
            named.itersize = 2
            named.execute("SELECT a FROM t")
            assert len(list(named)) == 3
        db.commit()
        db.commit()
        db.rollback()
        cursor.execute("SELECT 1")
        return db.notices


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, postgres_dsn):
    inprofile.uninstrument()
    without = USES[name](postgres_dsn)
    with record(), inprofile.job("work"):
        within = USES[name](postgres_dsn)
        assert inprofile.status()["errors"] == 0
    assert within == without


def test_each_operation_is_a_span_with_its_literals_masked(recorded, postgres_dsn):
    with inprofile.job("work"), filled(postgres_dsn) as db, db.cursor() as cursor:
        cursor.execute("SELECT a FROM t WHERE b = 'secret' AND a > 5")
        cursor.fetchall()
        cursor.execute(b"SELECT b FROM t")
        assert len([cursor.fetchone(), *cursor.fetchmany(1), *cursor]) == 3
        cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE a = {} OR a = {}").format(
                sql.Identifier("t", "b"), sql.Identifier("t"), sql.Literal(1), sql.Placeholder()
            ),
            [2],
        )
        extras.execute_values(cursor, "INSERT INTO t VALUES %s", [(number,) for number in (7, 8)])
        cursor.callproc("pg_typeof", [1])
        cursor.copy_from(io.StringIO("9\tnine\n"), "t")
        cursor.copy_expert("COPY (SELECT 'secret') TO STDOUT", io.StringIO())
        db.rollback()
        db.rollback()
        with db:
            cursor.execute("SELECT 1")
    assert spans(recorded.trace) == [
        ("db", "CONNECT", "work", 1),
        ("db", "CREATE TEMP TABLE t (a int PRIMARY KEY, b text)", "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ? AND a > ?", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", 'SELECT "t"."b" FROM "t" WHERE a = ? OR a = %s', "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "CALL pg_typeof", "work", 1),
        ("db", "COPY t FROM STDIN", "work", 1),
        ("db", "COPY (SELECT ?) TO STDOUT", "work", 1),
        ("db", "ROLLBACK", "work", 1),
        ("db", "SELECT ?", "work", 1),
        ("db", "COMMIT", "work", 1),
    ]
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


def test_a_statement_has_the_attributes_of_opentelemetry(recorded, postgres_dsn):
    with inprofile.job("work"), filled(postgres_dsn):
        pass
    attributes = [span.attributes for span in recorded.trace.spans if "INSERT" in str(span.name)]
    assert attributes == [
        {
            "db.system.name": "postgresql",
            "db.operation.name": "INSERT",
            "db.collection.name": "t",
            "db.query.summary": "INSERT t",
        }
    ]


KINDS = [
    extensions.cursor,
    extras.DictCursor,
    extras.RealDictCursor,
    extras.NamedTupleCursor,
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_librarys_own_kinds_of_cursors_are_timed(kind, recorded, postgres_dsn):
    with filled(postgres_dsn, cursor_factory=kind) as db, inprofile.job("work"):
        cursor = db.cursor()
        cursor.execute(query="SELECT a, pg_sleep(0.01) FROM t")
        assert len([cursor.fetchone(), *cursor.fetchall()]) == 3
        cursor.executemany("DELETE FROM t WHERE a = %s", [[1], [2]])
        assert isinstance(cursor, kind)
    assert spans(recorded.trace) == [
        ("db", "SELECT a, pg_sleep(?) FROM t", "work", 1),
        ("db", "DELETE FROM t WHERE a = %s", "work", 1),
    ]


def test_a_server_side_cursor_is_one_operation_with_the_time_of_all_its_rows(
    recorded, postgres_dsn
):
    with filled(postgres_dsn) as db, db.cursor("named") as named:
        named.itersize = 1
        with inprofile.job("work"):
            named.execute("SELECT a, pg_sleep(0.01) FROM t")
            assert len([named.fetchone(), *named]) == 3
    trace = recorded.trace
    assert spans(trace) == [("db", "SELECT a, pg_sleep(?) FROM t", "work", 1)]
    assert trace.spans[0].self_ns == trace.stages["db"] > 30_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_fetches_of_cursors_in_turns_are_never_taken_for_another_statements(recorded, postgres_dsn):
    with filled(postgres_dsn) as db, inprofile.job("work"):
        first, second = db.cursor(), db.cursor()
        first.execute("SELECT a FROM t")
        second.execute("SELECT b FROM t")
        while first.fetchone() and second.fetchone():
            pass
    assert spans(recorded.trace) == [
        ("db", "SELECT a FROM t", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "FETCH", "work", 0),
    ]


def test_a_statement_that_fails_says_with_what(recorded, postgres_dsn):
    with filled(postgres_dsn) as db, inprofile.job("work"):
        raised(db.cursor().execute, "INSERT INTO t VALUES (1, 'again')")
    found = [(str(span.name), span.error) for span in recorded.trace.spans if span.kind == "db"]
    assert found == [("INSERT INTO t VALUES (?)", "UniqueViolation")]


def test_a_connection_of_the_users_own_kind_stays_untimed(recorded, postgres_dsn):
    with inprofile.job("work"):
        db = psycopg2.connect(postgres_dsn, connection_factory=MyConnection)
        db.cursor().execute("SELECT 1")
        db.close()
    assert spans(recorded.trace) == [("db", "CONNECT", "work", 1)]


def test_threads_that_carry_the_context_are_recorded_in_their_request(recorded, postgres_dsn):
    def work():
        psycopg2.connect(postgres_dsn).close()

    with inprofile.job("work"):
        in_threads(work, *[()] * 3)
    assert spans(recorded.trace) == [("db", "CONNECT", "work", 1)] * 3


def test_nothing_keeps_a_connection_alive(recorded, postgres_dsn):
    with inprofile.job("work"):
        db = psycopg2.connect(postgres_dsn)
        cursor = db.cursor()
        cursor.execute("SELECT 1")
        cursor.fetchone()
        gone = weakref.ref(db), weakref.ref(cursor)
        db.close()
        del db, cursor
        gc.collect()
        assert [each() for each in gone] == [None, None]


def test_a_connection_outlives_the_measurement(recorded, postgres_dsn):
    with inprofile.job("work"):
        db = psycopg2.connect(postgres_dsn)
    inprofile.uninstrument()
    cursor = db.cursor()
    cursor.execute("SELECT 1")
    assert cursor.fetchall() == [(1,)]
    db.close()
