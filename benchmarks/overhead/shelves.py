"""A table in memory to query: a few items on each of some shelves."""

from sqlalchemy import Engine, create_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

ITEMS_PER_SHELF = 3


class Base(DeclarativeBase):
    """The tables of the benchmark."""


class Item(Base):
    """A row."""

    __tablename__ = "item"

    id: Mapped[int] = mapped_column(primary_key=True)
    shelf: Mapped[int] = mapped_column(index=True)
    name: Mapped[str]
    price_cents: Mapped[int]


def shelves(count: int) -> Engine:
    """Return an engine with one connection, which any thread may use, and ``count`` shelves."""
    engine = create_engine(
        "sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False}
    )
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        for n in range(count * ITEMS_PER_SHELF):
            session.add(Item(shelf=n % count, name=f"item {n}", price_cents=100 + n))
        session.commit()
    return engine
