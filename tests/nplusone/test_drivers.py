"""Every driver of a database without an ORM: one statement for each, and one for many."""

import importlib.util

import pytest

from tests.nplusone.drivers import (
    MYSQL,
    POSTGRESQL,
    SQLITE,
    Aiomysql,
    Mysqlclient,
    Psycopg,
    Sqlite,
    found,
)
from tests.nplusone.judging import marked, place


@pytest.fixture
def servers(request):
    driver = request.getfixturevalue("driver")
    if driver in POSTGRESQL:
        return {"postgresql": request.getfixturevalue("postgres_dsn")}
    if driver in SQLITE:
        return {}
    if driver is Mysqlclient and importlib.util.find_spec("MySQLdb") is None:
        pytest.skip("mysqlclient is not installed")
    server = request.getfixturevalue("mariadb")
    database = "db" if driver is Aiomysql else "database"
    return {
        "mysql": {
            "unix_socket": server.unix_socket,
            "user": server.user,
            database: server.database,
        }
    }


every_driver = pytest.mark.parametrize("driver", [*POSTGRESQL, *SQLITE, *MYSQL])


async def by_key(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = {}", n)


async def by_literal(db):
    for n in range(1, 5):  # L
        await db.ask(f"SELECT v FROM t WHERE id = {n}")


async def by_batches_of_one(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id IN ({})", n)


async def within_a_status(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = {} AND v IN ({}, {})", n, "v1", "v2")


async def at_an_offset(db):
    for n in range(1, 5):  # L
        await db.ask(f"SELECT v FROM t WHERE id > 0 ORDER BY id LIMIT 1 OFFSET {n}")


async def the_first_page_of_each(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = {} ORDER BY v LIMIT 2 OFFSET {}", n, 0)


async def what_is_new_for_each(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = {} AND v > {} ORDER BY v LIMIT 2", n, f"u{n}")


async def all_pages_of_each(db):
    for n in range(1, 5):
        for page in range(3):
            await db.ask(f"SELECT v FROM t WHERE id = {n} ORDER BY v LIMIT 2 OFFSET {page * 2}")


@every_driver
@pytest.mark.parametrize(
    "run",
    [
        by_key,
        by_literal,
        by_batches_of_one,
        within_a_status,
        at_an_offset,
        the_first_page_of_each,
        what_is_new_for_each,
    ],
)
def test_rows_one_by_one_are_found(driver, servers, run):
    (finding,) = found(driver, servers, run)
    assert (finding.kind, finding.count, finding.elements) == ("n_plus_one", 4, 4)
    assert place(finding.loop) in {marked(run)["L"], marked(run).get("L2")}
    assert place(finding.query) == marked(driver.ask)["Q"]
    assert finding.operation == "read"
    if run in {by_key, by_literal}:
        assert finding.fix == driver.one
    assert " 1" not in finding.statement
    assert " 2" not in finding.statement


async def inserted(db):
    for n in range(10, 14):  # L
        await db.ask("INSERT INTO t (id, v) VALUES ({}, {})", n, "same")


async def updated(db):
    for n in range(1, 5):  # L
        await db.ask("UPDATE t SET v = {} WHERE id = {}", "same", n)


async def deleted(db):
    for n in range(1, 5):  # L
        await db.ask("DELETE FROM t WHERE id = {}", n)


@every_driver
@pytest.mark.parametrize(
    ("run", "fix"), [(inserted, "executemany"), (updated, "executemany"), (deleted, "")]
)
def test_writes_one_by_one_are_found(driver, servers, run, fix):
    (finding,) = found(driver, servers, run)
    assert (finding.kind, finding.count, finding.operation) == ("n_plus_one", 4, "write")
    assert place(finding.loop) == marked(run)["L"]
    assert (fix or driver.one) in finding.fix


async def by_lists(db):
    for n in range(1, 9, 2):
        await db.ask("SELECT v FROM t WHERE id IN ({}, {})", n, n + 1)


async def by_lists_of_one_owner(db):
    for n in range(1, 9, 2):
        await db.ask("SELECT v FROM t WHERE v <> {} AND id IN ({}, {})", "x", n, n + 1)


async def by_pages(db):
    for n in range(4):
        await db.ask(f"SELECT v FROM t ORDER BY id LIMIT 2 OFFSET {n * 2}")


async def by_pages_with_parameters(db):
    for n in range(4):
        await db.ask("SELECT v FROM t ORDER BY id LIMIT {} OFFSET {}", 2, n * 2)


async def by_the_last_key(db):
    for n in (0, 2, 4, 6):
        await db.ask("SELECT v FROM t WHERE id > {} ORDER BY id LIMIT 2", n)


async def by_pages_of_one_owner(db):
    for n in range(4):
        await db.ask("SELECT v FROM t WHERE v = {} ORDER BY id LIMIT 2 OFFSET {}", "x", n * 2)


async def by_two_keys(db):
    for v, n in (("", 0), ("v2", 2), ("v4", 4), ("v6", 6)):
        await db.ask(
            "SELECT v, id FROM t WHERE v > {} OR (v = {} AND id > {}) ORDER BY v, id LIMIT 2",
            v,
            v,
            n,
        )


async def many_at_once(db):
    for n in (10, 20, 30):
        await db.many("INSERT INTO t (id, v) VALUES ({}, {})", [(n + m, "x") for m in range(3)])


async def rows_in_one_statement(db):
    for n in (10, 20, 30):
        await db.ask("INSERT INTO t (id, v) VALUES ({}, {}), ({}, {})", n, "x", n + 1, "y")


async def another_column(db):
    for column in ("id", "v", "id + 1", "upper(v)"):
        await db.ask(f"SELECT {column} FROM t WHERE id = {{}}", 1)


async def twice(db):
    for n in (1, 2):
        await db.ask("SELECT v FROM t WHERE id = {}", n)


async def on_lines_of_their_own(db):
    await db.ask("SELECT v FROM t WHERE id = {}", 1)
    await db.ask("SELECT v FROM t WHERE id = {}", 2)
    await db.ask("SELECT v FROM t WHERE id = {}", 3)


async def retried(db):
    for _ in range(3):
        await db.ask("SELECT v FROM t WHERE id = {}", 1)


async def transactions(db):
    for n in range(5):
        await db.ask(f"SAVEPOINT a{n}")
        await db.ask(f"RELEASE SAVEPOINT a{n}")


@every_driver
@pytest.mark.parametrize(
    "run",
    [
        by_lists,
        by_lists_of_one_owner,
        by_pages,
        by_pages_with_parameters,
        by_the_last_key,
        by_pages_of_one_owner,
        by_two_keys,
        all_pages_of_each,
        many_at_once,
        rows_in_one_statement,
        another_column,
        twice,
        on_lines_of_their_own,
        retried,
    ],
)
def test_what_is_asked_for_many_or_seldom_is_silent(driver, servers, run):
    assert found(driver, servers, run) == []


@pytest.mark.parametrize("driver", [Psycopg, Sqlite, *MYSQL])
def test_savepoints_are_silent(driver, servers):
    assert found(driver, servers, transactions) == []


async def by_arrays(db):
    for n in range(1, 9, 2):
        await db.ask("SELECT v FROM t WHERE id = ANY({})", [n, n + 1])


async def by_arrays_of_one(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = ANY({})", [n])


@pytest.mark.parametrize("driver", POSTGRESQL)
def test_arrays_of_several_are_silent_and_those_of_one_are_not(driver, servers):
    assert found(driver, servers, by_arrays) == []
    (finding,) = found(driver, servers, by_arrays_of_one)
    assert (finding.kind, finding.count) == ("n_plus_one", 4)
    assert place(finding.loop) == marked(by_arrays_of_one)["L"]


async def interleaved(db):
    for n in range(1, 5):  # L
        await db.ask("SELECT v FROM t WHERE id = {}", n)
        await db.ask("SELECT id FROM t WHERE v = {}", f"v{n}")


@every_driver
def test_two_statements_in_turns_are_two_findings(driver, servers):
    findings = found(driver, servers, interleaved)
    assert [(f.kind, f.count) for f in findings] == [("n_plus_one", 4)] * 2
    assert {place(f.loop) for f in findings} == {marked(interleaved)["L"]}


async def polled(db):
    for _ in range(6):  # L
        await db.ask("SELECT v FROM t WHERE id = {}", 1)


@every_driver
def test_the_same_again_and_again_is_repeated(driver, servers):
    (finding,) = found(driver, servers, polled)
    assert (finding.kind, finding.count) == ("repeated_query", 6)
    assert place(finding.loop) == marked(polled)["L"]
    assert finding.fix == "run it once, before the loop"


async def with_long_beginnings(db):
    for n in range(4):
        text = ", ".join(f"v AS c{m}" for m in range(1500)) + f", v AS d{n}"
        await db.ask(f"SELECT {text} FROM t WHERE id = {{}}", 1)


@pytest.mark.parametrize("driver", [*POSTGRESQL, *SQLITE])
def test_long_statements_are_never_taken_for_one_another(driver, servers):
    assert found(driver, servers, with_long_beginnings) == []
