"""Rows for the scenarios of Django's ORM, and what is said of a function that works with them."""

import pytest

import inprofile
from inprofile.core import repeats
from tests.integrations import django_settings  # noqa: F401 - before any model
from tests.nplusone.judging import marked, place, same_code

USERS = 4


@pytest.fixture(scope="module")
def tables():
    """The tables, empty."""
    from django.apps import apps
    from django.contrib.contenttypes.models import ContentType
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("migrate", verbosity=0, run_syncdb=True)
    yield apps.get_app_config("social")
    ContentType.objects.clear_cache()
    connection.close()


@pytest.fixture
def rows(tables):
    """Users with a profile, posts, comments, tags and acquaintances, for one test."""
    from django.db import connection, transaction

    inprofile.instrument()
    repeats.forget()
    with transaction.atomic():
        fill()
        yield
        transaction.set_rollback(True)
    assert connection.get_autocommit()


def fill():
    """Four users who know each other, with two posts each, one of them edited by the next."""
    from tests.nplusone.social.models import City, Club, Comment, Post, Profile, Tag, User

    users = [User.objects.create(name=f"user {n}") for n in range(USERS)]
    for n, user in enumerate(users):
        next_one = users[(n + 1) % USERS]
        city = City.objects.create(name=f"city {n}")
        Profile.objects.create(user=user, city=city)
        user.following.add(next_one)
        user.friends.add(next_one)
        user.blocked.add(next_one)
        user.tags.create(word=f"tag {n}")
        user.clubs.add(Club.objects.create(name=f"club {n}"))
        for score in range(2):
            post = Post.objects.create(
                title=f"post {n}.{score}", author=user, editor=next_one, score=score
            )
            post.comment_set.bulk_create([Comment(post=post, text=f"{m}") for m in range(2)])
            Tag.objects.create(word="new", target=post)


def judged(run):
    """What is found in ``run``, which does the same with us and without."""
    return sent(run)[0]


def sent(run):
    """What is found in ``run``, and the statements that it runs with us and without."""
    from django.contrib.contenttypes.models import ContentType
    from django.db import connection, transaction
    from django.test.utils import CaptureQueriesContext

    from inprofile.testing import record

    logs = []
    found = []
    for is_recorded in (False, True):
        ContentType.objects.clear_cache()
        with transaction.atomic(), CaptureQueriesContext(connection) as statements:
            if is_recorded:
                with record() as recording:
                    run()
                found = recording.findings
            else:
                run()
            transaction.set_rollback(True)
        log = [one["sql"] for one in statements.captured_queries]
        logs.append([one for one in log if "SAVEPOINT" not in one])
    assert logs[0] == logs[1]
    return found, logs[0]


def says(run, relation, count, *fix, fixed=None, more=(), kind="n_plus_one"):
    """There is one finding in ``run``, at its marks, for ``count`` runs; and none once it is
    ``fixed``, which runs fewer statements.
    """
    found, statements = sent(run)
    assert [one.relation for one in found] == [relation], found
    (finding,) = found
    marks = marked(run, *more)
    assert (finding.kind, finding.count) == (kind, count)
    assert len(statements) >= count, statements
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    if "W" in marks:
        assert place(finding.where) == marks["W"]
    for code in fix:
        assert same_code(finding.fix, code), finding.fix
    if fixed is not None:
        found, fewer = sent(fixed)
        assert found == []
        assert len(fewer) < len(statements) + (count == 2), fewer  # two may be of two models
    return finding
