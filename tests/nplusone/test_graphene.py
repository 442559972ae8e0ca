"""Graphene, which runs on an older graphql-core than Strawberry: in an environment of its own."""

import asyncio
import sqlite3
from typing import Any

import pytest

import inprofile
from tests.nplusone.judging import findings, marked, place

graphene: Any = pytest.importorskip("graphene")
aiodataloader: Any = pytest.importorskip("aiodataloader")

ROWS = 4


@pytest.fixture
def db():
    inprofile.instrument()
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE writer (id INTEGER, name TEXT)")
        for n in range(ROWS):
            db.execute("INSERT INTO writer VALUES (?, ?)", (n, f"writer {n}"))
        yield db
    db.close()


class Book(graphene.ObjectType):
    writer_name = graphene.String()
    loaded = graphene.String()

    def resolve_writer_name(self, info):
        query = "SELECT name FROM writer WHERE id = ?"
        return info.context["db"].execute(query, (self["number"],)).fetchone()[0]  # Q

    async def resolve_loaded(self, info):
        return await info.context["loader"].load(self["number"])


class Query(graphene.ObjectType):
    all_books = graphene.List(Book)  # L
    one_by_one = graphene.List(graphene.String)

    def resolve_all_books(self, info):
        return [{"number": n} for n in range(ROWS)]

    async def resolve_one_by_one(self, info):
        found = []
        for n in range(ROWS):  # L5
            found.append(await info.context["loader"].load(n))  # noqa: PERF401
        return found


schema = graphene.Schema(Query)


def awaited(db, query):
    async def work():
        async def load(numbers):
            marks = ", ".join("?" * len(numbers))
            query = f"SELECT id, name FROM writer WHERE id IN ({marks})"
            known = dict(db.execute(query, numbers).fetchall())  # Q5
            return [known[number] for number in numbers]

        context = {"db": db, "loader": aiodataloader.DataLoader(load)}
        answer = await schema.execute_async(query, context=context)
        assert answer.errors is None, answer.errors

    return lambda: asyncio.run(work())


def asked(db, query):
    def work():
        answer = schema.execute(query, context={"db": db})
        assert answer.errors is None, answer.errors

    return work


@pytest.mark.parametrize("way", [asked, awaited])
def test_a_resolver_for_each_parent_is_the_query(way, db):
    sent: list[str] = []
    db.set_trace_callback(sent.append)
    (finding,) = findings(way(db, "{ allBooks { writerName } }"))
    assert len(sent) == ROWS
    assert "DataLoader(" in finding.fix
    marks = marked(Book, Query)
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks["L"]


def test_a_loader_of_many_keys_is_silent_and_one_key_at_a_time_is_not(db):
    assert findings(awaited(db, "{ allBooks { loaded } }")) == []
    (finding,) = findings(awaited(db, "{ oneByOne }"))
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert place(finding.query) == marked(awaited)["Q5"]
    assert place(finding.loop) == marked(Query)["L5"]
