"""SQLAlchemy on real databases: the same with and without us, counted once, waits and all."""

import asyncio
import pickle
import sqlite3
import threading
import time
from typing import Any

import pytest
from sqlalchemy import bindparam, create_engine, delete, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, joinedload, selectinload
from sqlalchemy.pool import AsyncAdaptedQueuePool, QueuePool

import inprofile
from inprofile.integrations._sql_mask import mask
from inprofile.testing import record
from tests.integrations.authors import (
    ALL,
    AUTHOR,
    AUTHORS,
    ROWS,
    Author,
    Book,
    heard,
    measured,
    plain,
)
from tests.integrations.spans import spans

VERBS = {"CONNECT", "COMMIT", "ROLLBACK"}


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


def test_an_asynchronous_statement_is_counted_once(async_engine, recorded):
    async def work(engine):
        assert len([result async for result in async_conversation(engine)]) == 11

    statements = measured(async_engine, work)
    counted = [name for _, name, _, count in spans(recorded.trace, "db") if count]
    assert [name for name in counted if name not in VERBS] == list(map(mask, statements))


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


ONE_CONNECTION: dict[str, Any] = {"pool_size": 1, "max_overflow": 0}


def test_a_thread_that_waits_for_a_connection_says_how_long(tmp_path, recorded):
    engine: Any = create_engine(
        f"sqlite:///{tmp_path / 'one.db'}", poolclass=QueuePool, **ONE_CONNECTION
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
        **ONE_CONNECTION,
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
        pool_timeout=0.01,
        **ONE_CONNECTION,
    )
    with engine.connect(), inprofile.job("work"), pytest.raises(PoolTimeout, match="reached"):
        engine.connect()
    engine.dispose()
    seen = [(span.kind, span.error) for span in recorded.trace.spans if span.parent]
    assert seen == [("db_pool_wait", "TimeoutError")]
