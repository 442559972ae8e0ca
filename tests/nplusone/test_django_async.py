"""Django's ORM from coroutines: the loop and the query are lines of theirs."""

import asyncio

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from tests.nplusone import django_rows
from tests.nplusone.django_rows import rows, tables  # noqa: F401
from tests.nplusone.judging import findings, marked, place, same_code
from tests.nplusone.social.models import Post, User


@pytest.fixture(autouse=True)
def kept(tables):  # noqa: F811
    """Rows that other threads see, until the end of the test."""
    from django.apps import apps

    import inprofile
    from inprofile.core import repeats

    inprofile.instrument()
    repeats.forget()
    django_rows.fill()
    yield
    for model in reversed(list(apps.get_app_config("social").get_models())):
        model.objects.all().delete()


def judged(run):
    return findings(lambda: asyncio.run(run()))


def says(run, relation, count, fix, *more):
    (finding,) = judged(run)
    marks = marked(run, *more)
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", relation, count)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks["Q"]
    assert same_code(finding.fix, fix), finding.fix
    if "W" in marks:
        assert place(finding.where) == marks["W"]


def test_get_in_a_loop_over_rows():
    async def run():
        async for post in Post.objects.all():  # L
            await User.objects.aget(pk=post.author_id)  # Q

    says(run, "", 8, "User.objects.in_bulk(ids)")


def test_count_in_a_loop_over_rows():
    async def run():
        async for user in User.objects.all():  # L W
            await user.posts.acount()  # Q

    says(run, "User.posts", 4, 'annotate(Count("posts"))')


def test_all_of_a_relation():
    async def run():
        users = [user async for user in User.objects.all()]  # W
        for user in users:  # L
            [post async for post in user.posts.all()]  # Q

    says(run, "User.posts", 4, 'prefetch_related("posts")')


def test_a_function_that_is_handed_to_a_thread():
    def name_of(post):
        return post.author.name  # Q

    async def run():
        async for post in Post.objects.all():  # L W
            await sync_to_async(name_of)(post)

    says(run, "Post.author", 8, 'select_related("author")', name_of)


def test_a_loop_in_a_thread():
    def run():
        for post in Post.objects.all():  # L W
            str(post.author.name)  # Q

    (finding,) = judged(sync_to_async(run))
    assert (finding.relation, finding.count) == ("Post.author", 8)
    assert place(finding.loop) == marked(run)["L"]
    assert place(finding.where) == marked(run)["W"]


def test_gathered_lookups():
    async def run():
        pks = [pk async for pk in User.objects.values_list("pk", flat=True)]
        await asyncio.gather(*(User.objects.aget(pk=pk) for pk in pks))  # L

    (finding,) = judged(run)
    assert (finding.kind, finding.count) == ("n_plus_one", 4)
    assert place(finding.loop) == marked(run)["L"]


def test_rows_that_are_saved():
    async def run():
        async for post in Post.objects.all():  # L
            post.score += 1
            await post.asave(update_fields=["score"])  # Q

    says(run, "", 8, 'Post.objects.bulk_update(posts, ["score"])')


def test_what_is_prefetched_is_silent():
    async def run():
        async for user in User.objects.prefetch_related("posts"):
            [post async for post in user.posts.all()]

    assert judged(run) == []


def test_rows_that_are_iterated_in_chunks_of_one_are_prefetched_for_each():
    async def run():
        async for user in User.objects.prefetch_related("posts").aiterator(chunk_size=1):
            user.posts.all()

    assert judged(run) == []


def test_a_coroutine_that_synchronous_code_waits_for_is_where_rows_are_loaded():
    async def run():
        async for user in User.objects.all():  # L W
            await user.posts.acount()  # Q

    (finding,) = findings(async_to_sync(run))
    marks = marked(run)
    assert (place(finding.loop), place(finding.query)) == (marks["L"], marks["Q"])
    assert place(finding.where) == marks["W"]
