"""GraphQL: what is advised for resolvers that ask one by one, done as it says, leaves nothing."""

import pytest
import strawberry

from tests.nplusone import test_graphql
from tests.nplusone.judging import findings, marked, place, same_code
from tests.nplusone.test_graphql import ROWS, WIRE, Writer, answered, asked, awaited, db

__all__ = ["db"]


def wired(run):
    """What is found in a call, and how many statements reach the database with us and without."""
    WIRE.clear()
    run()
    without = len(WIRE)
    WIRE.clear()
    found = findings(run)
    assert len(WIRE) == without
    return found, without


@pytest.mark.parametrize("way", [asked, awaited])
def test_a_resolver_for_each_parent_is_to_ask_a_loader(way, db):
    (finding,), sent = wired(way(db, "{ books { title writer { name } } }"))
    assert (finding.kind, finding.count, sent) == ("n_plus_one", ROWS, 1 + ROWS)
    assert same_code(finding.fix, "WHERE id IN (?, ?, ...)")
    assert "DataLoader(" in finding.fix
    assert wired(awaited(db, "{ books { title loaded { name } } }")) == ([], 2)


def test_resolvers_that_run_at_once_are_to_ask_a_loader(db):
    (finding,), sent = wired(awaited(db, "{ books { title later { name } } }"))
    assert (finding.kind, finding.count, sent) == ("n_plus_one", ROWS, 1 + ROWS)
    assert same_code(finding.fix, "WHERE id IN (?, ?, ...)")
    assert "DataLoader(" in finding.fix
    assert wired(awaited(db, "{ books { title loaded { name } } }")) == ([], 2)


@strawberry.type
class Together:
    @strawberry.field
    async def at_once(self, info: strawberry.Info) -> list[Writer]:
        return list(await info.context["loader"].load_many(range(ROWS)))


def test_a_loader_that_is_given_one_key_at_a_time_is_to_be_given_all(db, monkeypatch):
    (finding,), sent = wired(awaited(db, "{ oneByOne { name } }"))
    assert (finding.kind, finding.count, sent) == ("n_plus_one", ROWS, ROWS)
    assert same_code(finding.fix, "WHERE id IN (?, ?, ...)")
    monkeypatch.setattr(test_graphql, "schema", strawberry.Schema(Together))
    assert wired(awaited(db, "{ atOnce { name } }")) == ([], 1)


def test_a_loop_of_the_applications_around_queries_needs_no_loader(db):
    def run():
        for number in range(ROWS):  # L
            query = f"{{ writer(number: {number}) {{ name }} }}"
            context = {"db": db}
            answered(test_graphql.schema.execute_sync(query, context_value=context))

    (finding,), _ = wired(run)
    assert place(finding.loop) == marked(run)["L"]
    assert finding.fix == "WHERE id IN (?, ?, ...)"
