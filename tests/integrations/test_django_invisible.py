"""Django's ORM with us is Django's ORM: the same answers by the same statements, copied as ever."""

import asyncio
import copy
import pickle
import re
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.core.management import call_command
from django.db import connections, models, transaction
from django.db.models import Count, F, Q
from django.test import TransactionTestCase
from django.test.utils import CaptureQueriesContext

import inprofile
from inprofile.testing import Recorded, record
from tests.integrations.bookshop.models import Profile, Publisher, Tag, Volume, Writer
from tests.integrations.bookshop.uses import LATER, USES, fill, volumes, writers

MODES = ("without us", "idle", "recorded")


@pytest.fixture(params=["default", "postgresql"], scope="module")
def using(request):
    """The alias of a database with the bookshop's tables in it, filled."""
    alias = request.param
    if alias == "postgresql":
        dsn = request.getfixturevalue("postgres_dsn")
        there = {"ENGINE": "django.db.backends.postgresql", "HOST": dsn.partition("?host=")[2]}
        there |= {"NAME": "postgres", "USER": "postgres"}
        configured = connections.configure_settings({"default": {}, alias: there})
        connections.settings[alias] = configured[alias]
    for options in ({}, {"run_syncdb": True}):  # whose tables refer to those of the first
        call_command("migrate", verbosity=0, database=alias, **options)
    fill(alias)
    yield alias
    for model in (Tag, Profile, Volume, Writer, Publisher):
        model.objects.using(alias).all().delete()
    connections[alias].close()
    if alias == "postgresql":
        del connections.settings[alias], connections[alias]


def in_every_mode(use):
    """What ``use`` returns without us, idle and recorded, called from one line; and the trace."""
    found, recorded = [], Recorded()
    for mode in MODES:
        with ExitStack() as stack:
            inprofile.uninstrument()
            if mode == "idle":
                inprofile.instrument()
            if mode == "recorded":
                recorded = stack.enter_context(record())
                stack.enter_context(inprofile.job("work"))
            found.append(use())
            assert inprofile.status().get("errors", 0) == 0
    return *found, recorded.trace


ADDRESS = re.compile(r"0x[0-9a-f]+")
CURSOR = re.compile(r"_django_curs_\d+_sync_\d+")
"""Server-side cursors have a number each."""

SEQUENCES = """SELECT setval(pg_get_serial_sequence(quote_ident(tablename), 'id'), 1000)
FROM pg_tables WHERE tablename LIKE 'bookshop%'"""
"""PostgreSQL's go on counting when a transaction is undone."""


@contextmanager
def undone(using, sent):
    """A transaction that is undone; ``sent`` is given the statements."""
    connection = connections[using]
    connection.savepoint_state = 0  # savepoints are counted on, and named by that
    if using == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(SEQUENCES)
    with CaptureQueriesContext(connection) as queries, transaction.atomic(using=using):
        yield
        transaction.set_rollback(True, using=using)
    sent += [CURSOR.sub("cursor", query["sql"]) for query in queries]


ENDS = {"BEGIN", "COMMIT", "ROLLBACK", "CONNECT"}
"""What a driver may send by itself."""


def verbs(statements):
    """The statements' first words; what a server-side cursor is declared for is its statement."""
    words = [text.replace("DECLARE", "SELECT").partition(" ")[0] for text in statements]
    return [
        word
        for word, text in zip(words, statements, strict=True)
        if text not in ENDS and "setval" not in text
    ]


def counted(trace):
    """The statements of a trace, each as often as it is counted."""
    spans = sorted(trace.spans, key=lambda span: span.start_ns)
    return [str(span.name) for span in spans if span.kind == "db" for _ in range(span.count)]


@pytest.mark.parametrize("name", USES)
def test_the_same_answers_by_the_same_statements(name, using):
    def use():
        sent: list[str] = []
        with undone(using, sent):
            found = repr(USES[name](using))
        return found, sent

    without, idle, within, trace = in_every_mode(use)
    assert within == idle == without
    assert verbs(counted(trace)) == verbs(without[1]) != []


def close(using):
    connections[using].close()


@pytest.mark.parametrize("name", LATER)
def test_the_same_answers_by_the_same_statements_when_they_are_awaited(name, using):
    """The statements are sent by a thread that is the loop's; the connection is that thread's."""

    async def use():
        sent: list[str] = []
        block = undone(using, sent)
        await sync_to_async(block.__enter__)()
        found = repr(await LATER[name](using))
        await sync_to_async(block.__exit__)(None, None, None)
        await sync_to_async(close)(using)
        return found, sent

    without, idle, within, trace = in_every_mode(lambda: asyncio.run(use()))
    assert within == idle == without
    assert verbs(counted(trace)) == verbs(without[1]) != []


# Copies

QUERYSETS = {
    "all": volumes,
    "filtered": lambda using: volumes(using).filter(Q(pages__gt=1) & ~Q(pages=F("pages") + 1)),
    "sliced": lambda using: volumes(using)[1:3],
    "annotated": lambda using: writers(using).annotate(n=Count("volumes")),
    "with relations": lambda using: writers(using).select_related("publisher", "profile"),
    "prefetched": lambda using: volumes(using).prefetch_related("writers__profile", "tags"),
    "deferred": lambda using: volumes(using).defer("title"),
    "values": lambda using: volumes(using).values("title"),
    "names": lambda using: volumes(using).values_list("title", named=True),
    "flat": lambda using: volumes(using).values_list("title", flat=True),
    "related": lambda using: writers(using)[0].volumes.order_by("pk"),
    "none": lambda using: volumes(using).none(),
}
COPIES = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda one: pickle.loads(pickle.dumps(one)),
    "pickle of its query": lambda one: type(one)(
        one.model, pickle.loads(pickle.dumps(one.query)), one.db
    ),
}


def looks(value):
    """A queryset, a model or a row as plain values, with what they keep of their own."""
    if isinstance(value, models.QuerySet):
        kept = {name: type(kept).__name__ for name, kept in vars(value).items()}
        return (
            type(value).__name__,
            kept,
            ADDRESS.sub("0x", repr(value.query.where)),
            [looks(one) for one in value],
        )
    if isinstance(value, models.Model):
        kept = {name: repr(kept) for name, kept in vars(value).items() if name != "_state"}
        return type(value).__name__, kept, sorted(vars(value._state)), value._state.db
    return repr(value)


@pytest.mark.parametrize("is_evaluated", [False, True], ids=["lazy", "evaluated"])
@pytest.mark.parametrize("how", COPIES)
@pytest.mark.parametrize("name", QUERYSETS)
def test_querysets_are_copied_as_they_were(name, how, is_evaluated, using):
    def use():
        sent: list[str] = []
        with undone(using, sent):
            found = QUERYSETS[name](using)
            if is_evaluated:
                len(found)
            again = COPIES[how](found)
            told = looks(again), looks(found), looks(again) == looks(found)
            return told, b"inprofile" in pickle.dumps([found, list(found)]), sent

    without, idle, within, _ = in_every_mode(use)
    assert within == idle == without
    assert not within[1]


MODELS = {
    "new": lambda using: Publisher(name="new"),
    "loaded": lambda using: volumes(using)[0],
    "deferred": lambda using: volumes(using).only("pages")[0],
    "with relations": lambda using: writers(using).select_related("publisher", "profile")[0],
    "prefetched": lambda using: volumes(using).prefetch_related("writers", "tags")[0],
    "cached": lambda using: visited(writers(using)[0]),
}


def visited(writer):
    """A model that has its relations in its cache."""
    assert writer.publisher.name
    assert writer.profile.text
    return writer


@pytest.mark.parametrize("how", ["copy", "deepcopy", "pickle"])
@pytest.mark.parametrize("name", MODELS)
def test_models_are_copied_as_they_were(name, how, using):
    def use():
        sent: list[str] = []
        with undone(using, sent):
            one = MODELS[name](using)
            again = COPIES[how](one)
            told = looks(again), looks(one), again == one, sorted(again._state.fields_cache)
            return told, b"inprofile" in pickle.dumps(one), sent

    without, idle, within, _ = in_every_mode(use)
    assert within == idle == without
    assert not within[1]


def test_what_is_pickled_in_a_trace_is_read_without_us_and_the_other_way_round(using):
    inprofile.uninstrument()
    outside = pickle.dumps([volumes(using), writers(using).prefetch_related("volumes")])
    with record(), inprofile.job("work"):
        inside = pickle.dumps([volumes(using), writers(using).prefetch_related("volumes")])
        read = [looks(one) for one in pickle.loads(outside)]
    inprofile.uninstrument()
    assert [looks(one) for one in pickle.loads(inside)] == read
    assert [looks(one) for one in pickle.loads(outside)] == read


# What watches statements


def test_statements_are_asserted_on_as_ever(using):
    case = TransactionTestCase()

    def use():
        with case.assertNumQueries(2, using=using):
            assert volumes(using).exists()
            assert len(writers(using)) == 4
        case.assertNumQueries(1, lambda: list(volumes(using)), using=using)
        with pytest.raises(AssertionError) as failed, case.assertNumQueries(1, using=using):
            assert [writer.publisher.pk for writer in writers(using)]
        return str(failed.value)

    without, idle, within, _ = in_every_mode(use)
    assert within == idle == without
    assert "5 queries executed, 1 expected" in within


def test_the_log_of_queries_is_the_same(using):
    connection = connections[using]

    def use():
        connection.force_debug_cursor = True
        connection.queries_log.clear()
        try:
            assert len(volumes(using)) == 6
            with connection.cursor() as cursor:
                cursor.executemany("UPDATE bookshop_volume SET pages = %s", [[1], [2]])
            return [(query["sql"], sorted(query)) for query in connection.queries]
        finally:
            connection.force_debug_cursor = False
            connection.queries_log.clear()

    without, idle, within, _ = in_every_mode(use)
    assert within == idle == without
    assert len(within) == 2


def test_wrappers_of_statements_are_called_as_ever(using):
    """In their order, with what they were given; they may change a statement, or refuse it."""
    connection = connections[using]
    volume = volumes(using)[0]

    def use():
        seen: list[Any] = []

        def outer(execute, sql, params, many, context):
            seen.append(("outer", type(execute).__name__, sql, params, many, sorted(context)))
            if "refused" in sql:
                raise KeyError("refused")
            return execute(sql.replace("REPLACED", "1"), params, many, context)

        def inner(execute, sql, params, many, context):
            seen.append(("inner", type(execute).__name__, sql, params, many))
            assert context["connection"] is connection
            assert type(context["cursor"]).__module__ == "django.db.backends.utils"
            return execute(sql, params, many, context)

        with connection.execute_wrapper(outer), connection.execute_wrapper(inner):
            found = [volumes(using).get(pk=volume.pk).title]
            with connection.cursor() as cursor:
                cursor.execute("SELECT REPLACED")
                found.append(cursor.fetchone())
                cursor.executemany("UPDATE bookshop_volume SET pages = %s", [[1], [2]])
                with pytest.raises(KeyError, match="refused"):
                    cursor.execute("SELECT 'refused'")
        return found, seen, connection.execute_wrappers

    without, idle, within, trace = in_every_mode(use)
    assert within == idle == without
    assert verbs(counted(trace)) == ["SELECT", "SELECT", "UPDATE"]
