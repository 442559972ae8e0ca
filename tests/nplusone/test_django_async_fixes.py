"""Django's ORM from coroutines: what is advised, done as it says, leaves nothing to find."""

import asyncio

import pytest
from asgiref.sync import sync_to_async
from django.db import connection
from django.db.models import Count
from django.test.utils import CaptureQueriesContext

from inprofile.testing import record
from tests.nplusone.django_rows import tables
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import Post, User
from tests.nplusone.test_django_async import kept

__all__ = ["kept", "tables"]


def sent(run):
    """What is found in ``await run()``, and how many statements reach the database either way."""

    async def counted():
        captured = CaptureQueriesContext(connection)
        await sync_to_async(captured.__enter__)()  # in the thread that asks
        await run()
        number = await sync_to_async(captured.__len__)()
        await sync_to_async(captured.__exit__)(None, None, None)
        return number

    without = asyncio.run(counted())
    with record() as recording:
        within = asyncio.run(counted())
    assert within == without
    return recording.findings, within


def says(run, fixed, relation, count, fix, *more):
    (finding,), many = sent(run)
    marks = marked(run, *more)
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", relation, count)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    assert same_code(finding.fix, fix), finding.fix
    assert many == 1 + count
    found, few = sent(fixed)
    assert found == []
    assert few < many


def test_rows_that_are_looked_up():
    async def run():
        async for post in Post.objects.all():  # L
            await User.objects.aget(pk=post.author_id)  # Q

    async def fixed():
        ids = [post.author_id async for post in Post.objects.all()]
        await User.objects.ain_bulk(ids)

    says(run, fixed, "", 8, "User.objects.in_bulk(ids)")


def test_relations():
    async def run():
        users = [user async for user in User.objects.all()]
        for user in users:  # L
            [post async for post in user.posts.all()]  # Q

    async def fixed():
        async for user in User.objects.prefetch_related("posts"):
            [post async for post in user.posts.all()]

    says(run, fixed, "User.posts", 4, 'prefetch_related("posts")')


def test_counts():
    async def run():
        async for user in User.objects.all():  # L
            await user.posts.acount()  # Q

    async def fixed():
        async for user in User.objects.annotate(Count("posts")):
            str(user.posts__count)

    says(run, fixed, "User.posts", 4, 'annotate(Count("posts"))')


def test_functions_that_are_handed_to_a_thread():
    def name_of(post):
        return post.author.name  # Q

    async def run():
        async for post in Post.objects.all():  # L
            await sync_to_async(name_of)(post)

    async def fixed():
        async for post in Post.objects.select_related("author"):
            await sync_to_async(name_of)(post)

    says(run, fixed, "Post.author", 8, 'select_related("author")', name_of)


def test_rows_that_are_saved():
    async def run():
        async for post in Post.objects.all():  # L
            post.score += 1
            await post.asave(update_fields=["score"])  # Q

    async def fixed():
        posts = [post async for post in Post.objects.all()]
        await Post.objects.abulk_update(posts, ["score"])

    says(run, fixed, "", 8, 'Post.objects.bulk_update(posts, ["score"])')


def test_lookups_that_are_gathered():
    async def run():
        pks = [pk async for pk in User.objects.values_list("pk", flat=True)]
        await asyncio.gather(*(User.objects.aget(pk=pk) for pk in pks))  # L Q

    async def fixed():
        pks = [pk async for pk in User.objects.values_list("pk", flat=True)]
        await User.objects.ain_bulk(pks)

    says(run, fixed, "", 4, "User.objects.in_bulk(ids)")


@pytest.mark.parametrize("times", [1, 2])
def test_so_many_rows_are_silent_or_not(times):
    async def run():
        async for user in User.objects.order_by("pk")[:times]:
            [post async for post in user.posts.all()]

    found, many = sent(run)
    assert [(one.relation, one.count) for one in found] == [("User.posts", 2)][: times - 1]
    assert many == 1 + times
