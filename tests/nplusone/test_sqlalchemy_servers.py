"""SQLAlchemy on real servers, through each of their drivers, sync and async."""

import asyncio
from urllib.parse import quote

import pytest
from sqlalchemy import String, create_engine, insert, select, text
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, joinedload, selectinload

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import marked, place
from tests.nplusone.shop import Base, Customer, Order, Passport, Tag, fill, wire


@pytest.fixture(params=["psycopg", "psycopg2", "pymysql"])
def engine(request):
    inprofile.instrument()
    if request.param == "pymysql":
        server = request.getfixturevalue("mariadb")
        socket = quote(server.unix_socket, safe="")
        url = f"mysql+pymysql://{server.user}@/{server.database}?unix_socket={socket}"
        for table in Base.metadata.tables.values():
            for column in table.c:
                if isinstance(column.type, String):
                    column.type = String(50)  # MySQL has no text without a limit
    else:
        url = request.getfixturevalue("postgres_dsn").replace(
            "postgresql:", f"postgresql+{request.param}:"
        )
    engine = create_engine(url)
    with engine.begin() as connection:
        Base.metadata.drop_all(connection)
        fill(connection)
    yield engine
    engine.dispose()


def found(engine, run):
    with Session(engine) as session, record() as recording:
        run(session)
        session.rollback()
    return recording.findings


def relation(session):
    for passport in session.scalars(select(Passport)):  # L
        passport.customer  # noqa: B018  # Q


def statement(session):
    for n in (1, 2, 3):  # L
        session.scalars(select(Order).where(Order.customer_id == n)).all()  # Q


def in_text(session):
    for n in (1, 2, 3):  # L
        session.execute(text("SELECT name FROM customer WHERE id = :id"), {"id": n})  # Q


def row_by_row(session):
    for n in range(3):  # L
        session.scalars(select(Order).order_by(Order.id).limit(1).offset(n)).all()  # Q


def added(session):
    for n in (1, 2, 3):  # L
        session.add(Tag(name=f"{n}"))
        session.flush()  # Q


@pytest.mark.parametrize("run", [relation, statement, in_text, row_by_row, added])
def test_one_by_one_is_found_on_every_server(run, engine):
    (finding,) = found(engine, run)
    marks = marked(run)
    assert finding.kind == "n_plus_one"
    assert finding.count == (4 if run is relation else 3)
    assert place(finding.loop) == marks["L"]
    if run is not relation:
        assert place(finding.query) == marks["Q"]
    else:
        assert finding.relation == "Passport.customer"


def eagerly(session):
    load = selectinload(Customer.orders).selectinload(Order.items)
    session.scalars(select(Customer).options(load)).all()


def in_pages(session):
    for n in range(4):
        session.scalars(select(Order).order_by(Order.id).limit(2).offset(n * 2)).all()


def all_at_once(session):
    session.add_all([Tag(name=f"{n}") for n in range(20)])
    session.flush()
    session.execute(insert(Tag), [{"name": f"{n}"} for n in range(20)])


def streamed(session):
    for _ in session.scalars(select(Order).execution_options(yield_per=1)):
        pass


def savepoints(session):
    for _ in range(6):
        with session.begin_nested():
            pass


@pytest.mark.parametrize("run", [eagerly, in_pages, all_at_once, streamed, savepoints])
def test_at_once_is_silent_on_every_server(run, engine):
    assert found(engine, run) == []


@pytest.mark.parametrize("driver", ["asyncpg", "psycopg"])
def test_lines_are_the_coroutines_on_asyncpg_and_psycopg(driver, postgres_dsn):
    inprofile.instrument()

    async def run(session):
        for passport in (await session.scalars(select(Passport))).all():  # L W
            await passport.awaitable_attrs.customer  # Q

    async def work():
        url = postgres_dsn.replace("postgresql:", f"postgresql+{driver}:")
        engine = create_async_engine(url)
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.drop_all)
            await connection.run_sync(fill)
        async with AsyncSession(engine) as session:
            with record() as recording:
                await run(session)
        await engine.dispose()
        return recording.findings

    (finding,) = asyncio.run(work())
    marks = marked(test_lines_are_the_coroutines_on_asyncpg_and_psycopg)
    assert (finding.relation, finding.count) == ("Passport.customer", 4)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    assert place(finding.where) == marks["W"]


def loaded(session):
    for passport in session.scalars(select(Passport)):  # L W
        str(passport.customer)  # Q


def loaded_at_once(session):
    for passport in session.scalars(select(Passport).options(joinedload(Passport.customer))):
        str(passport.customer)


def test_the_advice_takes_less_on_every_server(engine):
    counts = []
    for run in (loaded, loaded_at_once):
        with wire(engine) as plain, Session(engine) as session:
            run(session)
        with wire(engine) as sent:
            findings = found(engine, run)
        assert len(sent) == len(plain)
        counts.append((len(findings), len(sent)))
        if run is loaded:
            marks = marked(loaded)
            (finding,) = findings
            assert (finding.relation, finding.count) == ("Passport.customer", 4)
            assert finding.fix == "joinedload(Passport.customer)"
            places = place(finding.loop), place(finding.query), place(finding.where)
            assert places == (marks["L"], marks["Q"], marks["W"])
    assert counts == [(1, 5), (0, 1)]
