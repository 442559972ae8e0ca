"""PyMySQL and mysqlclient: timed, and otherwise the libraries that are documented."""

import contextlib
import gc
import time
import warnings
import weakref
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import inprofile
from inprofile.testing import record
from tests import child
from tests.integrations.mysql_parts import (
    FILL,
    PROCEDURE,
    QUESTIONS,
    ROWS,
    SLOW,
    TABLE,
    Unlucky,
    looks,
)
from tests.integrations.spans import names, spans
from tests.integrations.threads import in_threads

USES: dict[str, Any] = {}
ROOT = Path(__file__).parents[2]


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


@pytest.fixture(params=["pymysql", "MySQLdb"])
def driver(request):
    if request.param == "MySQLdb":
        pytest.importorskip("MySQLdb", reason="mysqlclient is not installed")
    import_module(f"{request.param}.cursors")
    return import_module(request.param)


@pytest.fixture
def connect(driver, mariadb):
    """Opens connections, and closes those that the test left open."""
    opened = []

    def connect(**options: Any) -> Any:
        opened.append(driver.connect(**{**mariadb._asdict(), **options}))
        return opened[-1]

    yield connect
    for db in opened:
        with contextlib.suppress(driver.Error):
            db.close()


@pytest.fixture
def filled(connect):
    """A connection with the table and its rows."""
    return fill(connect())


def fill(db):
    with db.cursor() as cursor:
        cursor.execute(TABLE)
        cursor.executemany(FILL, ROWS)
    db.commit()
    return db


def asked(db, statement, *args):
    with db.cursor() as cursor:
        cursor.execute(statement, *args)
        return cursor.fetchall()


def raised(call, *args, **kwargs):
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        call(*args, **kwargs)
    return looks(error.value)


@use
def the_types_are_the_documented_ones(driver, connect):
    db = connect()
    cursor = db.cursor()
    return [
        type(db) is import_module(f"{driver.__name__}.connections").Connection,
        type(cursor) is driver.cursors.Cursor,
        type(db.cursor(driver.cursors.SSDictCursor)) is driver.cursors.SSDictCursor,
        cursor.connection is db,
        hash(db) == hash(db),
        [vars(cursor).keys(), vars(cursor.__class__).get("__slots__")],
    ]


@use
def statements_may_be_given_in_any_way(driver, connect):
    db = fill(connect())
    cursor = db.cursor()
    return [
        cursor.execute("SELECT 1"),
        cursor.execute(query="SELECT %s", args=(1,)),
        cursor.execute("SELECT %(n)s, '%%'", {"n": 5}),
        cursor.fetchall(),
        cursor.execute(b"SELECT 'bytes'"),
        cursor.executemany(query=FILL, args=[(4, "v"), (5, "w")]),
        cursor.executemany(FILL, []),
        cursor.executemany("UPDATE t SET b = %s WHERE a = %s", [("new", 1), ("new", 2)]),
        cursor.execute("SELECT b FROM t WHERE a IN %s", ([1, 4],)),
        cursor.fetchall(),
    ]


@use
def rows_are_fetched_in_every_way(driver, connect):
    kinds = ["Cursor", "DictCursor", "SSCursor", "SSDictCursor"]
    db, result = fill(connect()), []
    for kind in kinds:
        cursor = db.cursor(getattr(driver.cursors, kind))
        cursor.execute("SELECT a, b FROM t ORDER BY a")
        result += [cursor.fetchone(), cursor.fetchmany(1), cursor.fetchmany(size=5)]
        result += [cursor.fetchone(), cursor.fetchall(), cursor.rownumber]
        cursor.execute("SELECT a FROM t ORDER BY a")
        result += [next(iter(cursor)), list(cursor), cursor.description, cursor.rowcount]
        cursor.arraysize = 2
        cursor.execute("SELECT b FROM t ORDER BY a")
        result.append(cursor.fetchmany())
        cursor.close()
        result.append(cursor.close())
    return result


@use
def results_may_be_several(driver, connect):
    db = connect()
    cursor = db.cursor()
    cursor.execute(PROCEDURE)
    result = [cursor.callproc("twice", (21,))]
    result += [cursor.fetchall(), cursor.nextset(), cursor.fetchall(), cursor.nextset()]
    result += [cursor.nextset(), cursor.callproc(procname="twice", args=[4]), cursor.fetchone()]
    cursor.close()
    with db.cursor(driver.cursors.SSCursor) as streaming:
        streaming.callproc("twice", (1,))
        result += [streaming.fetchall(), streaming.nextset(), streaming.fetchall()]
    return [*result, asked(db, "SELECT @_twice_0")]


@use
def transactions_are_what_they_were(driver, connect):
    db = fill(connect())
    result = [db.begin(), asked(db, "DELETE FROM t"), db.rollback(), asked(db, "SELECT a FROM t")]
    result += [asked(db, "DELETE FROM t WHERE a = 1"), db.commit(), asked(db, "SELECT a FROM t")]
    result += [db.get_autocommit(), db.autocommit(True), db.autocommit(1), db.get_autocommit()]
    return [*result, db.autocommit(on := False), db.get_autocommit(), on]


@use
def errors_are_the_librarys_own(driver, connect):
    db = fill(connect())
    cursor = db.cursor()
    result = [
        raised(db.cursor().fetchone),
        raised(cursor.execute),
        raised(cursor.execute, "SELEC"),
        raised(cursor.execute, None),
        raised(cursor.execute, 5),
        raised(cursor.execute, sql="SELECT 1"),
        raised(cursor.execute, "SELECT %s", ()),
        raised(cursor.execute, "SELECT %s, %s", (1,)),
        raised(cursor.execute, "SELECT no_such FROM t"),
        raised(cursor.execute, FILL, (1, "again")),
        raised(cursor.executemany, FILL, [(9, "a"), (1, "again")]),
        raised(cursor.executemany, None, [1]),
        raised(cursor.callproc, "no_such"),
        raised(cursor.callproc, None),
        raised(cursor.fetchmany, "many"),
        raised(connect, database="no_such"),
        raised(connect, no_such=1),
    ]
    cursor.close()
    result += [raised(cursor.execute, "SELECT 1")]
    db.close()
    return [*result, raised(db.commit), raised(db.rollback), raised(db.close)]


@use
def nothing_is_asked_of_the_users_objects(driver, connect):
    cursor = fill(connect()).cursor()
    with warnings.catch_warnings(action="ignore"):
        return [
            raised(cursor.execute, "SELECT %s", (Unlucky(),)),
            raised(cursor.execute, Unlucky()),
            raised(cursor.executemany, FILL, Unlucky()),
            raised(cursor.callproc, Unlucky()),
            raised(cursor.callproc, "twice", (Unlucky(),)),
        ]


@use
def statements_may_be_long(driver, connect):
    cursor = connect().cursor()
    long = "SELECT LENGTH('" + "x" * 10_000_000 + "')"
    return [cursor.execute(long), cursor.fetchall(), cursor.execute(long.encode())]


@use
def the_server_is_asked_the_same_number_of_times(driver, connect):
    db = connect(autocommit=None)
    rows_are_fetched_in_every_way(driver, lambda: db)
    db.autocommit(True)
    return asked(db, QUESTIONS)


@use
def the_users_own_cursors_are_used(driver, connect):
    dicts: Any = driver.cursors.DictCursor

    class Mine(dicts):
        def execute(self, query, args=None):
            return super().execute("SELECT * FROM t" if query == "everything" else query, args)

        def fetchone(self):
            return "mine", super().fetchone()

    db = fill(connect(cursorclass=Mine))
    cursor = db.cursor()
    cursor.execute("everything")
    return [type(cursor) is Mine, cursor.fetchone(), cursor.fetchall()]


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, driver, connect):
    inprofile.uninstrument()
    without = USES[name](driver, connect)
    with record(), inprofile.job("work"):
        within = USES[name](driver, connect)
        assert inprofile.status()["errors"] == 0
    assert within == without


def test_each_statement_is_a_span_with_its_literals_masked(connect, recorded):
    with inprofile.job("work"):
        db = fill(connect())
        with db.cursor() as cursor:
            cursor.execute("SELECT a FROM t WHERE b = 'secret' AND a > %s", (5,))
            cursor.fetchall()
            cursor.execute('SELECT b FROM t WHERE b = "secret" OR b = "it\'s"')
            assert cursor.fetchone() is None
            cursor.execute("SELECT b FROM t")
            assert [row for (row,) in cursor] == ["x", "y", "z"]
            cursor.executemany("UPDATE t SET b = %s WHERE a = %s", [("new", 1), ("new", 2)])
        db.begin()
        db.rollback()
        db.autocommit(True)
        db.autocommit(True)
    assert spans(recorded.trace) == [
        ("db", "CONNECT", "work", 1),
        ("db", TABLE.replace("(50)", "(?)"), "work", 1),
        ("db", "INSERT INTO t (a, b) VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ? AND a > %s", "work", 1),
        ("db", "SELECT b FROM t WHERE b = ? OR b = ?", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "UPDATE t SET b = %s WHERE a = %s", "work", 1),
        ("db", "BEGIN", "work", 1),
        ("db", "ROLLBACK", "work", 1),
        ("db", "SET AUTOCOMMIT", "work", 1),
    ]


def test_a_procedure_with_all_its_results_is_one_span(filled, recorded):
    asked(filled, PROCEDURE)
    with inprofile.job("work"), filled.cursor() as cursor:
        cursor.callproc("twice", (21,))
        assert [cursor.fetchall(), cursor.nextset(), cursor.fetchall()][1] == 1
        while cursor.nextset():
            pass
    assert spans(recorded.trace) == [("db", "CALL twice", "work", 1)]


def test_a_statement_has_the_attributes_of_opentelemetry(filled, recorded):
    with inprofile.job("work"):
        asked(filled, "SELECT a FROM t")
    assert recorded.trace.spans[0].attributes == {
        "db.system.name": "mysql",
        "db.operation.name": "SELECT",
        "db.collection.name": "t",
        "db.query.summary": "SELECT t",
    }


def test_a_statement_that_fails_says_with_what(driver, filled, recorded):
    with inprofile.job("work"), pytest.raises(driver.IntegrityError):
        asked(filled, FILL, (1, "again"))
    seen = [(str(span.name), span.error) for span in recorded.trace.spans if span.error]
    assert seen == [("INSERT INTO t (a, b) VALUES (?)", "IntegrityError")]


def test_a_connection_that_fails_says_with_what(driver, connect, recorded):
    with inprofile.job("work"), pytest.raises(driver.OperationalError):
        connect(database="no_such")
    seen = [(span.name, span.error) for span in recorded.trace.spans if span.parent]
    assert seen == [("CONNECT", "OperationalError")]


STREAMS = {
    "fetchone": lambda cursor: list(iter(cursor.fetchone, None)),
    "fetchmany": lambda cursor: [
        row for rows in iter(lambda: cursor.fetchmany(2), ()) for row in rows
    ],
    "fetchall": lambda cursor: cursor.fetchall(),
    "iteration": list,
}


@pytest.mark.parametrize("kind", ["SSCursor", "SSDictCursor"])
@pytest.mark.parametrize("reading", STREAMS)
def test_the_time_of_a_streamed_fetch_goes_to_the_statement(
    driver, filled, kind, reading, recorded
):
    """The server computes these rows while they are fetched."""
    asked(filled, "INSERT INTO t (b) SELECT REPEAT('x', 50) FROM t, t AS u, t AS v")
    slow = "SELECT a, b, REPEAT('x', 16000), SLEEP(0.002) FROM t"
    with inprofile.job("work"), filled.cursor(getattr(driver.cursors, kind)) as cursor:
        cursor.execute(slow)
        assert len(STREAMS[reading](cursor)) == 30
    trace = recorded.trace
    assert spans(trace) == [("db", mask_of(slow), "work", 1)]
    assert trace.spans[0].self_ns == trace.stages["db"] > 60_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def mask_of(statement):
    return statement.replace("'x', 16000", "?, ?").replace("0.002", "?")


def test_the_rest_that_is_read_at_closing_belongs_to_the_statement(driver, filled, recorded):
    asked(filled, "INSERT INTO t (b) SELECT 'x' FROM t, t AS u, t AS v")
    slow = "SELECT a, b, REPEAT('x', 16000), SLEEP(0.002) FROM t"
    with inprofile.job("work"), filled.cursor(driver.cursors.SSCursor) as cursor:
        cursor.execute(slow)
        assert cursor.fetchone()
    trace = recorded.trace
    assert spans(trace) == [("db", mask_of(slow), "work", 1)]
    assert trace.stages["db"] > 60_000_000


def test_cursors_that_take_turns_are_never_taken_for_one_another(filled, recorded):
    with inprofile.job("work"), filled.cursor() as one, filled.cursor() as other:
        one.execute("SELECT a FROM t")
        other.execute("SELECT b FROM t")
        assert (one.fetchall(), other.fetchall()) == (((1,), (2,), (3,)), (("x",), ("y",), ("z",)))
    assert spans(recorded.trace) == [
        ("db", "SELECT a FROM t", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "FETCH", "work", 0),
    ]


def test_thousands_of_rows_are_one_span(driver, connect, recorded):
    db = connect(cursorclass=driver.cursors.SSCursor)
    with inprofile.job("work"), db.cursor() as cursor:
        cursor.execute("SELECT seq FROM seq_1_to_5000")
        assert sum(row for (row,) in cursor) == 12_502_500
    assert spans(recorded.trace) == [("db", "SELECT seq FROM seq_1_to_5000", "work", 1)]


def test_threads_that_carry_the_context_are_recorded_in_their_request(connect, recorded):
    def work():
        with inprofile.span("thread"):
            asked(connect(), "SELECT SLEEP(0.01)")

    with inprofile.job("work"):
        in_threads(work, *[()] * 4)
    trace = recorded.trace
    seen = sorted(spans(trace, "db"))
    assert (
        seen == [("db", "CONNECT", "thread", 1)] * 4 + [("db", "SELECT SLEEP(?)", "thread", 1)] * 4
    )
    assert sum(trace.stages.values()) == trace.wall_ns


def test_outside_of_a_trace_nothing_is_recorded(filled, recorded):
    asked(filled, "SELECT a FROM t")
    with inprofile.job("work"):
        pass
    asked(filled, "SELECT a FROM t")
    assert [spans(trace) for trace in recorded.traces] == [[]]


def test_a_connection_outlives_the_measurement(connect, recorded):
    with inprofile.job("work"):
        db = fill(connect())
    inprofile.uninstrument()
    assert asked(db, "SELECT count(*) FROM t") == ((3,),)


def test_nothing_keeps_a_cursor_alive(filled, recorded):
    with inprofile.job("work"):
        cursor = filled.cursor()
        cursor.execute("SELECT a FROM t")
        cursor.fetchone()
        gone = weakref.ref(cursor)
        del cursor
        gc.collect()
        assert gone() is None


def test_what_the_users_subclass_does_around_a_statement_is_its_own(driver, filled, recorded):
    plain: Any = driver.cursors.Cursor

    class Mine(plain):
        def execute(self, query, args=None):
            time.sleep(0.02)
            return super().execute(query, args)

    with inprofile.job("work"), filled.cursor(Mine) as cursor:
        cursor.execute(SLOW)
    trace = recorded.trace
    assert names(trace) == ["SELECT a, SLEEP(?) FROM t"]
    assert trace.stages["db"] > 30_000_000
    assert trace.stages["handler"] > 20_000_000


def test_a_warning_of_pymysqls_names_the_callers_line(mariadb):
    import pymysql

    def warned():
        with warnings.catch_warnings(record=True, action="always") as seen, db.cursor() as cursor:
            cursor.execute("SELECT %s", 1)
        return [(each.filename, each.lineno, str(each.message)) for each in seen]

    db = pymysql.connect(**mariadb._asdict())
    without = warned()
    with record(), inprofile.job("work"):
        assert warned() == without
    db.close()


IN_ITS_PLACE = """
import json, sys
import inprofile
inprofile.instrument()
import pymysql
pymysql.install_as_MySQLdb()
import MySQLdb
from MySQLdb.connections import Connection
from MySQLdb.cursors import DictCursor
from inprofile.testing import record
from tests.integrations.spans import names
with record() as recorded, inprofile.job("work"):
    db = MySQLdb.connect(unix_socket=sys.argv[1], user=sys.argv[2], database=sys.argv[3])
    with db.cursor(DictCursor) as cursor:
        cursor.execute("SELECT 1 AS one")
        rows = cursor.fetchall()
    with db.cursor() as cursor:
        cursor.execute("SELECT 2")
    db.close()
status = inprofile.status()
print(json.dumps([rows, names(recorded.trace), status["missing"], status["errors"]]))
"""


def test_pymysql_works_in_the_place_of_mysqldb(mariadb, tmp_path):
    """``MySQLdb.cursors`` is then a second copy of PyMySQL's classes, which stay untimed."""
    rows, seen, missing, errors = child.run(
        IN_ITS_PLACE, *mariadb, PYTHONPATH=ROOT, INPROFILE_DIR=tmp_path
    )
    assert rows == [{"one": 1}]
    assert seen == ["CONNECT", "SELECT ?"]
    assert (missing, errors) == ([], 0)
