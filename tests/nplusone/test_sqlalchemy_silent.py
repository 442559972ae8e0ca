"""SQLAlchemy: what nothing must happen to: objects are never compared, hashed or printed."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import copy
import pickle

from sqlalchemy import ForeignKey, create_engine, select
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.pool import StaticPool

import inprofile
from inprofile.testing import record
from tests.nplusone.shop import Customer, shop, wire


class Base(DeclarativeBase):
    pass


class Shy(Base):
    """Which must not be looked at."""

    __tablename__ = "shy"
    id: Mapped[int] = mapped_column(primary_key=True)
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("shy.id"))
    parent: Mapped["Shy"] = relationship(remote_side="Shy.id")

    def __eq__(self, other):
        raise AssertionError

    def __hash__(self):
        raise AssertionError

    def __repr__(self):
        raise AssertionError

    def __bool__(self):
        raise AssertionError

    def __len__(self):
        raise AssertionError


def test_objects_are_never_compared_hashed_or_printed():
    inprofile.instrument()
    engine = create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    with engine.begin() as connection:
        table = Shy.__table__
        rows = [{"id": n, "parent_id": n - 4 if n > 4 else None} for n in range(1, 9)]
        connection.execute(table.insert(), rows)  # type: ignore[attr-defined]
    with wire(engine) as sent, Session(engine) as session, record() as recording:
        for one in session.scalars(select(Shy).where(Shy.id > 4)):
            one.parent
    (finding,) = recording.findings
    assert (finding.relation, finding.count, len(sent)) == ("Shy.parent", 4, 5)
    assert finding.fix == "joinedload(Shy.parent)"
    with Session(engine) as session, record() as recording:
        for one in session.scalars(select(Shy).where(Shy.id > 4).options(selectinload(Shy.parent))):
            one.parent
    assert recording.findings == []
    engine.dispose()


def test_objects_and_statements_are_pickled_and_copied_as_ever():
    with shop() as engine, Session(engine) as session, record() as recording:
        statement = select(Customer).order_by(Customer.id)
        again = copy.copy(statement)
        customers = session.scalars(again).all()
        for customer in customers:
            customer.orders
            taken = pickle.loads(pickle.dumps(customer))
            assert (taken.id, len(taken.orders)) == (customer.id, len(customer.orders))
    assert [one.relation for one in recording.findings] == ["Customer.orders"]
