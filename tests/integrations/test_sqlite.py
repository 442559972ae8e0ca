"""sqlite3: timed, and otherwise the library that its documentation describes."""

import contextlib
import gc
import sqlite3
import sys
import threading
import time
import warnings
import weakref
from typing import Any

import pytest

import inprofile
from inprofile.testing import record
from tests.integrations.spans import spans

USES: dict[str, Any] = {}


def use(function):
    """A documented use of the library that must give the same with us as without."""
    USES[function.__name__] = function
    return function


def filled(**options):
    db = sqlite3.connect(":memory:", **options)
    db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)")
    db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "x"), (2, "y"), (3, "z")])
    db.commit()
    return db


def raised(call, *args, **kwargs):
    """The type, arguments and SQLite's code of the error that a call ends with."""
    with pytest.raises(Exception) as error:  # noqa: PT011 - whichever it is, it is compared
        call(*args, **kwargs)
    return type(error.value), error.value.args, getattr(error.value, "sqlite_errorname", None)


@use
def the_types_are_the_documented_ones():
    db = filled()
    cursor = db.cursor()
    result = [
        isinstance(db, sqlite3.Connection),
        isinstance(cursor, sqlite3.Cursor),
        isinstance(db.execute("SELECT 1"), sqlite3.Cursor),
        [cls.__name__ for cls in (type(db), type(cursor))],
        [cls.__module__ for cls in (type(db), type(cursor))],
        repr(db).split(" at ")[0],
        hash(db) == hash(db),
        cursor.connection is db,
        cursor.execute("SELECT 1") is cursor,
        cursor.executemany("INSERT INTO t VALUES (?, ?)", []) is cursor,
        cursor.executescript("SELECT 1") is cursor,
    ]
    db.close()
    return result


@use
def arguments_of_connect_may_stand_in_any_way(tmp_path):
    databases = [
        sqlite3.connect(":memory:"),
        sqlite3.connect(database=":memory:"),
        sqlite3.connect(tmp_path / "t.db", timeout=1.5),
        sqlite3.connect("file::memory:", uri=True, isolation_level=None),
        sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES, cached_statements=3),
    ]
    result = [db.isolation_level for db in databases]
    for db in databases:
        db.close()
    return result


@use
def wrong_arguments_are_refused():
    db = filled()
    cursor = db.cursor()
    result = [
        raised(sqlite3.connect),
        raised(sqlite3.connect, ":memory:", no_such=1),
        raised(sqlite3.connect, ":memory:", factory=None),
        raised(cursor.execute),
        raised(cursor.execute, sql="SELECT 1"),
        raised(cursor.execute, b"SELECT 1"),
        raised(cursor.execute, None),
        raised(cursor.execute, "SELECT ?", 1),
        raised(cursor.execute, "SELECT ?", ()),
        raised(cursor.executemany, "SELECT 1", [()]),
        raised(cursor.fetchmany, "many"),
        raised(db.cursor, None),
        raised(db.cursor, None, None),
        raised(db.cursor, no_such=1),
        raised(db.execute),
        raised(db.execute, sql="SELECT 1"),
        raised(db.executemany, "SELECT ?", parameters=[]),
        raised(db.executescript, sql_script="SELECT 1"),
        raised(db.execute, "SELECT no_such"),
        raised(db.execute, "SELEC"),
        raised(db.execute, "SELECT 1; SELECT 2"),
    ]
    db.close()
    return result


@use
def rows_are_made_by_the_row_factory():
    db = filled()
    db.row_factory = sqlite3.Row
    row = db.execute("SELECT a, b FROM t").fetchone()
    db.row_factory = lambda cursor, row: {
        column[0]: value for column, value in zip(cursor.description, row, strict=True)
    }
    cursor = db.cursor()
    cursor.row_factory = lambda _, row: list(row)
    result = [
        row.keys(),
        tuple(row),
        type(row).__name__,
        db.execute("SELECT a, b FROM t").fetchall(),
        cursor.execute("SELECT a, b FROM t").fetchmany(2),
        list(cursor),
    ]
    db.close()
    return result


@use
def text_is_made_by_the_text_factory():
    db = filled()
    db.text_factory = bytes
    result = db.execute("SELECT b FROM t").fetchall()
    db.close()
    return result


class MyCursor(sqlite3.Cursor):
    def execute(self, sql, *parameters):
        return super().execute(sql.replace("EVERYTHING", "*"), *parameters)


class MyConnection(sqlite3.Connection):
    def cursor(self, factory=MyCursor):
        return super().cursor(factory)


@use
def the_users_own_factories_are_used():
    mine = sqlite3.connect(":memory:", factory=MyConnection)
    with warnings.catch_warnings(record=True, action="always") as warned:  # since 3.13
        placed = sqlite3.connect(":memory:", 5.0, 0, None, True, MyConnection)
    db = filled()
    result = [
        [(each.category, str(each.message)) for each in warned],
        type(mine) is type(placed) is MyConnection,
        type(mine.execute("SELECT 1")) is MyCursor,
        [type(db.cursor(MyCursor)), type(db.cursor(factory=MyCursor))] == [MyCursor, MyCursor],
        db.cursor(MyCursor).execute("SELECT EVERYTHING FROM t").fetchall(),
        mine.cursor().execute("SELECT EVERYTHING FROM (SELECT 1)").fetchall(),
    ]
    for each in (mine, placed, db):
        each.close()
    return result


@use
def a_block_commits_or_rolls_back_and_hides_no_error():
    db = filled()
    with db as entered:
        db.execute("INSERT INTO t VALUES (4, 'kept')")
    result = [entered is db, db.in_transaction]
    with contextlib.suppress(KeyError), db:
        db.execute("INSERT INTO t VALUES (5, 'dropped')")
        raise KeyError
    result += [db.in_transaction, db.execute("SELECT a FROM t").fetchall()]
    db.execute("DELETE FROM t")
    db.rollback()
    result.append(db.execute("SELECT count(*) FROM t").fetchone())
    db.close()
    return result


@use
def statements_tell_what_they_did():
    db = filled()
    inserted = db.execute("INSERT INTO t (b) VALUES (?)", ("w",))
    many = db.executemany("INSERT INTO t (b) VALUES (?)", ((letter,) for letter in "uv"))
    named = db.execute("SELECT a AS one, b FROM t WHERE b = :b", {"b": "x"})
    result = [
        (inserted.lastrowid, inserted.rowcount, inserted.description),
        (many.lastrowid, many.rowcount),
        (named.description, named.fetchall(), named.rowcount),
        db.total_changes,
    ]
    db.close()
    return result


@use
def rows_are_fetched_in_every_way():
    db = filled()
    cursor = db.execute("SELECT a FROM t")
    result = [cursor.fetchone(), next(cursor), list(cursor), cursor.fetchone(), cursor.fetchall()]
    cursor.execute("SELECT a FROM t")
    cursor.arraysize = 2
    result += [cursor.fetchmany(), cursor.fetchmany(size=5), cursor.fetchmany()]
    result.append([row for (row,) in db.execute("SELECT a FROM t")])
    db.close()
    return result


@use
def scripts_backups_dumps_and_blobs_work():
    db, copy = filled(), sqlite3.connect(":memory:")
    db.executescript("CREATE TABLE u (c); INSERT INTO u VALUES (x'00ff')")
    pages = []
    db.backup(copy, pages=1, progress=lambda *told: pages.append(told))
    with db.blobopen("u", "c", 1) as blob:
        content = blob.read()
    result = [list(copy.iterdump()), bool(pages), content, len(db.serialize()) > 0]
    copy.deserialize(db.serialize())
    result.append(copy.execute("SELECT count(*) FROM t").fetchall())
    db.close()
    copy.close()
    return result


@use
def functions_of_the_users_are_called():
    class Longest:
        def __init__(self):
            self.longest = ""

        def step(self, value):
            self.longest = max(self.longest, value, key=len)

        def finalize(self):
            return self.longest

    def fails():
        raise ValueError("in a function of the user's")

    db = filled()
    db.create_function("twice", 1, lambda value: value * 2, deterministic=True)
    db.create_function("fails", 0, fails)
    db.create_aggregate("longest", 1, Longest)
    db.create_collation("backwards", lambda a, b: (a < b) - (a > b))
    result = [
        db.execute("SELECT twice(b), twice(a) FROM t").fetchall(),
        db.execute("SELECT longest(b || b) FROM t").fetchall(),
        db.execute("SELECT b FROM t ORDER BY b COLLATE backwards").fetchall(),
        raised(lambda: db.execute("SELECT fails()").fetchall()),
    ]
    db.close()
    return result


@use
def sqlite_is_given_the_same_statements():
    db, seen = sqlite3.connect(":memory:"), list[str]()
    db.set_trace_callback(seen.append)
    db.execute("CREATE TABLE t (a /* kept */, b)")
    with db:
        db.executemany("INSERT INTO t VALUES (?, ?)", [(1, "it's"), (2, None)])
    db.execute("SELECT  a FROM t WHERE b = 'literal'").fetchall()
    db.executescript("SELECT 1; SELECT 2;")
    db.execute("DELETE FROM t")
    db.rollback()
    db.close()
    return seen


@use
def values_are_adapted_and_converted():
    sqlite3.register_adapter(complex, lambda value: f"{value.real};{value.imag}")
    sqlite3.register_converter("point", lambda text: complex(*map(float, text.split(b";"))))
    db = sqlite3.connect(":memory:", detect_types=sqlite3.PARSE_DECLTYPES)
    db.execute("CREATE TABLE p (p point)")
    db.execute("INSERT INTO p VALUES (?)", (1 + 2j,))
    result = db.execute("SELECT p FROM p").fetchall()
    db.close()
    return result


@use
def errors_are_the_librarys_own():
    db = filled()
    result = [
        raised(db.execute, "INSERT INTO t VALUES (1, 'again')"),
        raised(db.executemany, "INSERT INTO t VALUES (?, 'again')", [(9,), (1,)]),
        raised(db.executescript, "INSERT INTO t VALUES (1, 'again')"),
        raised(sqlite3.connect, "/no/such/directory/t.db"),
    ]
    db.close()
    return [*result, raised(db.execute, "SELECT 1"), raised(db.cursor), raised(db.commit)]


@use
def another_thread_is_refused_or_let_in():
    def from_another_thread(db):
        told = []

        def work():
            try:
                told.append(db.execute("SELECT count(*) FROM t").fetchall())
            except sqlite3.ProgrammingError as error:
                told.append(str(error).split("created in")[0])

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
        return told

    strict, shared = filled(), filled(check_same_thread=False)
    result = [from_another_thread(strict), from_another_thread(shared)]
    strict.close()
    shared.close()
    return result


@pytest.mark.parametrize("name", USES)
def test_the_library_works_as_documented(name, tmp_path):
    given = {"tmp_path": tmp_path} if "tmp_path" in USES[name].__code__.co_varnames else {}
    inprofile.uninstrument()
    without = USES[name](**given)
    with record(), inprofile.job("work"):
        within = USES[name](**given)
    assert within == without
    assert inprofile.uninstrument() is None


def test_each_statement_is_a_span_with_its_literals_masked(recorded):
    with inprofile.job("work"):
        db = sqlite3.connect(":memory:")
        db.execute("CREATE TABLE t (a, b)")
        with db:
            db.executemany("INSERT INTO t VALUES (?, 'secret')", [(1,), (2,), (3,)])
        db.execute("SELECT a FROM t WHERE b = 'secret' AND a > 5").fetchall()
        cursor = db.cursor()
        cursor.execute("SELECT a FROM t")
        while cursor.fetchone():
            pass
        cursor.execute("SELECT b FROM t").fetchmany(1)
        db.executescript("SELECT 1; SELECT 2")
        db.execute("DELETE FROM t")
        db.rollback()
        db.close()
    assert spans(recorded.trace) == [
        ("db", "CONNECT", "work", 1),
        ("db", "CREATE TABLE t (a, b)", "work", 1),
        ("db", "INSERT INTO t VALUES (?)", "work", 1),
        ("db", "COMMIT", "work", 1),
        ("db", "SELECT a FROM t WHERE b = ? AND a > ?", "work", 1),
        ("db", "SELECT a FROM t", "work", 1),
        ("db", "SELECT b FROM t", "work", 1),
        ("db", "SELECT ?; SELECT ?", "work", 1),
        ("db", "DELETE FROM t", "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]


def test_a_statement_has_the_attributes_of_opentelemetry(recorded):
    with inprofile.job("work"):
        filled().close()
    attributes = [span.attributes for span in recorded.trace.spans if "INSERT" in str(span.name)]
    assert attributes == [
        {
            "db.system.name": "sqlite",
            "db.operation.name": "INSERT",
            "db.collection.name": "t",
            "db.query.summary": "INSERT t",
        }
    ]


def test_a_block_that_fails_ends_with_a_rollback(recorded):
    db = filled()
    with contextlib.suppress(KeyError), inprofile.job("work"), db:
        db.execute("DELETE FROM t")
        raise KeyError
    db.close()
    assert spans(recorded.trace) == [
        ("db", "DELETE FROM t", "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]


def test_a_statement_that_fails_says_with_what(recorded):
    db = filled()
    with inprofile.job("work"), pytest.raises(sqlite3.IntegrityError):
        db.execute("INSERT INTO t VALUES (1, 'again')")
    db.close()
    seen = [(str(span.name), span.error) for span in recorded.trace.spans if span.kind == "db"]
    assert seen == [("INSERT INTO t VALUES (?)", "IntegrityError")]


def slowly(value):
    time.sleep(0.01)
    return value


def test_the_time_of_a_fetch_goes_to_the_statement(recorded):
    db = filled()
    db.create_function("slow", 1, slowly)
    with inprofile.job("work"):
        db.execute("SELECT slow(a) FROM t").fetchall()
    db.close()
    trace = recorded.trace
    assert spans(trace) == [("db", "SELECT slow(a) FROM t", "work", 1)]
    assert trace.spans[0].self_ns == trace.stages["db"] > 30_000_000


def test_fetches_of_cursors_in_turns_go_to_their_own_statements(recorded):
    db = filled()
    db.create_function("slow", 1, slowly)
    with inprofile.job("work"):
        quick, slow = db.execute("SELECT a FROM t"), db.execute("SELECT slow(a) FROM t")
        for _ in range(3):
            quick.fetchone()
            slow.fetchone()
    db.close()
    spent = dict.fromkeys(["SELECT a FROM t", "SELECT slow(a) FROM t"], 0)
    counts = spent.copy()
    for span in recorded.trace.spans[:-1]:
        spent[str(span.name)] += span.self_ns
        counts[str(span.name)] += span.count
    assert counts == {"SELECT a FROM t": 1, "SELECT slow(a) FROM t": 1}
    assert spent["SELECT slow(a) FROM t"] > 30_000_000


def test_threads_that_carry_the_context_are_recorded_in_their_request(recorded):
    from contextvars import copy_context

    with inprofile.job("work"):
        thread = threading.Thread(target=copy_context().run, args=[lambda: filled().close()])
        thread.start()
        thread.join()
    assert [count for _, _, parent, count in spans(recorded.trace) if parent == "work"] == [1] * 4


def test_a_connection_of_the_users_own_kind_stays_untimed(recorded):
    with inprofile.job("work"):
        sqlite3.connect(":memory:", factory=MyConnection).close()
    assert spans(recorded.trace) == [("db", "CONNECT", "work", 1)]


def test_a_connection_outlives_the_measurement(recorded):
    with inprofile.job("work"):
        db = filled()
    inprofile.uninstrument()
    assert db.execute("SELECT count(*) FROM t").fetchall() == [(3,)]
    db.close()


def test_nothing_keeps_a_connection_alive(recorded):
    with inprofile.job("work"):
        db = filled()
        cursor = db.execute("SELECT a FROM t")
        cursor.fetchone()
        gone = weakref.ref(db), weakref.ref(cursor)
        db.close()
        del db, cursor
        gc.collect()
        assert [each() for each in gone] == [None, None]


@pytest.mark.skipif(sys.version_info < (3, 12), reason="autocommit came with 3.12")
def test_a_connection_that_commits_by_itself_does_so():
    with record(), inprofile.job("work"):
        options: dict[str, Any] = {"autocommit": True}
        db: Any = sqlite3.connect(":memory:", **options)
        db.execute("CREATE TABLE t (a)")
        assert (db.autocommit, db.in_transaction) == (True, False)
        db.close()
