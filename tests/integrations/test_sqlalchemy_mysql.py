"""SQLAlchemy on MySQL's drivers: what it does is the same, and a statement counts once."""

import asyncio
import contextlib
from typing import Any

import pytest
from sqlalchemy import (
    ForeignKey,
    String,
    bindparam,
    create_engine,
    delete,
    event,
    insert,
    select,
    text,
    update,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)

import inprofile
from inprofile.integrations._sql_mask import mask
from inprofile.testing import record
from tests.integrations.spans import spans

AUTHORS = 6
VERBS = {"CONNECT", "COMMIT", "ROLLBACK"}


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    books: Mapped[list["Book"]] = relationship(order_by="Book.id")


class Book(Base):
    __tablename__ = "book"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(ForeignKey("author.id"))


AUTHOR: Any = Author.__table__
ALL = select(Author).order_by(Author.id)
ROWS = select(AUTHOR).order_by(AUTHOR.c.id)
ROWS_TEXT = "SELECT author.id, author.name FROM author ORDER BY author.id"


def address(driver, mariadb):
    return f"mysql+{driver}://{mariadb.user}@/{mariadb.database}?unix_socket={mariadb.unix_socket}"


@contextlib.contextmanager
def filled(engine):
    """Tables with rows in them, in an engine whose pool has a connection ready."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Author(id=n, name=f"author {n}") for n in range(1, AUTHORS + 1))
        session.flush()
        session.add_all(Book(id=n, author_id=(n + 1) // 2) for n in range(1, 2 * AUTHORS + 1))
        session.commit()
    try:
        yield
    finally:
        Base.metadata.drop_all(engine)
        engine.dispose()


@pytest.fixture(params=["pymysql", "mysqldb"])
def engine(request, mariadb):
    if request.param == "mysqldb":
        pytest.importorskip("MySQLdb", reason="mysqlclient is not installed")
    engine = create_engine(address(request.param, mariadb))
    with filled(engine):
        yield engine


@pytest.fixture
def async_engine(mariadb):
    """An asynchronous engine for one event loop; the tables are filled by another engine."""
    with filled(create_engine(address("pymysql", mariadb))):
        yield create_async_engine(address("aiomysql", mariadb))


@contextlib.contextmanager
def heard(engine):
    """The text of everything that reaches a cursor, and whether it is for many parameters."""
    seen = []

    def listen(_connection, _cursor, statement, _parameters, _context, executemany):
        seen.append((statement, executemany))

    event.listen(engine, "before_cursor_execute", listen)
    try:
        yield seen
    finally:
        event.remove(engine, "before_cursor_execute", listen)


def raised(call):
    with pytest.raises(DBAPIError) as error:
        call()
    return type(error.value), error.value.args, type(error.value.orig), error.value.statement


def streaming(connection):
    return connection.execution_options(stream_results=True, max_row_buffer=2)


def core(engine):
    with engine.connect() as connection:
        rows = connection.execute(ROWS)
        yield rows.keys(), rows.fetchone(), rows.fetchmany(2), rows.fetchall()
        yield [row.name for row in streaming(connection).execute(ROWS)]
        yield connection.execute(text("SELECT name FROM author WHERE id = :id"), {"id": 2}).one()
        yield connection.exec_driver_sql('SELECT "it\'s", \'a "b"\', 5 /* kept */').one()
        yield type(connection.connection.dbapi_connection).__module__
        yield type(connection.connection.dbapi_connection.cursor())


def writing(engine):
    with engine.begin() as connection:
        yield connection.execute(insert(AUTHOR).values(id=90, name="one")).rowcount
        many = [{"id": 91 + n, "name": f"many {n}"} for n in range(5)]
        yield connection.execute(insert(AUTHOR), many).rowcount
        changed = update(AUTHOR).where(AUTHOR.c.name == bindparam("old")).values(name="new")
        yield connection.execute(changed, [{"old": "one"}, {"old": "many 1"}]).rowcount
        with connection.begin_nested() as savepoint:
            connection.execute(delete(AUTHOR).where(AUTHOR.c.name == "new"))
            savepoint.rollback()
        yield connection.execute(delete(AUTHOR).where(AUTHOR.c.id > AUTHORS)).rowcount


def orm(engine):
    with Session(engine) as session:
        authors = session.scalars(ALL.options(selectinload(Author.books))).all()
        yield [[book.id for book in author.books] for author in authors]
        session.expunge_all()
        yield [len(author.books) for author in session.scalars(ALL)]
        pages = session.scalars(ALL.execution_options(yield_per=4)).partitions()
        yield [[author.id for author in page] for page in pages]
        session.add(author := Author(id=50, name="added", books=[Book(id=50)]))
        session.flush()
        author.name = "changed"
        session.flush()
        session.rollback()


def failing(engine):
    with engine.connect() as connection:
        yield raised(lambda: connection.execute(insert(AUTHOR).values(id=1, name="again")))
        connection.rollback()
        yield raised(lambda: connection.execute(text('SELECT no_such FROM author WHERE id = "1"')))


CONVERSATIONS = [core, writing, orm, failing]


def talk(conversation, engine):
    with heard(engine) as statements:
        results = list(map(repr, conversation(engine)))
    return results, statements


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_results_and_statements_are_the_same_with_and_without_us(engine, conversation):
    inprofile.uninstrument()
    without = talk(conversation, engine)
    with record() as recorded, inprofile.job("work"):
        within = talk(conversation, engine)
        assert inprofile.status()["errors"] == 0
    assert within == without
    assert recorded.trace.stages["db"] > 0


def counted(trace):
    """The name of each statement that was counted, as often as it was."""
    found = [name for _, name, _, count in spans(trace, "db") for _ in range(count)]
    return [name for name in found if name not in VERBS]


@pytest.mark.parametrize("conversation", CONVERSATIONS)
def test_a_statement_is_counted_once_between_orm_core_and_driver(engine, conversation, recorded):
    with inprofile.job("work"):
        _, statements = talk(conversation, engine)
    trace = recorded.trace
    assert counted(trace) == [mask(text, "mysql") for text, _ in statements]
    assert sum(trace.stages.values()) == trace.wall_ns


READINGS = {
    "all": lambda connection: connection.execute(ROWS).all(),
    "fetchone": lambda connection: list(iter(connection.execute(ROWS).fetchone, None)),
    "streamed": lambda connection: list(streaming(connection).execute(ROWS)),
    "streamed all": lambda connection: streaming(connection).execute(ROWS).all(),
}


@pytest.mark.parametrize("reading", READINGS)
def test_reading_rows_in_any_way_is_one_statement(engine, reading, recorded):
    with inprofile.job("work"), engine.connect() as connection:
        assert len(READINGS[reading](connection)) == AUTHORS
    assert spans(recorded.trace) == [
        ("db_pool_wait", "checkout", "work", 1),
        ("db", ROWS_TEXT, "work", 1),
        ("db", "ROLLBACK", "work", 1),
    ]


def test_double_quoted_strings_are_masked(engine, recorded):
    with inprofile.job("work"), engine.connect() as connection:
        connection.execute(text('SELECT id FROM author WHERE name = "secret"')).all()
    (seen,) = [span for span in recorded.trace.spans if "author" in str(span.name)]
    assert seen.name == "SELECT id FROM author WHERE name = ?"
    assert seen.attributes == {
        "db.system.name": "mysql",
        "db.operation.name": "SELECT",
        "db.collection.name": "author",
        "db.query.summary": "SELECT author",
    }


async def asynchronously(engine):
    async with engine.connect() as connection:
        yield (await connection.execute(ROWS)).fetchall()
        yield [tuple(row) async for row in await connection.stream(ROWS)]
        yield await (await connection.stream_scalars(ROWS)).all()
    async with engine.begin() as connection:
        many = [{"id": 91 + n, "name": f"many {n}"} for n in range(5)]
        yield (await connection.execute(insert(AUTHOR), many)).rowcount
        yield (await connection.execute(delete(AUTHOR).where(AUTHOR.c.id > AUTHORS))).rowcount
    async with AsyncSession(engine) as session:
        authors = (await session.scalars(ALL.options(selectinload(Author.books)))).all()
        yield [(author.name, len(author.books)) for author in authors]
        streamed = await session.stream_scalars(ALL.execution_options(yield_per=2))
        yield [author.id async for author in streamed]
    async with engine.connect() as connection:
        with pytest.raises(DBAPIError) as error:
            await connection.execute(insert(AUTHOR).values(id=1, name="again"))
        yield error.value.args, type(error.value.orig)


def async_talk(engine):
    async def conversation():
        async with engine.connect():
            pass
        with heard(engine.sync_engine) as statements, inprofile.job("work"):
            results = [repr(result) async for result in asynchronously(engine)]
        await engine.dispose()
        return results, statements

    return asyncio.run(conversation())


def test_asynchronous_results_and_statements_are_the_same_with_and_without_us(async_engine):
    inprofile.uninstrument()
    without = async_talk(async_engine)
    with record() as recorded:
        within = async_talk(async_engine)
        assert inprofile.status()["errors"] == 0
    assert within == without
    trace = recorded.trace
    assert counted(trace) == [mask(text, "mysql") for text, _ in without[1]]
    assert sum(trace.stages.values()) == trace.wall_ns
