"""SQLAlchemy on real databases: what it does is the same, and each part of it is told apart."""

import asyncio
import contextlib
import pickle
import sqlite3
import threading
import time
from typing import Any

import pytest
from sqlalchemy import (
    ForeignKey,
    bindparam,
    create_engine,
    delete,
    event,
    func,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    joinedload,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

import inprofile
from inprofile.core.recorder import current
from inprofile.integrations._sql import mask
from inprofile.testing import record
from tests.integrations.spans import names, spans

AUTHORS = 6
VERBS = {"CONNECT", "COMMIT", "ROLLBACK"}


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


AUTHOR: Any = Author.__table__
ALL = select(Author).order_by(Author.id)
ALL_TEXT = "SELECT author.id, author.name FROM author ORDER BY author.id"
ROWS = select(AUTHOR).order_by(AUTHOR.c.id)


def address(request, backend, tmp_path):
    if backend == "postgresql":
        dsn = request.getfixturevalue("postgres_dsn")
        return dsn.replace("postgresql:", "postgresql+psycopg:")
    return "sqlite://" if backend == "memory" else f"sqlite:///{tmp_path / 'test.db'}"


@contextlib.contextmanager
def filled(engine):
    """Tables with rows in them, in an engine whose pool has a connection ready."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Author(name=f"author {n}", books=[Book(), Book()]) for n in range(1, AUTHORS + 1)
        )
        session.commit()
    try:
        yield
    finally:
        Base.metadata.drop_all(engine)


@pytest.fixture(params=["file", "memory", "postgresql"])
def engine(request, tmp_path):
    engine = create_engine(address(request, request.param, tmp_path))
    with filled(engine):
        yield engine
    engine.dispose()


@pytest.fixture(params=["file", "postgresql"])
def async_engine(request, tmp_path):
    """An asynchronous engine for one event loop; the tables are filled by another."""
    url = address(request, request.param, tmp_path)
    engine = create_engine(url)
    with filled(engine):
        yield create_async_engine(
            url.replace("sqlite:", "sqlite+aiosqlite:"), poolclass=AsyncAdaptedQueuePool
        )
    engine.dispose()


@pytest.fixture
def postgresql(request, tmp_path):
    engine = create_engine(address(request, "postgresql", tmp_path))
    with filled(engine):
        yield engine
    engine.dispose()


@contextlib.contextmanager
def heard(engine):
    """The text and parameters of everything that reaches a cursor."""
    seen = []

    def listen(_connection, _cursor, statement, parameters, _context, executemany):
        seen.append((statement, parameters, executemany))

    target = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    event.listen(target, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(target, "before_cursor_execute", listen)


def plain(rows):
    return [tuple(row) for row in rows]


def raised(call):
    """The types, messages and parameters of the error that a call ends with."""
    with pytest.raises(DBAPIError) as error:
        call()
    caught = error.value
    return type(caught), caught.args, type(caught.orig), caught.statement, caught.params


# What an app does with an engine, synchronously


def core(engine):
    with engine.connect() as connection:
        rows = connection.execute(ROWS)
        yield type(rows), rows.keys(), rows.fetchone(), rows.fetchmany(2), rows.fetchall()
        result = connection.execute(ROWS)
        yield result.first(), type(connection.execute(ROWS).first())
        yield [row.name for row in connection.execute(ROWS)]
        yield (
            connection.execute(ROWS).mappings().all(),
            connection.scalar(select(func.max(Author.id))),
        )
        yield connection.execute(text("SELECT name FROM author WHERE id = :id"), {"id": 2}).one()
        yield connection.exec_driver_sql("SELECT 'it''s', 5 /* kept */").one()
        yield pickle.loads(pickle.dumps(connection.execute(ROWS).fetchall()))


def writing(engine):
    with engine.begin() as connection:
        one = connection.execute(insert(AUTHOR).values(name="one"))
        yield one.rowcount, type(one.inserted_primary_key), one.returns_rows
        many = connection.execute(insert(AUTHOR), [{"name": f"many {n}"} for n in range(5)])
        yield many.rowcount
        back = connection.execute(
            insert(AUTHOR).returning(AUTHOR.c.name), [{"name": f"back {n}"} for n in range(3)]
        )
        yield sorted(plain(back))
        changed = update(AUTHOR).where(AUTHOR.c.name == bindparam("old")).values(name="new")
        yield connection.execute(changed, {"old": "one"}).rowcount
        with connection.begin_nested() as savepoint:
            connection.execute(delete(AUTHOR).where(AUTHOR.c.name == "new"))
            savepoint.rollback()
        yield connection.execute(delete(AUTHOR).where(AUTHOR.c.id > AUTHORS)).rowcount
    with engine.connect() as connection:
        connection.execute(insert(AUTHOR).values(name="dropped"))
        connection.rollback()
        yield connection.scalar(select(func.count()).select_from(AUTHOR))


def orm(engine):
    with Session(engine) as session:
        authors = session.scalars(ALL).all()
        yield [type(author) for author in authors], [len(author.books) for author in authors]
        yield session.get(Author, 3) is authors[2], session.get(Author, -1)
        session.expunge_all()
        several = session.scalars(ALL.options(selectinload(Author.books))).all()
        yield [[book.id for book in author.books] for author in several]
        session.expunge_all()
        joined = session.scalars(ALL.options(joinedload(Author.books))).unique().all()
        yield len(joined), [author.name for author in session.scalars(ALL)]
        pages = session.scalars(ALL.execution_options(yield_per=4)).partitions()
        yield [[author.id for author in page] for page in pages]
        yield plain(
            session.execute(
                select(Author.name, func.count(Book.id))
                .join(Author.books)
                .group_by(Author.id, Author.name)
                .order_by(Author.id)
            )
        )
        yield [
            author.id for author in session.query(Author).filter(Author.id > 3).order_by(Author.id)
        ]
        frozen = session.execute(ALL).freeze()
        yield [author.id for author in frozen().scalars()], len(frozen().all())
        author = Author(name="added", books=[Book()])
        session.add(author)
        session.flush()
        author.name = "changed"
        session.delete(author.books[0])
        session.flush()
        session.rollback()
        yield session.scalar(select(func.count(Author.id)))


def failing(engine):
    with engine.connect() as connection:
        yield raised(lambda: connection.execute(insert(AUTHOR).values(id=1, name="again")))
        connection.rollback()
        yield raised(lambda: connection.execute(text("SELECT no_such FROM author")))
        connection.rollback()
        twice = [{"id": 90, "name": "a"}, {"id": 1, "name": "again"}]
        yield raised(lambda: connection.execute(insert(AUTHOR), twice))
        connection.rollback()
    with Session(engine) as session:
        session.add(Author(id=1, name="again"))
        yield raised(session.flush)


CONVERSATIONS = [core, writing, orm, failing]


def talk(conversation, engine):
    """What a conversation results in, and the statements that reached the database for it.

    New rows have new keys in PostgreSQL, so parameters are left out.
    """
    with heard(engine) as statements:
        results = list(map(repr, conversation(engine)))
    return results, [(statement, executemany) for statement, _, executemany in statements]


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_results_and_statements_are_the_same_with_and_without_us(engine, conversation):
    inprofile.uninstrument()
    without = talk(conversation, engine)
    with record() as recorded, inprofile.job("work"):
        within = talk(conversation, engine)
    assert within == without
    assert recorded.trace.stages["db"] > 0


async def async_conversation(engine):
    async with engine.connect() as connection:
        yield (await connection.execute(ROWS)).fetchall()
        yield [tuple(row) async for row in await connection.stream(ROWS)]
        yield [page async for page in (await connection.stream(ROWS)).partitions(4)]
        yield await (await connection.stream_scalars(ROWS)).all()
        yield await connection.run_sync(lambda same: same.scalar(select(func.count(Author.id))))
    async with engine.begin() as connection:
        many = await connection.execute(insert(AUTHOR), [{"name": f"many {n}"} for n in range(5)])
        yield many.rowcount
        changed = await connection.execute(delete(AUTHOR).where(AUTHOR.c.id > AUTHORS))
        yield changed.rowcount
    async with AsyncSession(engine) as session:
        authors = (await session.scalars(ALL.options(selectinload(Author.books)))).all()
        yield [(author.name, len(author.books)) for author in authors]
        yield (await session.get(Author, 1)) is authors[0]
        streamed = await session.stream_scalars(ALL.execution_options(yield_per=2))
        yield [author.id async for author in streamed]
    async with engine.connect() as connection:
        with pytest.raises(IntegrityError) as error:
            await connection.execute(insert(AUTHOR).values(id=1, name="again"))
        yield error.value.args, type(error.value.orig)


def async_talk(engine):
    async def conversation():
        results = [repr(result) async for result in async_conversation(engine)]
        await engine.dispose()
        return results

    with heard(engine) as statements:
        results = asyncio.run(conversation())
    return results, [(statement, executemany) for statement, _, executemany in statements]


def test_asynchronous_results_and_statements_are_the_same_with_and_without_us(async_engine):
    inprofile.uninstrument()
    without = async_talk(async_engine)
    with record() as recorded, inprofile.job("work"):
        within = async_talk(async_engine)
    assert within == without
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_a_statement_is_counted_once_between_orm_core_and_driver(engine, conversation, recorded):
    with heard(engine) as statements, inprofile.job("work"):
        list(conversation(engine))
    counted = [
        name
        for _, name, _, count in spans(recorded.trace, "db")
        for _ in range(count)
        if name not in VERBS
    ]
    assert counted == [mask(statement) for statement, _, _ in statements]


def measured(async_engine, work):
    """The statements of ``work``, which is measured on a connection that is open already."""

    async def run():
        async with async_engine.connect():
            pass
        with heard(async_engine) as statements, inprofile.job("work"):
            await work(async_engine)
        await async_engine.dispose()
        return [statement for statement, _, _ in statements]

    return asyncio.run(run())


def test_an_asynchronous_statement_is_counted_once(async_engine, recorded):
    async def work(engine):
        assert len([result async for result in async_conversation(engine)]) == 11

    statements = measured(async_engine, work)
    counted = [name for _, name, _, count in spans(recorded.trace, "db") if count]
    assert [name for name in counted if name not in VERBS] == list(map(mask, statements))


# Reading


def one_by_one(result):
    return list(iter(result.fetchone, None))


def two_by_two(result):
    return [row for rows in iter(lambda: result.fetchmany(2), []) for row in rows]


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
    statement = by_name["SELECT i, md5(i::text) FROM generate_series(?) AS i"]
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
        "SAVEPOINT sa_savepoint_1",
        mask(str(delete(Book).where(Book.id == 1).compile(engine))),
        "RELEASE SAVEPOINT sa_savepoint_1",
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


# The pool


def test_the_first_checkout_holds_the_connecting(tmp_path, recorded):
    engine = create_engine(f"sqlite:///{tmp_path / 'new.db'}")
    with inprofile.job("work"), engine.connect():
        pass
    engine.dispose()
    assert spans(recorded.trace)[:2] == [
        ("db_pool_wait", "checkout", "work", 1),
        ("db", "CONNECT", "checkout", 1),
    ]


def test_a_thread_that_waits_for_a_connection_says_how_long(tmp_path, recorded):
    engine: Any = create_engine(
        f"sqlite:///{tmp_path / 'one.db'}", poolclass=QueuePool, pool_size=1, max_overflow=0
    )
    holding, held_ns = threading.Event(), []

    def hold():
        with engine.connect():
            holding.set()
            while not engine.pool._pool.not_empty._waiters:
                time.sleep(0.001)
            start_ns = time.perf_counter_ns()
            time.sleep(0.03)
            held_ns.append(time.perf_counter_ns() - start_ns)

    holder = threading.Thread(target=hold)
    holder.start()
    holding.wait()
    with inprofile.job("work"), engine.connect():
        pass
    holder.join()
    engine.dispose()
    trace = recorded.trace
    assert held_ns[0] <= trace.stages["db_pool_wait"] <= trace.wall_ns


def test_a_task_that_waits_for_a_connection_says_how_long(tmp_path, recorded):
    engine = create_async_engine(
        f"sqlite+aiosqlite:///{tmp_path / 'one.db'}",
        poolclass=AsyncAdaptedQueuePool,
        pool_size=1,
        max_overflow=0,
    )
    holding, asking, held_ns = asyncio.Event(), asyncio.Event(), []

    async def hold():
        async with engine.connect():
            holding.set()
            await asking.wait()
            start_ns = time.perf_counter_ns()
            await asyncio.sleep(0.03)
            held_ns.append(time.perf_counter_ns() - start_ns)

    async def wait():
        await holding.wait()
        with inprofile.job("waiting"):
            asking.set()
            async with engine.connect():
                pass

    async def both():
        await asyncio.gather(hold(), wait())
        await engine.dispose()

    asyncio.run(both())
    trace = recorded.trace
    assert held_ns[0] <= trace.stages["db_pool_wait"] <= trace.wall_ns


def test_a_pool_that_gives_up_says_so(tmp_path, recorded):
    engine = create_engine(
        f"sqlite:///{tmp_path / 'one.db'}",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        pool_timeout=0.01,
    )
    with engine.connect(), inprofile.job("work"), pytest.raises(PoolTimeout, match="reached"):
        engine.connect()
    engine.dispose()
    seen = [(span.kind, span.error) for span in recorded.trace.spans if span.parent]
    assert seen == [("db_pool_wait", "TimeoutError")]


# The ORM


@pytest.fixture
def built_in():
    """The spans in which Authors are built, each of which takes 2 ms."""
    seen = []

    def loaded(_author, _context):
        seen.append(current.get())
        time.sleep(0.002)

    event.listen(Author, "load", loaded)
    yield seen
    event.remove(Author, "load", loaded)


BUILDINGS = {
    "all": lambda session: session.scalars(ALL).all(),
    "iteration": lambda session: list(session.scalars(ALL)),
    "fetchone": lambda session: one_by_one(session.execute(ALL)),
    "fetchmany": lambda session: two_by_two(session.execute(ALL)),
    "partitions": lambda session: list(session.scalars(ALL).partitions(4)),
    "yield_per": lambda session: list(session.scalars(ALL.execution_options(yield_per=2))),
    "pages": lambda session: list(session.scalars(ALL.execution_options(yield_per=2)).partitions()),
    "query": lambda session: session.query(Author).all(),
    "get": lambda session: [session.get(Author, n) for n in range(1, AUTHORS + 1)],
}


@pytest.mark.parametrize("building", BUILDINGS)
def test_building_objects_is_the_orms_time(engine, building, built_in, recorded):
    with Session(engine) as session, inprofile.job("work"):
        assert BUILDINGS[building](session)
    trace = recorded.trace
    assert [(span.kind, span.name) for span in built_in] == [("orm", "objects")] * AUTHORS
    assert trace.stages["orm"] > AUTHORS * 2_000_000
    assert {(kind, name) for kind, name, _, _ in spans(trace, "orm")} == {
        ("orm", "result"),
        ("orm", "objects"),
    }
    assert sum(trace.stages.values()) == trace.wall_ns


async def scalars(session):
    return (await session.scalars(ALL)).all()


async def stream_scalars(session):
    streamed = await session.stream_scalars(ALL.execution_options(yield_per=2))
    return [author async for author in streamed]


@pytest.mark.parametrize("building", [scalars, stream_scalars])
def test_building_objects_asynchronously_is_the_orms_time(
    async_engine, building, built_in, recorded
):
    async def work(engine):
        async with AsyncSession(engine) as session:
            assert len(await building(session)) == AUTHORS

    measured(async_engine, work)
    trace = recorded.trace
    assert [(span.kind, span.name) for span in built_in] == [("orm", "objects")] * AUTHORS
    assert trace.stages["orm"] > AUTHORS * 2_000_000
    assert sum(trace.stages.values()) == trace.wall_ns


def test_loading_related_objects_is_part_of_building_them(engine, recorded):
    with inprofile.job("work"), Session(engine) as session:
        assert len(session.scalars(ALL.options(selectinload(Author.books))).all()) == AUTHORS
    related = [span for span in spans(recorded.trace, "db") if "FROM book" in span[1]]
    assert [(parent, count) for _, _, parent, count in related] == [("objects", 1)]
    assert [count for _, name, _, count in spans(recorded.trace, "orm") if name == "objects"] == [1]


def test_lazy_loads_are_each_a_statement_of_the_same_name(engine, recorded):
    with inprofile.job("work"), Session(engine) as session:
        assert sum(len(author.books) for author in session.scalars(ALL)) == 2 * AUTHORS
    seen = [span for span in spans(recorded.trace, "db") if "FROM book" in span[1]]
    assert len(seen) == AUTHORS
    assert len(set(seen)) == 1


def test_a_stream_of_thousands_of_objects_does_not_fill_the_trace(async_engine, recorded):
    thousands = ALL.from_statement(
        text(
            "WITH RECURSIVE n (id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n WHERE id < 3000)"
            " SELECT id, 'x' AS name FROM n"
        )
    )

    async def work(engine):
        async with AsyncSession(engine) as session:
            streamed = await session.stream_scalars(thousands)
            assert len([author.id async for author in streamed]) == 3000

    measured(async_engine, work)
    trace = recorded.trace
    assert (trace.dropped, len(trace.spans) < 20) == (0, True)


def test_sessions_at_once_keep_apart(async_engine, recorded):
    async def one(engine, number):
        with inprofile.job(f"session {number}"):
            async with AsyncSession(engine) as session:
                statement = select(Author.id).where(Author.id == number).limit(1)
                return await session.scalar(statement)

    async def work(engine):
        numbers = range(1, AUTHORS + 1)
        assert await asyncio.gather(*(one(engine, number) for number in numbers)) == [*numbers]

    measured(async_engine, work)
    *sessions, outside = recorded.traces
    assert spans(outside) == []
    assert sorted(trace.root.name for trace in sessions) == [
        f"session {n}" for n in range(1, AUTHORS + 1)
    ]
    for trace in sessions:
        seen = spans(trace, "db_pool_wait", "db")
        assert {parent for _, _, parent, _ in seen} <= {trace.root.name, "checkout"}
        assert [name for _, name, _, _ in seen if "FROM author" in name] == [
            seen_name for seen_name in names(trace, "db") if "SELECT author.id" in seen_name
        ]
        assert sum(trace.stages.values()) == trace.wall_ns


def test_a_driver_that_the_user_opens_is_counted_once(recorded):
    engine = create_engine("sqlite://", creator=lambda: sqlite3.connect(":memory:"))
    with engine.connect():
        pass
    with inprofile.job("work"), engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
        assert connection.execute(text("SELECT a FROM t")).all() == []
    engine.dispose()
    seen = [name for _, name, _, _ in spans(recorded.trace) if name != "ROLLBACK"]
    assert seen == ["checkout", "CREATE TABLE t (a)", "SELECT a FROM t", "COMMIT"]
