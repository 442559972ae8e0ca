"""What django-zeal says that it detects we detect, at its threshold of two rows; what it exempts
we exempt. The shapes are those of its documentation and tests, the words and rows are ours.

https://github.com/taobojlen/django-zeal
"""

import sys
from typing import Any

import pytest
from django.db.models import prefetch_related_objects

import inprofile
from tests.nplusone.django_rows import judged, rows, tables  # noqa: F401
from tests.nplusone.social.models import City, Post, Profile, Tag, User


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


def test_deferred_columns():
    def run(queryset):
        for user in queryset:
            str(user.bio)

    for narrow in (
        lambda: User.objects.defer("bio"),
        lambda: User.objects.defer("bio").iterator(chunk_size=1),
        lambda: User.objects.only("pk"),
    ):
        found = judged(lambda narrow=narrow: run(narrow()))
        assert of(found) == [("n_plus_one", "User.bio", 2)]
    assert judged(lambda: run(User.objects.all())) == []


def test_columns_beyond_only_in_chunks():
    def run(*names):
        posts = Post.objects.select_related("author").only(*names)
        for post in posts.iterator(chunk_size=1):
            str(post.author.name)

    assert of(judged(lambda: run("author__id"))) == [("n_plus_one", "User.name", 2)]
    assert judged(lambda: run("author__name")) == []


@pytest.mark.parametrize("narrow", ["only", "defer"])
@pytest.mark.parametrize(
    "one",
    [
        lambda users, pk: users.filter(pk=pk).first(),
        lambda users, pk: users.filter(pk=pk)[0],
        lambda users, pk: users.get(pk=pk),
    ],
    ids=["first", "slice", "get"],
)
def test_columns_of_rows_that_were_loaded_one_by_one_are_exempt(narrow, one):
    users = User.objects.only("pk") if narrow == "only" else User.objects.defer("bio")
    first, second = User.objects.values_list("pk", flat=True).order_by("pk")

    def run():
        user_1 = one(users, first)
        user_2 = one(users, second)
        str(user_1.bio)
        str(user_2.bio)

    assert judged(run) == []


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


def test_get_of_values_in_a_loop():
    users = list(User.objects.all())

    def run():
        for user in users:
            User.objects.values("name").get(pk=user.pk)

    assert of(judged(run)) == [("n_plus_one", "", 2)]


def test_get_and_relations_beside_a_deferred_column_that_refreshes_with_queries_of_its_own(
    monkeypatch,
):
    """As where ``refresh_from_db`` is overridden."""

    def refresh_from_db(self, *args, **kwargs):
        super(Post, self).refresh_from_db(*args, **kwargs)
        User.objects.get(pk=self.author_id)

    monkeypatch.setattr(Post, "refresh_from_db", refresh_from_db)

    def run():
        for post in Post.objects.defer("text").order_by("pk"):
            str(post.text)
            str(post.author.name)

    found = of(judged(run))
    assert sorted(found) == [
        ("n_plus_one", "", 2),
        ("n_plus_one", "Post.author", 2),
        ("n_plus_one", "Post.text", 2),
    ]


def test_what_is_loaded_singly_elsewhere_says_nothing_about_a_loop():
    """Its key may be that of another model's row, or the very row may be read both ways."""
    first, second = User.objects.values_list("pk", flat=True).order_by("pk")

    def run():
        City.objects.filter(pk=second).first()
        str(User.objects.get(pk=first).name)
        for user in User.objects.only("pk").order_by("pk"):
            str(user.name)
            list(user.posts.all())

    assert sorted(of(judged(run))) == [
        ("n_plus_one", "User.name", 2),
        ("n_plus_one", "User.posts", 2),
    ]


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


@pytest.mark.parametrize("chunk", [1, 2, 3])
def test_a_prefetch_in_chunks_is_exempt(chunk):
    def run():
        users = User.objects.prefetch_related("posts").all().filter(name__isnull=False)
        for user in users.iterator(chunk_size=chunk):
            list(user.posts.all())

    assert judged(run) == []


def test_a_prefetched_relation_that_is_read_a_thousand_times_is_exempt():
    def run():
        user = User.objects.prefetch_related("posts")[0]
        for _ in range(sys.getrecursionlimit() + 1):
            list(user.posts.all())

    assert judged(run) == []


def test_a_queryset_of_nothing_is_exempt():
    def run():
        for _ in range(4):
            User.objects.none().first()

    assert judged(run) == []


def test_a_relation_that_was_set_and_prefetched_again_is_exempt():
    def run():
        for user in User.objects.prefetch_related("following"):
            list(user.following.all())
        one, two = User.objects.order_by("pk")
        one.following.set([two])
        for user in User.objects.prefetch_related("following"):
            list(user.following.all())

    assert judged(run) == []


# What it can be told


def posts_of_all():
    for user in User.objects.all():
        list(user.posts.all())


@pytest.mark.parametrize("least", [2, 3])
def test_the_threshold_can_be_configured(least, monkeypatch):
    monkeypatch.setenv("INPROFILE_NPLUSONE_MIN", str(least))
    inprofile.uninstrument()
    inprofile.instrument()
    assert len(judged(posts_of_all)) == (1 if least == 2 else 0)


@pytest.mark.parametrize(
    ("patterns", "is_ignored"),
    [
        ([], True),
        (["User.posts"], True),
        (["User.*"], True),
        (["U*.post?"], True),
        (["Post.*", "User.posts"], True),
        (["User.tags"], False),
        (["Post.*"], False),
    ],
)
def test_code_can_be_ignored_wholly_or_for_models_and_fields(patterns, is_ignored):
    def run():
        with inprofile.ignore(*patterns):
            posts_of_all()

    assert bool(judged(run)) is not is_ignored


def test_ignoring_ends_with_its_block_and_inner_blocks_add_to_it():
    def run():
        with inprofile.ignore("User.posts"):
            with inprofile.ignore("User.tags"):
                posts_of_all()
            posts_of_all()
        posts_of_all()

    (finding,) = judged(run)
    assert finding.count == 2


def test_ignoring_a_get_and_a_generic_key():
    users = list(User.objects.all())

    def run():
        with inprofile.ignore("n_plus_one"):
            for user in users:
                User.objects.get(pk=user.pk)
        with inprofile.ignore("Tag.target"):
            for tag in Tag.objects.all():
                str(tag.target)

    assert judged(run) == []


@pytest.mark.parametrize("allowed", ["User.posts", "U*.posts", "User.p*", "User.*"])
def test_models_and_fields_can_be_allowed_everywhere(allowed, monkeypatch):
    monkeypatch.setenv("INPROFILE_IGNORE", allowed)
    inprofile.uninstrument()
    inprofile.instrument()
    assert judged(posts_of_all) == []


def test_a_finding_names_model_field_file_line_and_function():
    (finding,) = judged(posts_of_all)
    assert finding.relation == "User.posts"
    assert finding.query is not None
    assert (finding.query.file, finding.query.function) == (__file__, "posts_of_all")
