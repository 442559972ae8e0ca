"""SQLAlchemy's statements: read in any way, or written, each is one span with all of its time."""

import contextlib

import pytest
from sqlalchemy import delete, insert, text
from sqlalchemy.exc import IntegrityError

import inprofile
from inprofile.integrations._sql_mask import mask
from tests.integrations.authors import (
    AUTHOR,
    AUTHORS,
    ROWS,
    Book,
    measured,
    one_by_one,
    plain,
    two_by_two,
)
from tests.integrations.spans import names, spans

# Reading

ALL_TEXT = "SELECT author.id, author.name FROM author ORDER BY author.id"

READINGS = {
    "all": lambda connection: connection.execute(ROWS).all(),
    "fetchall": lambda connection: connection.execute(ROWS).fetchall(),
    "iteration": lambda connection: list(connection.execute(ROWS)),
    "fetchone": lambda connection: one_by_one(connection.execute(ROWS)),
    "fetchmany": lambda connection: two_by_two(connection.execute(ROWS)),
    "partitions": lambda connection: [
        row for page in connection.execute(ROWS).partitions(4) for row in page
    ],
    "yield_per": lambda connection: list(connection.execute(ROWS).yield_per(4)),
    "streamed": lambda connection: list(streaming(connection)),
    "streamed fetchone": lambda connection: one_by_one(streaming(connection)),
    "streamed fetchmany": lambda connection: two_by_two(streaming(connection)),
    "streamed all": lambda connection: streaming(connection).all(),
    "mappings": lambda connection: [
        tuple(row.values()) for row in connection.execute(ROWS).mappings()
    ],
}


def streaming(connection):
    return connection.execution_options(stream_results=True, max_row_buffer=2).execute(ROWS)


@pytest.mark.parametrize("reading", READINGS)
def test_reading_rows_in_any_way_is_one_statement(engine, reading, recorded):
    with inprofile.job("work"), engine.connect() as connection:
        rows = READINGS[reading](connection)
    assert plain(rows) == [(n, f"author {n}") for n in range(1, AUTHORS + 1)]
    assert spans(recorded.trace) == [
        ("db_pool_wait", "checkout", "work", 1),
        ("db", ALL_TEXT, "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]


async def streamed(connection):
    return [row async for row in await connection.stream(ROWS)]


async def streamed_in_pages(connection):
    pages = (await connection.stream(ROWS)).partitions(4)
    return [row async for page in pages for row in page]


async def streamed_all(connection):
    return await (await connection.stream(ROWS)).all()


async def executed(connection):
    return (await connection.execute(ROWS)).all()


@pytest.mark.parametrize("reading", [streamed, streamed_in_pages, streamed_all, executed])
def test_reading_rows_asynchronously_is_one_statement(async_engine, reading, recorded):
    async def work(engine):
        async with engine.connect() as connection:
            assert len(await reading(connection)) == AUTHORS

    measured(async_engine, work)
    assert spans(recorded.trace) == [
        ("db_pool_wait", "checkout", "work", 1),
        ("db", ALL_TEXT, "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]


def test_the_time_of_a_streamed_fetch_goes_to_the_statement(postgresql, recorded):
    """A server-side cursor computes its rows when they are fetched, the first one too."""
    slow = text("SELECT i, pg_sleep(0.01) FROM generate_series(1, 6) AS i")
    with inprofile.job("work"), postgresql.connect() as connection:
        rows = connection.execution_options(stream_results=True, max_row_buffer=1).execute(slow)
        assert [row.i for row in rows] == [1, 2, 3, 4, 5, 6]
    trace = recorded.trace
    (statement,) = [span for span in trace.spans if "pg_sleep" in str(span.name)]
    assert (statement.count, statement.self_ns > 60_000_000) == (1, True)


def test_the_first_row_of_a_stream_is_fetched_by_its_statement(postgresql, recorded):
    """Sorting is done when the first row is asked for, and before the app asks for any."""
    slow = text("SELECT pg_sleep(0.05)")
    with inprofile.job("work"), postgresql.connect() as connection:
        connection.execution_options(stream_results=True).execute(slow).close()
    (statement,) = [span for span in recorded.trace.spans if "pg_sleep" in str(span.name)]
    assert statement.self_ns > 50_000_000


def test_the_time_to_fetch_a_big_result_goes_to_the_statement(postgresql, recorded):
    big = text("SELECT i, md5(i::text) FROM generate_series(1, 50000) AS i")
    with inprofile.job("work"), postgresql.connect() as connection:
        result = connection.execute(big)
        with inprofile.span("fetching", kind="other"):
            rows = result.cursor_strategy.fetchall(result, result.cursor)
    assert len(rows) == 50_000
    by_name = {str(span.name): span for span in recorded.trace.spans}
    statement = by_name["SELECT i, md5(i::text) FROM generate_series(?, ?) AS i"]
    fetching = by_name["fetching"]
    length_ns = fetching.end_ns - fetching.start_ns
    assert (statement.count, fetching.self_ns < length_ns / 2) == (1, True)
    assert statement.self_ns - (statement.end_ns - statement.start_ns) > length_ns / 2


def test_two_results_read_in_turns_keep_their_time_apart(postgresql, recorded):
    quick = text("SELECT i FROM generate_series(1, 3) AS i")
    slow = text("SELECT i, pg_sleep(0.01) FROM generate_series(1, 3) AS i")
    with inprofile.job("work"), postgresql.connect() as connection:
        options = {"stream_results": True, "max_row_buffer": 1}
        results = [connection.execution_options(**options).execute(each) for each in (quick, slow)]
        assert [[result.fetchone().i for result in results] for _ in range(3)] == [
            [1, 1],
            [2, 2],
            [3, 3],
        ]
        for result in results:
            result.close()
    spent = {"quick": 0, "slow": 0}
    counts = spent.copy()
    for span in recorded.trace.spans:
        if "generate_series" in str(span.name):
            which = "slow" if "pg_sleep" in span.name else "quick"
            spent[which] += span.self_ns
            counts[which] += span.count
    assert counts == {"quick": 1, "slow": 1}
    assert spent["slow"] > 30_000_000


# Writing


def test_a_transaction_is_a_checkout_statements_and_a_commit(engine, recorded):
    with inprofile.job("work"), engine.begin() as connection:
        connection.execute(text("UPDATE author SET name = 'secret' WHERE id = 5"))
        with connection.begin_nested():
            connection.execute(delete(Book).where(Book.id == 1))
    assert [name for name in names(recorded.trace) if name != "ROLLBACK"] == [
        "checkout",
        "UPDATE author SET name = ? WHERE id = ?",
        "SAVEPOINT ?",
        mask(str(delete(Book).where(Book.id == 1).compile(engine))),
        "RELEASE SAVEPOINT ?",
        "COMMIT",
    ]


def test_a_transaction_that_fails_is_rolled_back(engine, recorded):
    with inprofile.job("work"), contextlib.suppress(KeyError), engine.begin() as connection:
        connection.execute(text("DELETE FROM book"))
        raise KeyError
    assert set(names(recorded.trace)) == {"checkout", "DELETE FROM book", "ROLLBACK"}


@pytest.mark.parametrize("many", [2, 50])
def test_many_rows_are_one_statement_of_one_shape(engine, many, recorded):
    rows = [{"name": f"secret {n:02}"} for n in range(many)]
    returning = insert(AUTHOR).returning(AUTHOR.c.id)
    with inprofile.job("work"), engine.begin() as connection:
        connection.execute(insert(AUTHOR), rows)
        assert len(connection.execute(returning, rows).all()) == many
        connection.execute(text("INSERT INTO author (name) VALUES (:name)"), rows)
    seen = [span for span in spans(recorded.trace, "db") if "INSERT" in span[1]]
    column = "author.id" if engine.name == "postgresql" else "id"
    assert seen == [
        ("db", "INSERT INTO author (name) VALUES (?)", "work", 1),
        ("db", f"INSERT INTO author (name) VALUES (?) RETURNING {column}", "work", 1),
        ("db", "INSERT INTO author (name) VALUES (?)", "work", 1),
    ]


def test_a_statement_that_fails_says_with_what_the_driver_did(engine, recorded):
    with engine.connect() as connection, inprofile.job("work"):
        with pytest.raises(IntegrityError) as error:
            connection.execute(insert(AUTHOR).values(id=1, name="again"))
        connection.rollback()
    errors = {str(span.name): span.error for span in recorded.trace.spans if span.error}
    assert errors == {"INSERT INTO author (id, name) VALUES (?)": type(error.value.orig).__name__}
