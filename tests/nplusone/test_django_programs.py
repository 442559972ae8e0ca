"""Random small programs of Django's ORM run the same statements with us and without."""

import copy
import pickle
from typing import Any

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.db import connection, transaction
from django.db.models import Count, Prefetch, prefetch_related_objects
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

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
    "all": lambda found, model: found,
    "joined": lambda found, model: found.select_related(*_joinable(model)),
    "prefetched": lambda found, model: found.prefetch_related(*TO_MANY[model], *TO_ONE[model]),
    "only": lambda found, model: found.only("pk"),
    "defer": lambda found, model: found.defer(COLUMNS[model]),
    "sliced": lambda found, model: found[:3],
    "ordered": lambda found, model: found.order_by("-pk"),
    "counted": lambda found, model: found.annotate(n=Count("pk")),
}

ASKED = {
    "list": list,
    "count": lambda found: found.count(),
    "exists": lambda found: found.exists(),
    "first": lambda found: found.first(),
    "last": lambda found: found.last(),
    "item": lambda found: found.order_by("pk")[1:2],
    "filter": lambda found: list(found.filter(pk__gt=2)),
    "get": lambda found: found.get(pk=1),
    "values": lambda found: list(found.values_list("pk")),
    "update": lambda found: found.update(pk=0) if found.filter(pk=-1).exists() else 0,
    "contains": lambda found: found.filter(pk__in=[1]).exists(),
    "iterator": lambda found: list(found.iterator(chunk_size=2)),
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
    seen: list[Any] = []
    for model, shapes, chunk, steps in program:
        try:
            found = model.objects.all()
            for shape in sorted(shapes, key=["sliced"].__contains__):
                found = QUERYSETS[shape](found, model)
            for row in found if chunk is None else found.iterator(chunk_size=chunk):
                seen.extend(act(row, model, *each) for each in steps)
        except Exception as error:
            seen.append(type(error).__name__)  # the same with us and without
    return seen


def act(row, model, kind, n, asked):
    """What one step gives for a row; the same with us and without."""
    to_one, to_many = TO_ONE[model], TO_MANY[model]
    try:
        if kind == "one" and to_one:
            return getattr(getattr(row, to_one[n % len(to_one)]), "pk", None)
        if to_many and kind in {"many", "loop", "prefetch"}:
            return to_many_of(row, to_many[n % len(to_many)], kind, asked)
        return KINDS[kind](row, model)
    except ObjectDoesNotExist as error:
        return type(error).__name__


def to_many_of(row, name, kind, asked):
    if kind == "many":
        found = ASKED[asked](getattr(row, name).all())
        return len(found) if isinstance(found, list) else type(found).__name__
    if kind == "loop":
        return [
            str(getattr(one, "author", None) and one.author.pk) for one in getattr(row, name).all()
        ]
    few = Prefetch(name, Post.objects.filter(score=1)) if name == "posts" else name
    return prefetch_related_objects([row], few)


def pickled(row, model):
    queryset = model.objects.filter(pk=row.pk)
    again = [pickle.loads(pickle.dumps(queryset)), copy.copy(queryset), queryset.all()]
    return [len(one) for one in again], pickle.loads(pickle.dumps(row)).pk


KINDS = {
    "column": lambda row, model: str(getattr(row, COLUMNS[model])),
    "again": lambda row, model: row.refresh_from_db(),
    "save": lambda row, model: row.save(),
    "pickle": pickled,
    "one": lambda row, model: None,
    "many": lambda row, model: None,
    "loop": lambda row, model: None,
    "prefetch": lambda row, model: None,
}


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
