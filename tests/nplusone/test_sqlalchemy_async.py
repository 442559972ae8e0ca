"""SQLAlchemy under asyncio: the lines are those of the coroutine, beyond the greenlet."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import asyncio

import pytest
from sqlalchemy import delete, insert, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import selectinload

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import marked, place
from tests.nplusone.shop import (
    TAGS,
    Customer,
    Order,
    Passport,
    Tag,
    clean,
    fill,
    judge,
    on_async_session,
)


async def awaited(session):
    for customer in (await session.scalars(select(Customer))).all():  # L W
        await customer.awaitable_attrs.orders  # Q


async def awaited_fixed(session):
    for customer in await session.scalars(select(Customer).options(selectinload(Customer.orders))):
        await customer.awaitable_attrs.orders


async def comprehended(session):
    customers = (await session.scalars(select(Customer))).all()  # W
    return [len(await customer.awaitable_attrs.orders) for customer in customers]  # L Q


async def first_order(customer):
    return (await customer.awaitable_attrs.orders)[0]  # Q


async def through_a_helper(session):
    customers = (await session.scalars(select(Customer))).all()
    for customer in customers:
        await first_order(customer)


async def refreshed(session):
    customers = (await session.scalars(select(Customer))).all()  # W
    for customer in customers:  # L
        await session.refresh(customer, ["orders"])  # Q


async def refreshed_with_names(session):
    customers = (await session.scalars(select(Customer))).all()  # W
    for customer in customers:  # L
        await session.refresh(customer, attribute_names=["orders"])  # Q


async def streamed(session):
    async for customer in await session.stream_scalars(select(Customer)):  # L
        await session.scalars(select(Order).where(Order.customer_id == customer.id))  # Q


async def got(session):
    for n in (1, 2, 3):  # L
        await session.get(Customer, n)  # Q


async def got_fixed(session):
    await session.scalars(select(Customer).where(Customer.id.in_([1, 2, 3])))


async def added(session):
    for n in (1, 2, 3):  # L
        session.add(Tag(name=str(n)))
        await session.commit()  # Q


async def after_commit(session):
    customers = (await session.scalars(select(Customer))).all()
    await session.commit()
    for customer in customers:  # L
        await customer.awaitable_attrs.name  # Q


async def deferred(session):
    for customer in (await session.scalars(select(Customer))).all():  # L W
        await customer.awaitable_attrs.bio  # Q


async def deleted_by_key(session):
    for n in (1, 2, 3):  # L
        await session.execute(delete(TAGS).where(Tag.id == n))  # Q


LOADED = "selectinload(Customer.orders)"


@pytest.mark.parametrize(
    ("run", "count", "relation", "fix"),
    [
        (awaited, 4, "Customer.orders", LOADED),
        (comprehended, 4, "Customer.orders", LOADED),
        (refreshed, 4, "Customer.orders", LOADED),
        (refreshed_with_names, 4, "Customer.orders", LOADED),
        (streamed, 4, "", "where(Order.customer_id.in_(ids))"),
        (got, 3, "", "where(Customer.id.in_(ids))"),
        (added, 3, "", "session.add_all(rows)"),
        (after_commit, 4, "Customer.name", "expire_on_commit=False"),
        (deferred, 4, "Customer.bio", "undefer(Customer.bio)"),
        (deleted_by_key, 3, "", "in_(ids)"),
    ],
)
def test_query_and_loop_are_lines_of_the_coroutine(run, count, relation, fix):
    judge(run, count=count, relation=relation, fix=fix, on=on_async_session)


def test_the_fixes_leave_nothing():
    clean(awaited_fixed, on=on_async_session)
    clean(got_fixed, on=on_async_session)
    clean(after_commit, on=on_async_session, expire_on_commit=False)


def test_a_coroutine_called_from_the_loop_is_the_query():
    findings, _ = on_async_session(through_a_helper)
    (finding,) = findings
    assert place(finding.query) == marked(first_order)["Q"]
    assert finding.loop is not None
    assert finding.loop.function == "through_a_helper"


def lazily(session):
    for passport in session.scalars(select(Passport)):  # L W
        passport.customer  # Q


async def in_run_sync(session):
    await session.run_sync(lazily)


def test_what_runs_in_the_greenlet_itself_has_its_own_lines():
    findings, _ = on_async_session(in_run_sync)
    (finding,) = findings
    marks = marked(lazily)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    assert place(finding.where) == marks["W"]


def test_batches_of_an_async_session_are_silent():
    async def run(session):
        for n in range(4):
            await session.execute(insert(Tag), [{"name": f"{n}"}, {"name": f"{n}!"}])
        load = selectinload(Customer.orders).selectinload(Order.items)
        (await session.scalars(select(Customer).options(load))).all()

    clean(run, on=on_async_session)


def test_sessions_that_overlap_are_one_finding_where_they_are_gathered(tmp_path):
    inprofile.instrument()
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop")

    async def one(n):
        async with AsyncSession(engine) as session:
            await session.scalars(select(Order).where(Order.customer_id == n))  # Q

    async def run():
        async with engine.begin() as connection:
            await connection.run_sync(fill)
        with record() as recording:
            await asyncio.gather(*[one(n) for n in (1, 2, 3)])  # L
        await engine.dispose()
        return recording.findings

    (finding,) = asyncio.run(run())
    marks = marked(test_sessions_that_overlap_are_one_finding_where_they_are_gathered)
    assert (finding.kind, finding.count) == ("n_plus_one", 3)
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks["L"]


def test_recordings_of_two_tasks_do_not_mix(tmp_path):
    inprofile.instrument()
    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/shop")

    async def one(run):
        async with AsyncSession(engine) as session:
            with record() as recording:
                await run(session)
            return [(f.relation, f.count) for f in recording.findings]

    async def both():
        async with engine.begin() as connection:
            await connection.run_sync(fill)
        found = await asyncio.gather(*[one(run) for run in (awaited, awaited_fixed) * 4])
        await engine.dispose()
        return found

    assert asyncio.run(both()) == [[("Customer.orders", 4)], []] * 4
