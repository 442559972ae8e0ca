"""Random small programs of Django's ORM run the same statements with us and without."""

import copy
import pickle

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.db.models import Count, Prefetch, prefetch_related_objects
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

import inprofile
from inprofile.testing import record
from tests.nplusone.django_rows import rows, tables  # noqa: F401
from tests.nplusone.social.models import City, Post, Profile, Tag, User

pytestmark = pytest.mark.usefixtures("rows")

TO_ONE = {
    User: ["profile"],
    Post: ["author", "editor", "article"],
    Profile: ["user", "city"],
    Tag: ["target", "content_type"],
    City: [],
}

TO_MANY = {
    User: ["posts", "edited", "following", "followers", "friends", "blocked", "user_set", "tags"],
    Post: ["comment_set", "tags"],
    Profile: [],
    Tag: [],
    City: ["profile_set", "article_set"],
}

COLUMNS = {User: "bio", Post: "text", Profile: "city_id", Tag: "word", City: "name"}

QUERYSETS = {
    "all": lambda rows, model: rows,
    "joined": lambda rows, model: rows.select_related(*_joinable(model)),
    "prefetched": lambda rows, model: rows.prefetch_related(*TO_MANY[model], *TO_ONE[model]),
    "only": lambda rows, model: rows.only("pk"),
    "defer": lambda rows, model: rows.defer(COLUMNS[model]),
    "sliced": lambda rows, model: rows[:3],
    "ordered": lambda rows, model: rows.order_by("-pk"),
    "counted": lambda rows, model: rows.annotate(n=Count("pk")),
}

ASKED = {
    "list": list,
    "count": lambda rows: rows.count(),
    "exists": lambda rows: rows.exists(),
    "first": lambda rows: rows.first(),
    "last": lambda rows: rows.last(),
    "item": lambda rows: rows.order_by("pk")[1:2],
    "filter": lambda rows: list(rows.filter(pk__gt=2)),
    "get": lambda rows: rows.get(pk=1),
    "values": lambda rows: list(rows.values_list("pk")),
    "update": lambda rows: rows.update(pk=0) if rows.filter(pk=-1).exists() else 0,
    "contains": lambda rows: rows.filter(pk__in=[1]).exists(),
    "iterator": lambda rows: list(rows.iterator(chunk_size=2)),
}


def _joinable(model):
    return [name for name in TO_ONE[model] if name != "target"]


def step():
    """What is done with each row: the name of it, and a choice."""
    return some.tuples(
        some.sampled_from(["one", "many", "column", "again", "save", "prefetch", "pickle", "loop"]),
        some.integers(0, 7),
        some.sampled_from(sorted(ASKED)),
    )


PROGRAMS = some.lists(
    some.tuples(
        some.sampled_from([User, Post, Profile, Tag, City]),
        some.lists(some.sampled_from(sorted(QUERYSETS)), max_size=2, unique=True),
        some.sampled_from([None, 1, 2, 100]),
        some.lists(step(), min_size=1, max_size=3),
    ),
    min_size=1,
    max_size=2,
)


def run(program):
    """What the program sees, as plain values."""
    seen = []
    for model, shapes, chunk, steps in program:
        try:
            rows = model.objects.all()
            for shape in sorted(shapes, key=["sliced"].__contains__):
                rows = QUERYSETS[shape](rows, model)
            for row in rows if chunk is None else rows.iterator(chunk_size=chunk):
                for each in steps:
                    seen.append(act(row, model, *each))
        except Exception as error:
            seen.append(type(error).__name__)
    return seen


def act(row, model, kind, n, asked):
    try:
        if kind == "one" and TO_ONE[model]:
            other = getattr(row, TO_ONE[model][n % len(TO_ONE[model])])
            return None if other is None else other.pk
        if kind == "many" and TO_MANY[model]:
            found = ASKED[asked](getattr(row, TO_MANY[model][n % len(TO_MANY[model])]).all())
            return len(found) if isinstance(found, list) else type(found).__name__
        if kind == "loop" and TO_MANY[model]:
            there = getattr(row, TO_MANY[model][n % len(TO_MANY[model])])
            return [str(getattr(one, "author", None) and one.author.pk) for one in there.all()]
        if kind == "prefetch" and TO_MANY[model]:
            name = TO_MANY[model][n % len(TO_MANY[model])]
            few = getattr(model, name).rel.related_model if name == "posts" else None
            prefetch_related_objects(
                [row], name if few is None else Prefetch(name, few.objects.all())
            )
        if kind == "column":
            return str(getattr(row, COLUMNS[model]))
        if kind == "again":
            row.refresh_from_db()
        if kind == "save":
            row.save()
        if kind == "pickle":
            queryset = model.objects.filter(pk=row.pk)
            again = [pickle.loads(pickle.dumps(queryset)), copy.copy(queryset), queryset.all()]
            return [len(one) for one in again], pickle.loads(pickle.dumps(row)).pk
    except ObjectDoesNotExist as error:
        return type(error).__name__
    return None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(program=PROGRAMS)
def test_the_same_statements_and_values(program):
    logs = []
    for is_recorded in (False, True):
        with transaction.atomic(), CaptureQueriesContext(connection) as captured:
            if is_recorded:
                with record() as recording:
                    seen = run(program)
                for finding in recording.findings:
                    assert finding.count > 1
                    assert finding.fix
            else:
                seen = run(program)
            transaction.set_rollback(True)
        logs.append((seen, [one["sql"] for one in captured.captured_queries]))
    assert logs[0] == logs[1]
    assert inprofile.status()["errors"] == 0
