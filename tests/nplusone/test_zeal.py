"""What django-zeal says that it detects we detect, at its threshold of two rows; what it exempts
we exempt. The shapes are those of its documentation and tests, the words and rows are ours.

https://github.com/taobojlen/django-zeal
"""

from typing import Any

import pytest
from django.db.models import prefetch_related_objects

from tests.nplusone.django_rows import judged, rows, tables  # noqa: F401
from tests.nplusone.social.models import Post, Profile, Tag, User


@pytest.fixture(autouse=True)
def two(rows):  # noqa: F811
    """Two users with a post each, who know each other; and all that refers to them."""
    one, two = User.objects.order_by("pk")[:2]
    Post.objects.update(editor=None)
    User.objects.exclude(pk__in=[one.pk, two.pk]).delete()
    Post.objects.filter(score=1).delete()
    Tag.objects.filter(word="new").delete()
    for relation in ("following", "blocked"):
        getattr(one, relation).set([two])
        getattr(two, relation).set([one])


RELATIONS: dict[str, Any] = {
    "Post.author": (Post, "author", lambda post: post.author.name, "select_related"),
    "Profile.user": (Profile, "user", lambda profile: profile.user.name, "select_related"),
    "User.profile": (User, "profile", lambda user: user.profile.city_id, "select_related"),
    "User.posts": (User, "posts", lambda user: list(user.posts.all()), "prefetch_related"),
    "User.following": (
        User,
        "following",
        lambda one: list(one.following.all()),
        "prefetch_related",
    ),
    "User.followers": (
        User,
        "followers",
        lambda one: list(one.followers.all()),
        "prefetch_related",
    ),
    "User.blocked": (User, "blocked", lambda user: list(user.blocked.all()), "prefetch_related"),
    "User.user_set": (User, "user_set", lambda user: list(user.user_set.all()), "prefetch_related"),
    "User.tags": (User, "tags", lambda user: list(user.tags.all()), "prefetch_related"),
    "Tag.target": (Tag, "target", lambda tag: tag.target, "prefetch_related"),
}


def of(found):
    return [(one.kind, one.relation, one.count) for one in found]


@pytest.mark.parametrize("chunk", [None, 1, 2])
@pytest.mark.parametrize("relation", RELATIONS)
def test_a_relation_of_two_rows(relation, chunk):
    model, name, read, load = RELATIONS[relation]

    def run(queryset):
        for row in queryset if chunk is None else queryset.iterator(chunk_size=chunk):
            read(row)

    assert of(judged(lambda: run(model.objects.all()))) == [("n_plus_one", relation, 2)]
    assert judged(lambda: run(getattr(model.objects, load)(name))) == []


@pytest.mark.parametrize("relation", ["Post.author", "Profile.user", "User.profile"])
def test_a_prefetch_in_place_of_a_join_is_exempt(relation):
    model, name, read, _ = RELATIONS[relation]

    def run():
        for row in model.objects.prefetch_related(name):
            read(row)

    assert judged(run) == []


@pytest.mark.parametrize("relation", RELATIONS)
@pytest.mark.parametrize(
    "one",
    [
        lambda model, pk: model.objects.filter(pk=pk).first(),
        lambda model, pk: model.objects.filter(pk=pk)[0],
        lambda model, pk: model.objects.get(pk=pk),
    ],
    ids=["first", "slice", "get"],
)
def test_rows_that_were_loaded_one_by_one_are_exempt(relation, one):
    model, _, read, _ = RELATIONS[relation]
    first, second = model.objects.values_list("pk", flat=True).order_by("pk")

    def run():
        row_1 = one(model, first)
        row_2 = one(model, second)
        read(row_1)
        read(row_2)

    assert judged(run) == []


def test_one_related_queryset_that_is_evaluated_twice_is_exempt():
    def run():
        user = User.objects.first()
        for queryset in (user.posts.all(), user.tags.all()):
            list(queryset)
            list(queryset)

    assert judged(run) == []


def test_columns_beyond_only():
    def run(*names):
        for post in Post.objects.select_related("author").only(*names):
            str(post.author.name)

    assert of(judged(lambda: run("author__id"))) == [("n_plus_one", "User.name", 2)]
    assert judged(lambda: run("author__name")) == []


def test_columns_of_prefetched_rows_are_exempt():
    def run():
        for post in Post.objects.prefetch_related("author").only("author__name"):
            str(post.author.name)

    assert judged(run) == []


def test_get_in_a_loop():
    users = list(User.objects.all())

    def run():
        for user in users:
            User.objects.get(pk=user.pk)

    assert of(judged(run)) == [("n_plus_one", "", 2)]


def test_different_lines_are_exempt():
    one, two = User.objects.order_by("pk")

    def run():
        User.objects.get(pk=one.pk)
        User.objects.get(pk=two.pk)
        list(one.posts.all())
        list(two.posts.all())

    assert judged(run) == []


@pytest.mark.parametrize("relation", RELATIONS)
def test_one_prefetch_for_each_row(relation):
    model, name, _, _ = RELATIONS[relation]

    def run():
        for row in model.objects.iterator(chunk_size=1):
            prefetch_related_objects([row], name)

    def fixed():
        prefetch_related_objects(list(model.objects.all()), name)

    assert of(judged(run)) == [("n_plus_one", relation, 2)]
    assert judged(fixed) == []


def test_one_prefetch_for_each_of_two_rows_that_were_loaded_one_by_one_is_exempt():
    first, second = User.objects.values_list("pk", flat=True)

    def prefetch(user):
        prefetch_related_objects([user], "posts")

    def run():
        prefetch(User.objects.get(pk=first))
        prefetch(User.objects.get(pk=second))

    assert judged(run) == []


def test_a_generic_key_that_is_null_is_exempt():
    Tag.objects.all().delete()
    Tag.objects.create(word="a")
    Tag.objects.create(word="b")

    def run():
        for tag in Tag.objects.all():
            assert tag.target is None

    assert judged(run) == []


def test_a_generic_key_that_is_read_twice_is_exempt():
    def run():
        for tag in Tag.objects.all()[:1]:
            str((tag.target, tag.target))

    assert judged(run) == []
