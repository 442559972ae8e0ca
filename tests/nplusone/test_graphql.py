"""GraphQL: the query is the resolver's line, the loop the field whose rows are gone through."""

import asyncio
import sqlite3
from dataclasses import dataclass
from typing import Any

import pytest
import strawberry
from strawberry.dataloader import DataLoader

import inprofile
from tests.nplusone.judging import findings, marked, place

ROWS = 4
WIRE: list[str] = []
"""What the database was asked for."""


@pytest.fixture
def db():
    inprofile.instrument()
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE writer (id INTEGER, name TEXT)")
        db.execute("CREATE TABLE book (id INTEGER, title TEXT, writer_id INTEGER)")
        for n in range(ROWS):
            db.execute("INSERT INTO writer VALUES (?, ?)", (n, f"writer {n}"))
            db.execute("INSERT INTO book VALUES (?, ?, ?)", (n, f"book {n}", n))
        db.set_trace_callback(WIRE.append)
        yield db
    db.close()


@strawberry.type
class Writer:
    name: str


@dataclass
class Row:
    """A row of an ORM: what it refers to is loaded when it is asked for."""

    db: Any
    title: str
    writer_id: int


def writer_of(db, number):
    query = "SELECT name FROM writer WHERE id = ?"
    return Writer(name=db.execute(query, (number,)).fetchone()[0])


def scoped(source, **scope):
    """What a library would have: code that is not the application's."""
    exec(compile(source, "<library>", "exec"), scope)
    return scope


LAZY = scoped(
    """
class Lazy(Row):
    @property
    def writer(self):
        return writer_of(self.db, self.writer_id)

def writer_of(db, number):
    query = "SELECT name FROM writer WHERE id = ?"
    return Writer(name=db.execute(query, (number,)).fetchone()[0])
""",
    Row=Row,
    Writer=Writer,
)["Lazy"]


@strawberry.type
class Book:
    title: str
    writer_id: strawberry.Private[int]

    @strawberry.field
    def writer(self, info: strawberry.Info) -> Writer:
        query = "SELECT name FROM writer WHERE id = ?"
        row = info.context["db"].execute(query, (self.writer_id,))  # Q
        return Writer(name=row.fetchone()[0])

    @strawberry.field
    async def later(self, info: strawberry.Info) -> Writer:
        await asyncio.sleep(0)
        return self.writer_of(info.context["db"])  # Q3

    @strawberry.field
    async def loaded(self, info: strawberry.Info) -> Writer:
        return await info.context["loader"].load(self.writer_id)

    def writer_of(self, db):
        query = "SELECT name FROM writer WHERE id = ?"
        return Writer(name=db.execute(query, (self.writer_id,)).fetchone()[0])  # Q2


@strawberry.type
class LazyBook:
    title: str
    writer: Writer  # Q4


@strawberry.type
class Query:
    @strawberry.field
    def books(self, info: strawberry.Info) -> list[Book]:  # L
        rows = info.context["db"].execute("SELECT title, writer_id FROM book ORDER BY id")
        return [Book(title=title, writer_id=writer) for title, writer in rows]

    @strawberry.field
    def lazy_books(self, info: strawberry.Info) -> list[LazyBook]:  # L2
        rows = info.context["db"].execute("SELECT title, writer_id FROM book ORDER BY id")
        return [LAZY(info.context["db"], *row) for row in rows]

    @strawberry.field
    def writer(self, info: strawberry.Info, number: int) -> Writer:
        return writer_of(info.context["db"], number)

    @strawberry.field
    async def one_by_one(self, info: strawberry.Info) -> list[Writer]:
        found = []
        for number in range(ROWS):  # L5
            found.append(await info.context["loader"].load(number))  # noqa: PERF401
        return found


schema = strawberry.Schema(Query)


def answered(result):
    assert result.errors is None, result.errors
    return result.data


def asked(db, query):
    """A call that answers a query in a thread without an event loop."""
    return lambda: answered(schema.execute_sync(query, context_value={"db": db}))


def awaited(db, query, most=None):
    """A call that answers a query in an event loop; its loader asks for as many as that at once."""

    async def work():
        async def load(numbers):
            marks = ", ".join("?" * len(numbers))
            query = f"SELECT id, name FROM writer WHERE id IN ({marks})"
            known = dict(db.execute(query, numbers).fetchall())  # Q5
            return [Writer(name=known[number]) for number in numbers]

        context = {"db": db, "loader": DataLoader(load, max_batch_size=most)}
        return answered(await schema.execute(query, context_value=context))

    return lambda: asyncio.run(work())


def only(run):
    """The only finding of a call, which is one on the wire."""
    WIRE.clear()
    (finding,) = findings(run)
    within = WIRE[:]
    WIRE.clear()
    run()
    assert within == WIRE
    assert len(WIRE) >= ROWS
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    return finding


@pytest.mark.parametrize("way", [asked, awaited])
def test_a_resolver_for_each_parent_is_the_query(way, db):
    finding = only(way(db, "{ books { title writer { name } } }"))
    marks = marked(Book, Query)
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks["L"]
    assert finding.loop is not None
    assert finding.loop.function == "Query.books"


@pytest.mark.parametrize("way", [asked, awaited])
def test_a_field_without_a_resolver_is_the_query_itself(way, db):
    finding = only(way(db, "{ lazyBooks { title writer { name } } }"))
    marks = marked(LazyBook, Query)
    assert place(finding.query) == marks["Q4"]
    assert finding.query is not None
    assert finding.query.function == "LazyBook.writer"
    assert place(finding.loop) == marks["L2"]


def test_resolvers_that_run_at_once_ask_one_by_one_all_the_same(db):
    finding = only(awaited(db, "{ books { title later { name } } }"))
    assert place(finding.query) == marked(Book)["Q2"]
    assert finding.loop is not None
    assert finding.loop.function == "Book.later"


def test_a_loader_of_many_keys_is_silent(db):
    run = awaited(db, "{ books { title loaded { name } } }")
    WIRE.clear()
    assert findings(run) == []
    assert len(WIRE) == 2


def test_a_loader_that_is_given_one_key_at_a_time_is_not(db):
    finding = only(awaited(db, "{ oneByOne { name } }"))
    marks = marked(awaited, Query)
    assert place(finding.query) == marks["Q5"]
    assert place(finding.loop) == marks["L5"]


def test_nor_is_one_that_asks_for_a_single_key_each_time(db):
    finding = only(awaited(db, "{ books { title loaded { name } } }", 1))
    assert place(finding.query) == marked(awaited)["Q5"]
    assert finding.loop is not None
    assert finding.loop.function == "Book.loaded"


def test_the_fix_is_a_loader_for_the_field(db):
    finding = only(asked(db, "{ books { title writer { name } } }"))
    assert finding.fix == (
        "writer_loader = DataLoader(load_writers), await writer_loader.load(key) in Book.writer:"
        " WHERE id IN (?, ?, ...)"
    )


def test_fields_of_one_query_are_no_loop(db):
    fields = " ".join(f"w{n}: writer(number: {n}) {{ name }}" for n in range(ROWS))
    run = asked(db, f"{{ {fields} }}")
    WIRE.clear()
    assert findings(run) == []
    assert len(WIRE) == ROWS


def test_one_parent_is_silent(db):
    assert findings(asked(db, "{ writer(number: 1) { name } }")) == []


def test_queries_in_a_loop_of_the_applications_are_in_that(db):
    def work():
        for number in range(ROWS):  # L
            query = f"{{ writer(number: {number}) {{ name }} }}"
            schema.execute_sync(query, context_value={"db": db})

    finding = only(work)
    assert place(finding.loop) == marked(work)["L"]
