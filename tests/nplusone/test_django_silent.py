"""Django: what is no N+1, and what nothing must happen to."""

import gc
import pickle
import sys
import weakref
from typing import Any

import django
import pytest
from django.contrib.auth.models import Group, Permission
from django.contrib.auth.models import User as Account
from django.contrib.contenttypes.models import ContentType
from django.db.models import Prefetch, prefetch_related_objects

from inprofile.testing import record
from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.judging import findings
from tests.nplusone.social.models import City, Curious, Post, Profile, Tag, User

pytestmark = pytest.mark.usefixtures("rows")

peers = pytest.mark.skipif(django.VERSION < (6, 1), reason="rows have no peers before 6.1")


def test_content_types_are_cached():
    models: list[Any] = [City, User, Profile, Post, Tag]

    def run():
        for model in models:
            ContentType.objects.get_for_model(model)
        ContentType.objects.clear_cache()
        for model in models:
            ContentType.objects.get_by_natural_key("social", model._meta.model_name)

    assert judged(run) == []


def test_content_types_of_generic_keys_are_cached():
    for model in (City, User, Profile):
        Tag.objects.create(word="one", target=model.objects.first())

    def run():
        for tag in Tag.objects.filter(word="one").prefetch_related("target"):
            str(tag.target.pk)

    assert judged(run) == []


def test_permissions_are_cached():
    group = Group.objects.create(name="some")
    group.permissions.set(Permission.objects.all())
    for n in range(4):
        Account.objects.create(username=f"account {n}").groups.add(group)

    def run():
        for account in Account.objects.all():
            account.has_perm("social.add_post")

    assert judged(run) == []


def test_one_bulk_prefetch_is_silent():
    def run():
        users = list(User.objects.all())
        prefetch_related_objects(users, "posts", "profile", "following", "tags", "posts__tags")

    assert judged(run) == []


def test_prefetches_in_chunks_are_silent():
    def run():
        for size in (1, 2, 3):
            for user in User.objects.prefetch_related("posts", "tags").iterator(chunk_size=size):
                str((list(user.posts.all()), list(user.tags.all())))

    assert judged(run) == []


def test_prefetches_of_several_kinds_of_rows_are_silent():
    def run():
        few = Prefetch("posts", queryset=Post.objects.filter(score=1), to_attr="few")
        for user in User.objects.prefetch_related(few, "profile__city", "followers"):
            str((user.few, user.profile.city, list(user.followers.all())))

    assert judged(run) == []


@peers
def test_rows_that_fetch_for_their_peers_are_silent():
    from django.db.models import FETCH_PEERS

    def run():
        for post in Post.objects.fetch_mode(FETCH_PEERS):
            str(post.author.profile.city)
        for post in Post.objects.only("title").fetch_mode(FETCH_PEERS):
            str(post.text)
        for tag in Tag.objects.fetch_mode(FETCH_PEERS):
            str(tag.target.pk)

    assert judged(run) == []


@peers
def test_rows_whose_peers_are_gone_are_loaded_one_by_one():
    from django.db.models import FETCH_PEERS

    def run():
        for pk in Post.objects.values_list("pk", flat=True):  # L
            str(Post.objects.fetch_mode(FETCH_PEERS).only("pk").get(pk=pk).text)

    assert sorted(one.relation for one in judged(run)) == ["", "Post.text"]


@peers
def test_the_other_fix_is_to_fetch_for_peers():
    from django.db.models import FETCH_PEERS

    def run():
        for post in Post.objects.all():  # L W
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.fetch_mode(FETCH_PEERS):
            str(post.author.name)

    says(run, "Post.author", 8, ".fetch_mode(FETCH_PEERS)", fixed=fixed)


@peers
def test_rows_that_may_not_fetch_are_silent():
    from django.core.exceptions import FieldFetchBlocked
    from django.db.models import FETCH_RAISE

    def run():
        for post in Post.objects.fetch_mode(FETCH_RAISE):
            with pytest.raises(FieldFetchBlocked):
                str(post.author)

    assert judged(run) == []


def test_rows_are_never_compared_hashed_or_printed():
    for n in range(4):
        Curious.objects.create(name=f"{n}", other=Curious.objects.order_by("-pk").first())

    def run():
        for one in Curious.objects.exclude(other=None):  # L W
            str(one.other.name)  # Q

    says(run, "Curious.other", 3, 'select_related("other")')


def test_a_comparison_may_load_what_it_needs():
    for n in range(4):
        Curious.objects.create(name=f"{n}", other=Curious.objects.order_by("-pk").first())

    def run():
        for one in Curious.objects.all():
            str(one == Curious(other=None))

    assert [one.relation for one in judged(run)] == ["Curious.other"]


def test_more_repeats_than_a_stack_is_deep():
    user = User.objects.prefetch_related("posts").first()

    def run():
        for _ in range(sys.getrecursionlimit() + 1):
            list(user.posts.all())

    assert judged(run) == []


def test_a_thousand_rows():
    user = User.objects.first()
    Post.objects.bulk_create(Post(title="many", author=user) for _ in range(1100))

    def run():
        for post in Post.objects.filter(title="many"):  # L W
            str(post.author.name)  # Q

    says(run, "Post.author", 1100, 'select_related("author")')


def test_querysets_and_rows_are_pickled_as_ever():
    def run():
        for user in User.objects.all():
            for each in (user.posts.all(), user.following.filter(pk=1), user.tags.all()):
                pickle.loads(pickle.dumps(each.query))
                again = pickle.loads(pickle.dumps(each))
                assert list(again) == list(each)
            assert pickle.loads(pickle.dumps(user)) == user

    judged(run)


def test_rows_go_when_they_would_have_gone():
    def run():
        for post in Post.objects.all():
            str(post.author.name)
            gone.append(weakref.ref(post.author))
        del post

    gone: list[weakref.ref] = []
    gc.disable()
    try:
        with record() as recording:
            run()
            assert [one for one in gone if one() is not None] == []
        assert [one.relation for one in recording.findings] == ["Post.author"]
    finally:
        gc.enable()


def test_generators_and_querysets_that_are_left_early():
    def run():
        for user in User.objects.iterator():
            posts = user.posts.iterator()
            next(posts)
            posts.close()

    assert [one.relation for one in findings(run)] == ["User.posts"]


def test_empty_querysets():
    def run():
        for user in User.objects.all():
            str((User.objects.none().first(), list(user.posts.none())))

    assert judged(run) == []


def test_one_value_of_one_row():
    def run():
        for user in User.objects.all():
            User.objects.filter(pk=user.pk).values("name").get()

    assert [one.count for one in judged(run)] == [4]
