"""Authors and their books in SQLAlchemy: models, statements, and ways to read and to watch them."""

import asyncio
import contextlib
from typing import Any

from sqlalchemy import ForeignKey, event, select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

import inprofile

AUTHORS = 6


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    books: Mapped[list["Book"]] = relationship(order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


AUTHOR: Any = Author.__table__
ALL = select(Author).order_by(Author.id)
ROWS = select(AUTHOR).order_by(AUTHOR.c.id)


@contextlib.contextmanager
def heard(engine):
    """The text and parameters of everything that reaches a cursor."""
    seen = []

    def listen(_connection, _cursor, statement, parameters, _context, executemany):
        seen.append((statement, parameters, executemany))

    target = engine.sync_engine if isinstance(engine, AsyncEngine) else engine
    event.listen(target, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(target, "before_cursor_execute", listen)


def measured(async_engine, work):
    """The statements of ``work``, which is measured on a connection that is open already."""

    async def run():
        async with async_engine.connect():
            pass
        with heard(async_engine) as statements, inprofile.job("work"):
            await work(async_engine)
        await async_engine.dispose()
        return [statement for statement, _, _ in statements]

    return asyncio.run(run())


def plain(rows):
    return [tuple(row) for row in rows]


def one_by_one(result):
    return list(iter(result.fetchone, None))


def two_by_two(result):
    return [row for rows in iter(lambda: result.fetchmany(2), []) for row in rows]
