"""SQLAlchemy: what is loaded with its objects and never read, for recordings that ask."""
# ruff: noqa: B018 - reading an attribute is what counts

import asyncio
import copy
import pickle

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import (
    Session,
    contains_eager,
    defaultload,
    immediateload,
    joinedload,
    lazyload,
    raiseload,
    selectinload,
    subqueryload,
)
from sqlalchemy.orm.attributes import InstrumentedAttribute
from sqlalchemy.pool import StaticPool

from inprofile.testing import record
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.shop import Customer, Gift, Item, Order, Passport, fill, shop, wire


def unused(run, *, is_ordered=True):
    """What is found in a call that is asked for its unused loads; it asks for the same as ever.

    A flush that is not ``is_ordered`` writes rows in the order of their addresses.
    """
    with shop() as engine, wire(engine) as plain, Session(engine) as session:
        run(session)
    with (
        shop() as engine,
        wire(engine) as statements,
        Session(engine) as session,
        record(unused=True) as recording,
    ):
        run(session)
    if is_ordered:
        assert statements == plain
    assert [text for text, _ in statements] == [text for text, _ in plain]
    return recording.findings


def says(run, *expected):
    """The findings, as (relation, count, fix), are those of the line marked Q."""
    found = unused(run)
    assert [(one.relation, one.count) for one in found] == [each[:2] for each in expected]
    for finding, (_, _, fix) in zip(found, expected, strict=True):
        assert finding.kind == "unused_eager_load"
        assert (finding.severity, finding.operation) == ("low", "read")
        assert finding.loop is None
        assert place(finding.query) == marked(run)["Q"]
        assert same_code(finding.fix, fix), finding.fix
        assert same_code(fix, finding.fix), finding.fix
        assert finding.statement.startswith("SELECT")
    return found


@pytest.mark.parametrize("option", [joinedload, selectinload, subqueryload])
def test_one_that_nobody_reads(option):
    def one(session):
        for order in session.scalars(select(Order).options(option(Order.customer))):  # Q
            order.id

    def read(session):
        for order in session.scalars(select(Order).options(option(Order.customer))):
            order.customer

    says(one, ("Order.customer", 8, f"remove {option.__name__}(Order.customer)"))
    assert unused(read) == []


@pytest.mark.parametrize("option", [joinedload, selectinload, subqueryload])
def test_many_that_nobody_reads(option):
    def many(session):
        found = session.scalars(select(Order).options(option(Order.tags)))
        for order in found.unique():  # Q
            order.id

    def read(session):
        for order in session.scalars(select(Order).options(option(Order.tags))).unique():
            order.tags

    assert [one.fix for one in unused(many)] == [f"remove {option.__name__}(Order.tags)"]
    assert unused(read) == []


def test_one_of_two():
    def run(session):
        orders = select(Order).options(joinedload(Order.customer), selectinload(Order.tags))
        for order in session.scalars(orders):  # Q
            order.tags

    says(run, ("Order.customer", 8, "remove joinedload(Order.customer)"))


def test_nobody_asks_unless_told_to():
    with shop() as engine, Session(engine) as session, record() as recording:
        session.scalars(select(Order).options(joinedload(Order.customer))).all()
    assert recording.findings == []


def test_nothing_is_left_behind():
    before = InstrumentedAttribute.__get__
    with record(unused=True):
        assert InstrumentedAttribute.__get__ is not before
    assert InstrumentedAttribute.__get__ is before


def test_the_inner_one_of_a_path():
    def run(session):
        items = selectinload(Order.items).joinedload(Item.product)
        for order in session.scalars(select(Order).options(items)):  # Q
            order.items

    fix = "remove selectinload(Order.items).joinedload(Item.product)"
    says(run, ("Item.product", 16, f"{fix} and keep selectinload(Order.items)"))


def test_all_of_a_path_is_one_finding():
    def run(session):
        items = selectinload(Order.items).joinedload(Item.product)
        for order in session.scalars(select(Order).options(items)):  # Q
            order.id

    fix = "remove selectinload(Order.items).joinedload(Item.product)"
    says(run, ("Order.items", 8, fix))


def test_what_is_on_the_way_and_loads_nothing():
    def run(session):
        way = defaultload(Customer.orders).selectinload(Order.tags)
        for customer in session.scalars(select(Customer).options(way)):
            for order in customer.orders:
                order.tags
        session.expunge_all()
        kept = selectinload(Customer.orders)
        for customer in session.scalars(select(Customer).options(kept, way)):  # Q
            customer.orders

    found = [one for one in unused(run) if one.kind == "unused_eager_load"]
    assert [one.relation for one in found] == ["Order.tags"]
    assert found[0].fix == "remove defaultload(Customer.orders).selectinload(Order.tags)"


def test_a_row_with_others():
    def run(session):
        rows = select(Customer.name, Order).join(Order.customer).options(selectinload(Order.tags))
        for name, order in session.execute(rows):  # Q
            str((name, order.id))

    says(run, ("Order.tags", 8, "remove selectinload(Order.tags)"))


def test_classes_that_inherit():
    def run(session):
        gifts = select(Gift).options(joinedload(Gift.customer))
        for gift in session.scalars(gifts):  # Q
            gift.wish

    says(run, ("Gift.customer", 4, "remove joinedload(Gift.customer)"))


def test_queries_of_old():
    def run(session):
        for order in session.query(Order).options(joinedload(Order.customer)):  # Q
            order.id

    says(run, ("Order.customer", 8, "remove joinedload(Order.customer)"))


def test_chunks():
    def run(session):
        orders = select(Order).options(selectinload(Order.tags))
        for order in session.scalars(orders.execution_options(yield_per=3)):  # Q
            order.id

    says(run, ("Order.tags", 8, "remove selectinload(Order.tags)"))


def test_objects_that_were_there_before():
    def run(session):
        known = session.scalars(select(Order)).all()
        session.scalars(select(Order).options(selectinload(Order.tags))).all()
        known[0].tags

    assert unused(run) == []


def test_one_object_is_silent():
    def run(session):
        session.get(Order, 11, options=[selectinload(Order.tags)])

    assert unused(run) == []


def test_where_there_is_nothing_to_load():
    def run(session):
        for order in session.scalars(select(Order)):
            order.labels.clear()
        session.flush()
        session.expire_all()
        session.scalars(select(Order).options(selectinload(Order.labels))).all()

    assert [one for one in unused(run) if one.kind == "unused_eager_load"] == []


def test_what_loads_nothing_at_once_is_not_judged():
    def run(session):
        session.scalars(select(Order).options(lazyload(Order.tags), raiseload(Order.items))).all()
        session.scalars(select(Gift).options(immediateload(Gift.tags))).first()
        joined = select(Order).join(Order.customer).options(contains_eager(Order.customer))
        session.scalars(joined).all()

    assert [one for one in unused(run) if one.kind == "unused_eager_load"] == []


WAYS_TO_READ = [
    lambda order: order.words,
    lambda order: getattr(order, "labels", None),
    pickle.dumps,
    copy.deepcopy,
    lambda order: Session().merge(order, load=False),
]


@pytest.mark.parametrize("way", range(len(WAYS_TO_READ)))
def test_ways_to_read(way):
    def run(session):
        for order in session.scalars(select(Order).options(selectinload(Order.labels))):
            WAYS_TO_READ[way](order)

    assert unused(run) == []


def test_what_is_locked_is_not_judged():
    def run(session):
        session.scalars(
            select(Order).options(joinedload(Order.customer)).with_for_update(of=Order)
        ).all()

    assert unused(run) == []


def test_what_is_deleted_reads_what_goes_with_it():
    def run(session):
        loads = selectinload(Order.labels), selectinload(Order.items), selectinload(Order.tags)
        for order in session.scalars(select(Order).options(*loads)):
            session.delete(order)
        session.flush()

    assert [one for one in unused(run, is_ordered=False) if one.kind == "unused_eager_load"] == []


def test_what_is_set_is_not_read():
    def run(session):
        options = joinedload(Passport.customer)
        for passport in session.scalars(select(Passport).options(options)):  # Q
            passport.customer = None
        session.rollback()

    assert [one.relation for one in unused(run)] == ["Passport.customer"]


def test_coroutines():
    async def load(session):
        orders = await session.scalars(select(Order).options(selectinload(Order.tags)))  # Q
        return [order.id for order in orders]

    async def stream(session):
        orders = select(Order).options(joinedload(Order.customer))
        async for order in await session.stream_scalars(orders):  # Q
            order.id

    async def work(run):
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        async with engine.begin() as connection:
            await connection.run_sync(fill)
        async with AsyncSession(engine) as session:
            with record(unused=True) as recording:
                await run(session)
        await engine.dispose()
        (found,) = recording.findings
        assert place(found.query) == marked(run)["Q"]
        return found.relation

    assert asyncio.run(work(load)) == "Order.tags"
    assert asyncio.run(work(stream)) == "Order.customer"
