"""SQLAlchemy: what is advised, done as it says, leaves nothing to find and fewer statements."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import pytest
from sqlalchemy import delete, func, insert, select, text, update
from sqlalchemy.orm import joinedload, selectinload, undefer

from tests.nplusone import test_sqlalchemy_async as later
from tests.nplusone import test_sqlalchemy_relations as relations
from tests.nplusone import test_sqlalchemy_rows as rows
from tests.nplusone import test_sqlalchemy_writes as writes
from tests.nplusone.shop import (
    TAGS,
    Customer,
    Gift,
    Item,
    Node,
    Order,
    Passport,
    Product,
    Tag,
    Transfer,
    clean,
    on_async_session,
    on_session,
)

IDS = [1, 2, 3]


def followed(run, fixed, *, on=on_session, options=None, **fixed_options):
    """Assert that ``fixed`` is silent and runs fewer statements than ``run``, which is not."""
    findings, many = on(run, **(options or {}))
    assert findings
    few = clean(fixed, on=on, **(options or {}), **fixed_options)
    assert len(few) < len(many), few


def two_keys(session):
    load = joinedload(Transfer.source), joinedload(Transfer.target)
    for transfer in session.scalars(select(Transfer).options(*load)):
        (transfer.source, transfer.target)


def two_rows(session):
    for passport in session.scalars(
        select(Passport).limit(2).options(joinedload(Passport.customer))
    ):
        passport.customer


def at_once(session):
    session.scalars(select(Customer).options(selectinload(Customer.orders))).all()


def chained(session):
    load = selectinload(Customer.orders).selectinload(Order.items).joinedload(Item.product)
    for customer in session.scalars(select(Customer).options(load)):
        for order in customer.orders:
            for item in order.items:
                item.product


def orders_of_all(session):
    session.scalars(select(Customer)).all()
    session.scalars(select(Order).where(Order.customer_id.in_([1, 2, 3, 4]))).all()


def by_parent(session):
    for customer in session.scalars(select(Customer).options(selectinload(Customer.orders))):
        customer.orders


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        (relations.two_keys_on_one_line, two_keys),
        (relations.two_rows, two_rows),
        (relations.loaded_at_once_and_one_by_one, at_once),
        (relations.chain, chained),
        (relations.dynamic, orders_of_all),
        (relations.dynamic_filtered, orders_of_all),
        (relations.dynamic_counted, orders_of_all),
        (relations.written, orders_of_all),
        (relations.asked_by_parent, by_parent),
    ],
)
def test_relations(run, fixed):
    followed(run, fixed)


def customers_of_all(session):
    session.scalars(select(Customer).where(Customer.id.in_(IDS))).all()


def names_of_all(session):
    session.execute(select(Customer.name).where(Customer.id.in_(IDS))).all()


def orders_of_some(session):
    session.scalars(select(Order).where(Order.customer_id.in_(IDS))).all()


def counts_of_all(session):
    of = select(Order.customer_id, func.count()).where(Order.customer_id.in_(IDS))
    session.execute(of.group_by(Order.customer_id)).all()


def table_of_all(session):
    table = Order.__table__
    session.execute(select(table.c.id).where(table.c.customer_id.in_(IDS))).all()


def text_of_all(session):
    query = "SELECT id FROM orders WHERE customer_id IN (:a, :b, :c)"
    session.execute(text(query), dict(zip("abc", IDS, strict=True))).all()


def all_at_once(session):
    session.scalars(select(Order).order_by(Order.id)).all()


def items_of_all(session):
    session.scalars(select(Item).where(Item.order_id.in_([1, 3, 5, 7]))).all()


def asked_once(session):
    session.execute(select(func.count(Order.id)).where(Order.customer_id == 1)).scalar()


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        (rows.got, customers_of_all),
        (rows.got_with_relations, customers_of_all),
        (rows.filtered, customers_of_all),
        (rows.queried, customers_of_all),
        (rows.columns, names_of_all),
        (rows.of_a_key, orders_of_some),
        (rows.counted, counts_of_all),
        (rows.of_a_table, table_of_all),
        (rows.in_text, text_of_all),
        (rows.in_text_with_literals, text_of_all),
        (rows.through_the_driver, text_of_all),
        (rows.row_by_row, all_at_once),
        (rows.first_page_of_each, orders_of_some),
        (rows.of_a_kind, orders_of_some),
        (rows.of_one, items_of_all),
        (rows.asked_again, asked_once),
    ],
)
def test_rows(run, fixed):
    followed(run, fixed)


def read_again(session):
    ids = [customer.id for customer in session.scalars(select(Customer))]
    again = select(Customer).where(Customer.id.in_(ids))
    session.scalars(again.execution_options(populate_existing=True)).all()


@pytest.mark.parametrize("run", [rows.refreshed, rows.column_refreshed])
def test_rows_that_are_read_again(run):
    followed(run, read_again)


def test_a_relation_that_is_read_again():
    followed(rows.relation_refreshed, by_parent)


def test_an_expired_object_and_its_relation():
    findings, _ = on_session(rows.relation_after_commit)
    assert [(f.kind, f.relation, f.count, f.fix) for f in findings] == [
        ("n_plus_one", "Passport.customer_id", 4, "expire_on_commit=False"),
        ("n_plus_one", "Passport.customer", 4, "joinedload(Passport.customer)"),
    ]

    def fixed(session):
        load = joinedload(Passport.customer)
        passports = session.scalars(select(Passport).options(load)).all()
        session.commit()
        for passport in passports:
            passport.customer

    followed(rows.relation_after_commit, fixed, expire_on_commit=False)


def added_at_once(session):
    session.add_all([Tag(id=n, name="same") for n in IDS])
    session.flush()


def two_tables_at_once(session):
    session.add_all([Gift(id=n, customer_id=1) for n in (900, 901, 902)])
    session.flush()


def deleted_at_once(session):
    ids = session.scalars(select(Transfer.id)).all()
    session.execute(delete(Transfer).where(Transfer.id.in_(ids)))
    session.commit()


def table_at_once(session):
    session.connection().execute(insert(TAGS), [{"name": f"n{n}"} for n in IDS])


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        (writes.added_and_committed, added_at_once),
        (writes.added_and_flushed, added_at_once),
        (writes.added_by_autoflush, added_at_once),
        (writes.inserted, writes.inserted_fixed),
        (writes.inserted_from_a_list, writes.inserted_fixed),
        (writes.inserted_into_a_table, table_at_once),
        (writes.updated, writes.updated_fixed),
        (writes.deleted, writes.deleted_fixed),
        (writes.into_two_tables, two_tables_at_once),
        (writes.deleted_and_committed, deleted_at_once),
    ],
)
def test_writes(run, fixed):
    followed(run, fixed)


def test_rows_that_are_changed_and_written_one_by_one():
    def fixed(session):
        products = session.scalars(select(Product)).all()[:3]
        changed = [{"id": product.id, "name": product.name + "!"} for product in products]
        session.execute(update(Product), changed)

    followed(writes.changed_and_committed, fixed)


async def refreshed(session):
    load = selectinload(Customer.orders)
    for customer in (await session.scalars(select(Customer).options(load))).all():
        customer.orders


async def streamed(session):
    ids = [customer.id async for customer in await session.stream_scalars(select(Customer))]
    await session.scalars(select(Order).where(Order.customer_id.in_(ids)))


async def added(session):
    session.add_all([Tag(id=n, name=str(n)) for n in IDS])
    await session.commit()


async def deferred(session):
    for customer in (await session.scalars(select(Customer).options(undefer(Customer.bio)))).all():
        await customer.awaitable_attrs.bio


async def deleted(session):
    await session.execute(delete(TAGS).where(Tag.id.in_(IDS)))


async def in_run_sync(session):
    await session.run_sync(relations.many_to_one_fixed)


@pytest.mark.parametrize(
    ("run", "fixed"),
    [
        (later.awaited, refreshed),
        (later.comprehended, refreshed),
        (later.through_a_helper, refreshed),
        (later.refreshed, refreshed),
        (later.refreshed_with_names, refreshed),
        (later.streamed, streamed),
        (later.got, later.got_fixed),
        (later.added, added),
        (later.deferred, deferred),
        (later.deleted_by_key, deleted),
        (later.in_run_sync, in_run_sync),
    ],
)
def test_coroutines(run, fixed):
    followed(run, fixed, on=on_async_session)


def test_a_coroutine_called_from_the_loop_and_what_runs_in_the_greenlet():
    (finding,), sent = on_async_session(later.through_a_helper)
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", "Customer.orders", 4)
    assert finding.fix == "selectinload(Customer.orders)"
    assert len(sent) == 1 + 4
    (finding,), sent = on_async_session(later.in_run_sync)
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", "Passport.customer", 4)
    assert finding.fix == "joinedload(Passport.customer)"
    assert len(sent) == 1 + 4


def climbed(session):
    node = session.get(Node, 5, options=[selectinload(Node.parent, recursion_depth=-1)])
    while node is not None:
        node = node.parent


def descended(session):
    def visit(node):
        for child in node.children:
            visit(child)

    load = selectinload(Node.children, recursion_depth=-1)
    visit(session.get(Node, 1, options=[load]))


@pytest.mark.parametrize(
    ("run", "fixed", "fix"),
    [
        (relations.climbed, climbed, "selectinload(Node.parent, recursion_depth=-1)"),
        (relations.descended, descended, "selectinload(Node.children, recursion_depth=-1)"),
    ],
)
def test_a_way_along_a_tree_is_to_be_loaded_to_its_end(run, fixed, fix):
    (finding,), _ = on_session(run)
    assert fix in finding.fix
    clean(fixed)
