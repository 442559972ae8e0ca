"""A shop in SQLAlchemy: models with every kind of relation, filled, and ways to run code on it."""

import asyncio
import contextlib
import functools
from typing import Any

from sqlalchemy import Column, ForeignKey, Table, create_engine, event
from sqlalchemy.ext.associationproxy import AssociationProxy, association_proxy
from sqlalchemy.ext.asyncio import AsyncAttrs, AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    DynamicMapped,
    Mapped,
    Session,
    WriteOnlyMapped,
    mapped_column,
    relationship,
)
from sqlalchemy.pool import StaticPool

import inprofile
from inprofile.testing import record
from tests.nplusone.judging import marked, place, same_code

CUSTOMERS = 4


class Base(AsyncAttrs, DeclarativeBase):
    pass


order_tag = Table(
    "order_tag",
    Base.metadata,
    Column("order_id", ForeignKey("orders.id"), primary_key=True),
    Column("tag_id", ForeignKey("tag.id"), primary_key=True),
)


class Customer(Base):
    __tablename__ = "customer"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    bio: Mapped[str] = mapped_column(default="", deferred=True)
    orders: Mapped[list["Order"]] = relationship(back_populates="customer", order_by="Order.id")
    passport: Mapped["Passport"] = relationship(back_populates="customer")
    dynamic: DynamicMapped["Order"] = relationship(lazy="dynamic", viewonly=True)
    written: WriteOnlyMapped["Order"] = relationship(lazy="write_only", viewonly=True)


class Passport(Base):
    __tablename__ = "passport"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"), unique=True)
    customer: Mapped[Customer] = relationship(back_populates="passport")


class Product(Base):
    __tablename__ = "product"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Item(Base):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    product_id: Mapped[int] = mapped_column(ForeignKey("product.id"))
    product: Mapped[Product] = relationship()


class Label(Base):
    __tablename__ = "label"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int | None] = mapped_column(ForeignKey("orders.id"))
    text: Mapped[str]


class Tag(Base):
    __tablename__ = "tag"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    customer_id: Mapped[int] = mapped_column(ForeignKey("customer.id"))
    kind: Mapped[str] = mapped_column(default="order")
    customer: Mapped[Customer] = relationship(back_populates="orders")
    items: Mapped[list[Item]] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=order_tag)
    labels: Mapped[list[Label]] = relationship()
    words: AssociationProxy[list[str]] = association_proxy("labels", "text")
    __mapper_args__ = {"polymorphic_on": "kind", "polymorphic_identity": "order"}  # noqa: RUF012 - as SQLAlchemy asks for it


class Gift(Order):
    __tablename__ = "gift"
    id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    wish: Mapped[str] = mapped_column(default="")
    __mapper_args__ = {"polymorphic_identity": "gift"}  # noqa: RUF012 - as SQLAlchemy asks for it


class Account(Base):
    __tablename__ = "account"
    id: Mapped[int] = mapped_column(primary_key=True)


class Transfer(Base):
    __tablename__ = "transfer"
    id: Mapped[int] = mapped_column(primary_key=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    target_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    source: Mapped[Account] = relationship(foreign_keys=source_id)
    target: Mapped[Account] = relationship(foreign_keys=target_id)


class Node(Base):
    __tablename__ = "node"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("node.id"))
    version: Mapped[int] = mapped_column(default=1)
    parent: Mapped["Node"] = relationship(back_populates="children", remote_side="Node.id")
    children: Mapped[list["Node"]] = relationship(back_populates="parent")
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012 - as SQLAlchemy asks for it


def fill(connection):
    """Write all rows: 4 customers with 2 orders each, of which the second is a gift."""
    Base.metadata.create_all(connection)
    with Session(connection, autoflush=False) as session:
        for n in range(1, CUSTOMERS + 1):
            customer = Customer(id=n, name=f"c{n}", bio="long", passport=Passport(id=n))
            session.add(customer)
            for m, kind in ((1, Order), (2, Gift)):
                order = kind(id=n * 10 + m, customer_id=n)
                order.items = [
                    Item(
                        id=n * 100 + m * 10 + k, product=Product(id=n * 100 + m * 10 + k, name="p")
                    )
                    for k in range(2)
                ]
                order.tags = [Tag(id=n * 100 + m, name="t")]
                order.labels = [Label(id=n * 100 + m, text="l")]
                session.add(order)
            session.add(Transfer(id=n, source=Account(id=n), target=Account(id=n + 50)))
        for n in range(1, 6):
            session.add(Node(id=n, parent_id=n - 1 or None))
        session.commit()


TAGS: Any = Tag.__table__
CUSTOMERS_TABLE: Any = Customer.__table__


@functools.cache
def _image():
    """A filled database as bytes: writing it row by row takes longer than most tests."""
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        fill(connection)
    driver: Any = engine.raw_connection().driver_connection
    image = driver.serialize()
    engine.dispose()
    return image


def stock(connection):
    """Make a database of SQLite's one that is filled."""
    connection.connection.driver_connection.deserialize(_image())


@contextlib.contextmanager
def shop():
    """An engine of a filled shop in memory."""
    inprofile.instrument()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    with engine.begin() as connection:
        stock(connection)
    yield engine
    engine.dispose()


@contextlib.contextmanager
def wire(engine):
    """The statements that reach the database, each for as many rows as it says."""
    seen = []

    def listen(_connection, _cursor, statement, parameters, _context, _many):
        seen.append((statement, str(parameters)))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def on_session(run, *, is_ordered=True, **options):
    """Run ``run(session)`` on a shop of its own; the findings, and what reached the database.

    A flush that is not ``is_ordered`` writes rows in the order of their addresses.
    """
    with shop() as engine, wire(engine) as plain, Session(engine, **options) as session:
        run(session)
    with (
        shop() as engine,
        wire(engine) as statements,
        Session(engine, **options) as session,
        record() as recording,
    ):
        run(session)
    if is_ordered:
        assert statements == plain, "recording changes what is sent"
    assert sorted(text for text, _ in statements) == sorted(text for text, _ in plain)
    return recording.findings, statements


def on_async_session(run, **options):
    """The same for ``await run(session)``."""
    inprofile.instrument()

    async def work(*, recorded):
        engine = create_async_engine("sqlite+aiosqlite://", poolclass=StaticPool)
        async with engine.begin() as connection:
            await connection.run_sync(fill)
        found = []
        with wire(engine.sync_engine) as statements:
            async with AsyncSession(engine, **options) as session:
                if recorded:
                    with record() as recording:
                        await run(session)
                    found = recording.findings
                else:
                    await run(session)
        await engine.dispose()
        return found, statements

    _, plain = asyncio.run(work(recorded=False))
    found, statements = asyncio.run(work(recorded=True))
    assert statements == plain, "recording changes what is sent"
    return found, statements


def judge(
    run, *, count, relation="", fix="", on=on_session, where=None, kind="n_plus_one", **options
):
    """Assert what is found in ``run``, whose lines are marked; its statements on the wire."""
    findings, statements = on(run, **options)
    assert [(one.kind, one.relation, one.count) for one in findings] == [(kind, relation, count)]
    (finding,) = findings
    marks = marked(run)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    assert same_code(finding.fix, fix), finding.fix
    if "W" in marks:
        assert place(finding.where) == marks["W"]
    assert len(statements) >= count, "not one statement for each"
    return finding


def clean(run, *, on=on_session, **options):
    """Assert that nothing is found in ``run``; its statements."""
    findings, statements = on(run, **options)
    assert findings == []
    return statements
