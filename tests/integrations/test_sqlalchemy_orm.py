"""SQLAlchemy's ORM: building objects is its time, and what they load is below it."""

import asyncio
import time

import pytest
from sqlalchemy import event, select, text
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session, selectinload

import inprofile
from inprofile.core.recorder import current
from tests.integrations.authors import ALL, AUTHORS, Author, measured, one_by_one, two_by_two
from tests.integrations.spans import names, spans


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
