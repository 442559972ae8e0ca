"""Random programs on SQLAlchemy send the same statements and get the same with a recording."""

import contextlib
import gc

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, inspect, select, update
from sqlalchemy.orm import (
    Session,
    immediateload,
    joinedload,
    load_only,
    selectinload,
    subqueryload,
    undefer,
    with_parent,
)

from inprofile.testing import record
from tests.nplusone.shop import Customer, Item, Order, Passport, Tag, Transfer, shop, wire

ROWS = {
    "customers": select(Customer).order_by(Customer.id),
    "together": select(Customer).options(selectinload(Customer.orders)).order_by(Customer.id),
    "joined": select(Customer).options(joinedload(Customer.orders)).order_by(Customer.id),
    "below": select(Customer).options(subqueryload(Customer.orders)).order_by(Customer.id),
    "at once": select(Customer).options(immediateload(Customer.orders)).order_by(Customer.id),
    "bare": select(Customer).options(load_only(Customer.id)).order_by(Customer.id),
    "whole": select(Customer).options(undefer(Customer.bio)).order_by(Customer.id),
    "page": select(Customer).order_by(Customer.id).limit(2).offset(1),
    "some": select(Customer).where(Customer.id.in_([1, 3])).order_by(Customer.id),
}

READS = {
    "name": lambda session, customer: customer.name,
    "bio": lambda session, customer: customer.bio,
    "orders": lambda session, customer: [order.id for order in customer.orders],
    "items": lambda session, customer: [
        item.product.name for order in customer.orders for item in order.items
    ],
    "words": lambda session, customer: [list(order.words) for order in customer.orders],
    "passport": lambda session, customer: customer.passport.id,
    "dynamic": lambda session, customer: customer.dynamic.count(),
    "filtered": lambda session, customer: [o.id for o in customer.dynamic.filter(Order.id > 0)],
    "written": lambda session, customer: len(session.scalars(customer.written.select()).all()),
    "parent": lambda session, customer: len(
        session.scalars(select(Order).where(with_parent(customer, Customer.orders))).all()
    ),
    "refreshed": lambda session, customer: session.refresh(customer),
    "relation": lambda session, customer: session.refresh(customer, ["orders"]),
    "got": lambda session, customer: session.get(Passport, customer.id).id,
    "transfer": lambda session, customer: [
        session.get(Transfer, customer.id).source.id,
        session.get(Transfer, customer.id).target.id,
    ],
    "counted": lambda session, customer: session.scalar(
        select(func.count()).select_from(Order).where(Order.customer_id == customer.id)
    ),
    "row": lambda session, customer: session.execute(
        select(Item.id).order_by(Item.id).limit(1).offset(customer.id)
    ).scalar(),
    "renamed": lambda session, customer: setattr(customer, "name", customer.name + "!"),
    "raised": lambda session, customer: setattr(customer, "name", Customer.name + "?"),
    "added": lambda session, customer: session.add(Tag(name="new")),  # a name may be SQL by now
    "flushed": lambda session, customer: session.flush(),
    "committed": lambda session, customer: session.commit(),
    "expired": lambda session, customer: session.expire(customer),
    "inserted": lambda session, customer: session.execute(insert(Tag).values(name="x")),
    "updated": lambda session, customer: (
        session.execute(update(Tag).where(Tag.id == customer.id).values(name="y")).rowcount
    ),
    "deleted": lambda session, customer: (
        session.execute(delete(Tag).where(Tag.id == customer.id + 900)).rowcount
    ),
    "merged": lambda session, customer: session.merge(Tag(id=customer.id + 5000, name="m")).name,
}

PROGRAMS = st.lists(
    st.tuples(st.sampled_from(sorted(ROWS)), st.lists(st.sampled_from(sorted(READS)), max_size=4)),
    min_size=1,
    max_size=3,
)


@contextlib.contextmanager
def uncollected():
    """Objects in cycles stay: otherwise it is chance which of them a session still has."""
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def run(program, session):
    for rows, reads in program:
        customers = session.scalars(ROWS[rows]).unique().all()
        for customer in customers:
            for read in reads:
                found = READS[read](session, customer)
                yield found if isinstance(found, (int, str, list)) else type(found)
        yield [sorted(vars(customer)) for customer in customers]
        yield [inspect(customer).unloaded for customer in customers]


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(program=PROGRAMS)
def test_a_program_is_the_same_with_and_without_a_recording(program):
    with uncollected(), shop() as engine, wire(engine) as plain, Session(engine) as session:
        expected = list(run(program, session))
    with (
        uncollected(),
        shop() as engine,
        wire(engine) as seen,
        Session(engine) as session,
        record() as recording,
    ):
        found = list(run(program, session))
    assert found == expected
    assert [text for text, _ in seen] == [text for text, _ in plain]
    assert sum(finding.count for finding in recording.findings) <= len(plain)
