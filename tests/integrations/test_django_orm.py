"""Django's ORM and databases: building objects apart from the statements, each counted once."""

import asyncio
import copy
import pickle

import pytest
from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from django.db.models import Count, F
from django.test.utils import CaptureQueriesContext

import inprofile
from inprofile.testing import record
from tests.integrations.django_data import rows
from tests.integrations.django_site import NAMES
from tests.integrations.spans import names, spans


@pytest.fixture(autouse=True)
def _rows():
    with rows():
        yield


def recorded(work):
    with record() as seen, inprofile.job("work"):
        result = work()
    trace = seen.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    return trace, result


def everything():
    """What people do with an ORM, and what comes out of it."""
    users = User.objects.order_by("pk")
    yield [user.username for user in users]
    yield [[group.name for group in user.groups.order_by("pk")] for user in users]
    yield [
        sorted(group.name for group in user.groups.all())
        for user in users.prefetch_related("groups")
    ]
    yield list(users.values_list("username", flat=True)), list(users.values("username"))
    yield users.count(), users.exists(), users.filter(username="nobody").exists()
    yield users.aggregate(n=Count("groups")), users.first().username, users.last().username
    yield [user.username for user in users.iterator(chunk_size=2)]
    yield [user.username for user in users.prefetch_related("groups").iterator(chunk_size=2)]
    yield users.get(username="bob").username
    yield users.filter(username="bob").update(first_name=F("username"))
    yield users.only("username").get(username="bob").first_name
    yield [user.username for user in User.objects.raw("SELECT * FROM auth_user ORDER BY id")]
    yield len(Group.objects.bulk_create([Group(name="a"), Group(name="b")]))
    yield Group.objects.get_or_create(name="a")[1], Group.objects.filter(name="b").delete()[0]
    yield User.objects.all().union(User.objects.all()).count(), users.none().count()
    with transaction.atomic():
        Group(name="kept").save()
        with pytest.raises(DatabaseError), transaction.atomic():
            Group(name="kept").save()
    yield Group.objects.get(name="kept").delete()
    with connection.cursor() as cursor:
        cursor.execute("SELECT username FROM auth_user WHERE username = %s", ["bob"])
        yield cursor.fetchone(), cursor.fetchmany(2), cursor.description[0][0]
        cursor.executemany("UPDATE auth_user SET last_name = %s", [["x"], ["y"]])
    Group.objects.filter(name="a").delete()


def conversation():
    with CaptureQueriesContext(connection) as queries:
        results = [repr(result) for result in everything()]
    return results, [query["sql"] for query in queries]


def test_results_and_statements_are_the_same_with_and_without_us():
    inprofile.uninstrument()
    without = conversation()
    trace, within = recorded(conversation)
    assert len(within[0]) == len(without[0])
    assert [_without_keys(one) for one in within[1]] == [_without_keys(one) for one in without[1]]
    assert trace.stages["db"] > 0
    assert trace.stages["orm"] > 0


def _without_keys(statement):
    """New rows have new keys."""
    return "".join(letter for letter in statement if not letter.isdigit())


def test_each_statement_counts_once_below_what_asked_for_it():
    connection.close()
    trace, _ = recorded(lambda: list(User.objects.filter(username="ann").only("username")))
    selected = 'SELECT "auth_user"."id", "auth_user"."username" FROM "auth_user"'
    assert spans(trace, "orm", "db") == [
        ("orm", "User", "work", 1),
        ("db", "CONNECT", "User", 1),
        ("db", f'{selected} WHERE "auth_user"."username" = %s', "User", 1),
    ]
    (statement,) = [span for span in trace.spans if str(span.name).startswith("SELECT")]
    assert statement.attributes == {
        "db.system.name": "sqlite",
        "db.operation.name": "SELECT",
        "db.collection.name": "auth_user",
        "db.query.summary": 'SELECT "auth_user"',
    }


def test_the_rows_of_a_raw_cursor_belong_to_their_statement():
    def work():
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM auth_user ORDER BY id")
            return [len(row) for row in cursor]

    trace, lengths = recorded(work)
    assert lengths == [1] * len(NAMES)
    assert names(trace, "db")[-1] == "SELECT id FROM auth_user ORDER BY id"
    assert trace.spans[-2].moved_ns > 0


def test_an_evaluated_queryset_is_not_evaluated_again():
    users = User.objects.all()
    trace, _ = recorded(lambda: [list(users), len(users), bool(users), users[0]])
    assert names(trace, "orm") == ["User"]


def test_a_loop_of_lazy_loads_shows_each_of_its_statements():
    trace, _ = recorded(lambda: [list(user.groups.all()) for user in User.objects.all()])
    assert names(trace, "orm") == ["User", *["Group"] * len(NAMES)]
    assert len([name for name in names(trace, "db") if "auth_user_groups" in name]) == len(NAMES)


def test_objects_of_an_iterator_are_the_orms_time_and_no_span_each():
    trace, _ = recorded(lambda: [user.pk for user in User.objects.iterator()])
    assert sum(span.count for span in trace.spans if span.kind == "orm") == len(NAMES) + 1
    assert len(names(trace, "orm")) == 2


def test_a_transaction_shows_its_begin_and_commit():
    def work():
        with transaction.atomic():
            Group.objects.create(name="new").delete()

    trace, _ = recorded(work)
    said = [name.split(" ")[0] for name in names(trace, "db")]
    assert (said[0], said[-1]) == ("BEGIN", "COMMIT")
    assert "INSERT" in said


def test_querysets_and_models_are_pickled_and_copied_as_ever():
    def work():
        users = User.objects.filter(username="ann")
        again = pickle.loads(pickle.dumps(users))
        lazy = pickle.loads(pickle.dumps(users.query))
        one = copy.deepcopy(users.get())
        return type(again), [user.username for user in again], str(lazy), one == users.get()

    inprofile.uninstrument()
    without = work()
    assert recorded(work)[1] == without


def test_cursors_and_connections_are_of_djangos_own_types():
    def work():
        connection.close()
        with connection.cursor() as cursor:
            return [type(cursor), type(cursor.cursor), type(connection.connection)]

    inprofile.uninstrument()
    without = work()
    assert recorded(work)[1] == without


@pytest.mark.parametrize("statement", [b"SELECT 1", None, 7, "SELECT nothing"])
def test_a_statement_that_is_none_brings_the_drivers_own_error(statement):
    def work():
        with connection.cursor() as cursor:
            try:
                cursor.execute(statement)
            except Exception as error:
                return type(error), str(error)
            return cursor.fetchall()

    inprofile.uninstrument()
    without = work()
    assert recorded(work)[1] == without
    assert inprofile.status() == {"enabled": False}


def test_asynchronous_use_keeps_its_parents():
    async def work():
        return [user.username async for user in User.objects.order_by("pk")], (
            await asyncio.gather(*(User.objects.aget(username=name) for name in NAMES))
        )

    trace, (listed, found) = recorded(lambda: asyncio.run(work()))
    assert listed == NAMES == [user.username for user in found]
    assert names(trace, "orm") == ["User"] * (1 + len(NAMES))
    assert {parent for _, name, parent, _ in spans(trace, "db") if name != "CONNECT"} == {"User"}
