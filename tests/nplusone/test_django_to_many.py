"""Django: what a row's related manager is asked, for each row of a loop."""

import pytest
from django.core import serializers
from django.db.models import Count, Exists, OuterRef, Prefetch, Q, Sum, prefetch_related_objects

from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import Club, Comment, Post, Tag, User

pytestmark = pytest.mark.usefixtures("rows")


@pytest.mark.parametrize(
    "name", ["posts", "edited", "following", "followers", "friends", "blocked", "user_set", "tags"]
)
def test_all_of_a_relation(name):
    def run():
        for user in User.objects.all():  # L W
            list(getattr(user, name).all())  # Q

    def fixed():
        for user in User.objects.prefetch_related(name):
            list(getattr(user, name).all())

    says(run, f"User.{name}", 4, f'prefetch_related("{name}")', fixed=fixed)


@pytest.mark.parametrize(
    "name", ["posts", "edited", "following", "followers", "friends", "blocked", "user_set", "tags"]
)
def test_how_many_there_are(name):
    lookup = "user" if name == "user_set" else name

    def run():
        for user in User.objects.order_by("pk")[:2]:  # L W
            getattr(user, name).count()  # Q

    def fixed():
        for user in User.objects.annotate(Count(lookup)).order_by("pk")[:2]:
            str(getattr(user, f"{lookup}__count"))

    says(run, f"User.{name}", 2, f'annotate(Count("{lookup}"))', fixed=fixed)


@pytest.mark.parametrize(("model", "name"), [(User, "clubs"), (Club, "members")])
def test_a_relation_through_a_model_is_not_that_models(model, name):
    def run():
        for one in model.objects.all():  # L W
            list(getattr(one, name).all())  # Q

    def fixed():
        for one in model.objects.prefetch_related(name):
            list(getattr(one, name).all())

    says(run, f"{model.__name__}.{name}", 4, f'prefetch_related("{name}")', fixed=fixed)


@pytest.mark.parametrize(("model", "name"), [(User, "clubs"), (Club, "members")])
def test_a_relation_through_a_model_is_counted_in_its_table(model, name):
    def run():
        for one in model.objects.all():  # L W
            getattr(one, name).count()  # Q

    def fixed():
        for one in model.objects.annotate(Count(name)):
            str(getattr(one, f"{name}__count"))

    says(run, f"{model.__name__}.{name}", 4, f'annotate(Count("{name}"))', fixed=fixed)


@pytest.mark.parametrize(("model", "lookup"), [(User, "membership"), (Club, "membership")])
def test_the_model_that_a_relation_goes_through_has_one_of_its_own(model, lookup):
    def run():
        for one in model.objects.all():  # L W
            one.membership_set.count()  # Q

    says(run, f"{model.__name__}.membership_set", 4, f'annotate(Count("{lookup}"))')


@pytest.mark.parametrize("form", ["json", "xml"])
def test_rows_that_are_serialized(form):
    def run():
        serializers.serialize(form, Club.objects.all())
        serializers.serialize(form, User.objects.all(), fields=["following"])  # L Q W

    def fixed():
        users = User.objects.prefetch_related("following")
        serializers.serialize(form, users, fields=["following"])

    says(run, "User.following", 4, 'prefetch_related("following")', fixed=fixed)


@pytest.mark.parametrize("method", ["count", "exists", "first", "in_bulk"])
def test_one_row_that_is_asked_for_other_rows_each_time_is_asked_once(method):
    def run():
        user = User.objects.get(name="user 0")  # W
        for score in range(4):  # L
            getattr(user.posts.filter(score=score), method)()  # Q

    def fixed():
        user = User.objects.get(name="user 0")
        list(user.posts.filter(score__in=range(4)))

    fix = "user.posts.filter(score__in=...)"
    if method == "count":
        fix += '.values("score").annotate(Count("pk"))'
    says(run, "User.posts", 4, f"{fix}, once before the loop", fixed=fixed)


def test_rows_that_are_each_asked_for_several_things_are_prefetched():
    def run():
        for user in User.objects.all():  # W
            for score in range(2):  # L
                list(user.posts.filter(score=score))  # Q

    says(run, "User.posts", 8, 'Prefetch("posts", queryset=Post.objects.filter(...)')


def test_rows_that_share_a_parent_each_ask_for_its_relation():
    def run():
        for post in Post.objects.select_related("author"):  # L W
            list(post.author.posts.all())  # Q

    def fixed():
        for post in Post.objects.prefetch_related("author__posts"):
            list(post.author.posts.all())

    Post.objects.update(author=User.objects.first())
    says(run, "User.posts", 8, 'prefetch_related("author__posts")', fixed=fixed)


def test_one_parent_that_is_asked_again_and_again_is_silent():
    def run():
        user = User.objects.first()
        for _ in range(4):
            list(user.posts.all())

    assert judged(run) == []


def test_a_relation_without_a_name():
    def run():
        for post in Post.objects.all():  # L W
            list(post.comment_set.all())  # Q

    def fixed():
        for post in Post.objects.prefetch_related("comment_set"):
            list(post.comment_set.all())

    says(run, "Post.comment_set", 8, 'prefetch_related("comment_set")', fixed=fixed)


def test_rows_that_are_iterated_in_chunks():
    def run():
        for user in User.objects.iterator(chunk_size=2):  # L W
            list(user.posts.all())  # Q

    def fixed():
        for user in User.objects.prefetch_related("posts").iterator(chunk_size=3):
            list(user.posts.all())

    says(run, "User.posts", 4, 'prefetch_related("posts")', fixed=fixed)


def test_how_many_match():
    def run():
        for user in User.objects.all():  # L W
            user.posts.filter(score=1).count()  # Q

    def fixed():
        for user in User.objects.annotate(posts_count=Count("posts", filter=Q(posts__score=1))):
            str(user.posts_count)

    says(run, "User.posts", 4, 'annotate(posts_count=Count("posts", filter=Q(', fixed=fixed)


def test_whether_there_are_any():
    def run():
        for user in User.objects.all():  # L W
            user.posts.exists()  # Q

    def fixed():
        posts = Post.objects.filter(author=OuterRef("pk"))
        for user in User.objects.annotate(has_posts=Exists(posts)):
            str(user.has_posts)

    code = 'annotate(has_posts=Exists(Post.objects.filter(author=OuterRef("pk"))))'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_whether_there_are_any_of_many_to_many():
    def run():
        for user in User.objects.all():  # L W
            user.following.exists()  # Q

    def fixed():
        others = User.objects.filter(followers=OuterRef("pk"))
        for user in User.objects.annotate(has_following=Exists(others)):
            str(user.has_following)

    code = 'annotate(has_following=Exists(User.objects.filter(followers=OuterRef("pk"))))'
    says(run, "User.following", 4, code, fixed=fixed)


def test_whether_there_are_any_of_a_joined_row():
    def run():
        for comment in Comment.objects.select_related("post__author"):  # L W
            comment.post.author.posts.exists()  # Q

    def fixed():
        posts = Post.objects.filter(author=OuterRef("post__author"))
        for comment in Comment.objects.annotate(has_posts=Exists(posts)):
            str(comment.has_posts)

    code = 'annotate(has_posts=Exists(Post.objects.filter(author=OuterRef("post__author"))))'
    says(run, "User.posts", 16, code, fixed=fixed)


def test_whether_there_are_any_of_a_generic_relation():
    def run():
        for user in User.objects.all():  # L W
            user.tags.exists()  # Q

    code = 'annotate(has_tags=Exists(Tag.objects.filter(content_type=..., object_id=OuterRef("pk"'
    says(run, "User.tags", 4, code)


def test_a_filter():
    def run():
        for user in User.objects.all():  # L W
            list(user.posts.filter(score=1))  # Q

    def fixed():
        best = Prefetch("posts", queryset=Post.objects.filter(score=1), to_attr="filtered_posts")
        for user in User.objects.prefetch_related(best):
            list(user.filtered_posts)

    code = 'Prefetch("posts", queryset=Post.objects.filter(...), to_attr="filtered_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_a_filter_of_what_is_prefetched():
    def run():
        for user in User.objects.prefetch_related("posts"):  # L W
            list(user.posts.filter(score=1))  # Q

    code = 'Prefetch("posts", queryset=Post.objects.filter(...), to_attr="filtered_posts")'
    says(run, "User.posts", 4, code)


def test_an_order():
    def run():
        for user in User.objects.all():  # L W
            list(user.posts.order_by("-score"))  # Q

    def fixed():
        best = Prefetch("posts", queryset=Post.objects.order_by("-score"), to_attr="chosen_posts")
        for user in User.objects.prefetch_related(best):
            list(user.chosen_posts)

    code = 'Prefetch("posts", queryset=Post.objects.order_by("-score"), to_attr="chosen_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


@pytest.mark.parametrize(
    "ask",
    [
        lambda posts: posts.first(),
        lambda posts: posts.last(),
        lambda posts: posts.all()[0],
        lambda posts: posts.get(score=1),
        lambda posts: posts.earliest("score"),
        lambda posts: posts.order_by("-score").first(),
        lambda posts: list(posts.values_list("title", flat=True)),
        lambda posts: list(posts.values("title")),
        lambda posts: list(posts.order_by("score")[:5]),
    ],
    ids=["first", "last", "item", "get", "earliest", "best", "column", "columns", "top"],
)
def test_some_of_the_rows_or_columns(ask):
    def run():
        for user in User.objects.all():  # L W
            ask(user.posts)

    (finding,) = judged(run)
    assert (finding.relation, finding.kind, finding.count) == ("User.posts", "n_plus_one", 4)
    assert place(finding.loop) == marked(run)["L"]
    assert same_code(finding.fix, 'Prefetch("posts", queryset=Post.objects.')
    assert same_code(finding.fix, "to_attr=")


def test_an_aggregate():
    def run():
        for user in User.objects.all():  # L W
            user.posts.aggregate(Sum("score"))  # Q

    def fixed():
        for user in User.objects.annotate(Sum("posts__score")):
            str(user.posts__score__sum)

    says(run, "User.posts", 4, 'annotate(Sum("posts__score"))', fixed=fixed)


def test_what_was_prefetched_is_silent():
    def run():
        for user in User.objects.prefetch_related("posts", "following", "tags"):
            [list(user.posts.all()), user.posts.count(), user.posts.exists()]
            [list(user.following.all()), list(user.tags.all())]

    assert judged(run) == []


def test_what_was_prefetched_and_is_empty_is_silent():
    Comment.objects.all().delete()

    def run():
        for post in Post.objects.prefetch_related("comment_set"):
            list(post.comment_set.all())

    assert judged(run) == []


def test_one_queryset_that_is_evaluated_again_is_silent():
    user = User.objects.get(name="user 0")

    def run():
        posts = user.posts.all()
        for _ in range(3):
            list(posts)

    assert judged(run) == []


def test_two_lines_are_silent():
    def run():
        one, two = User.objects.order_by("pk")[:2]
        list(one.posts.all())
        list(two.posts.all())

    assert judged(run) == []


def test_loops_inside_of_each_other():
    def run():
        for user in User.objects.all():  # L W
            for post in user.posts.all():  # Q L2
                list(post.comment_set.all())  # Q2

    def fixed():
        for user in User.objects.prefetch_related("posts__comment_set"):
            for post in user.posts.all():
                list(post.comment_set.all())

    found = {one.relation: one for one in judged(run)}
    marks = marked(run)
    assert {one: finding.count for one, finding in found.items()} == {
        "User.posts": 4,
        "Post.comment_set": 8,
    }
    assert place(found["Post.comment_set"].loop) == marks["L2"]
    assert place(found["Post.comment_set"].query) == marks["Q2"]
    assert same_code(
        found["Post.comment_set"].fix,
        'prefetch_related("posts__comment_set") on the queryset of User',
    )
    assert judged(fixed) == []


def test_many_behind_one():
    def run():
        for comment in Comment.objects.select_related("post__author"):  # L W
            list(comment.post.author.posts.all())  # Q

    def fixed():
        for comment in Comment.objects.prefetch_related("post__author__posts"):
            list(comment.post.author.posts.all())

    says(run, "User.posts", 16, 'prefetch_related("post__author__posts")', fixed=fixed)


@pytest.mark.parametrize("name", ["posts", "following", "followers", "profile", "tags"])
def test_one_prefetch_for_each_row(name):
    def run():
        for user in User.objects.all():  # L W
            prefetch_related_objects([user], name)  # Q

    def fixed():
        users = list(User.objects.all())
        prefetch_related_objects(users, name)

    says(run, f"User.{name}", 4, f'prefetch_related_objects(users, "{name}")', fixed=fixed)


def test_a_prefetch_of_rows_that_are_loaded_one_by_one_is_theirs():
    names = [f"user {n}" for n in range(4)]

    def run():
        for name in names:  # L
            User.objects.prefetch_related("posts").get(name=name)  # Q

    def fixed():
        User.objects.prefetch_related("posts").in_bulk(names, field_name="name")

    says(run, "", 4, 'in_bulk(names, field_name="name")', fixed=fixed)


def test_a_prefetch_that_lacks_the_key_of_its_rows():
    def run():
        queryset = Post.objects.only("title")
        list(User.objects.prefetch_related(Prefetch("posts", queryset=queryset)))  # L Q

    def fixed():
        queryset = Post.objects.only("title", "author")
        list(User.objects.prefetch_related(Prefetch("posts", queryset=queryset)))

    says(run, "Post.author_id", 8, 'only(..., "author")', fixed=fixed)


def test_a_manager_method_of_the_relation():
    def published(user):
        return user.posts.filter(score__gt=0)

    def run():
        for user in User.objects.all():  # L W
            for post in published(user):  # Q
                str(post)

    says(run, "User.posts", 4, 'Prefetch("posts", queryset=Post.objects.filter(...)')


def test_generic_relations_of_two_models_are_two():
    def run():
        for post in Post.objects.select_related("author"):  # L
            str((list(post.tags.all()), list(post.author.tags.all())))  # Q

    found = judged(run)
    assert sorted(one.relation for one in found) == ["Post.tags", "User.tags"]
    fixes = {one.relation: one.fix for one in found}
    assert same_code(fixes["User.tags"], 'prefetch_related("author__tags")')


def test_what_a_model_asks_of_the_other_by_hand():
    def run():
        for user in User.objects.all():  # L
            list(Post.objects.filter(author=user))  # Q

    def fixed():
        list(Post.objects.filter(author__in=User.objects.all()))

    says(run, "", 4, "Post.objects.filter(author__in=", fixed=fixed)


def test_tags_of_a_content_type_are_asked_for_once():
    def run():
        for tag in Tag.objects.prefetch_related("content_type"):
            str(tag.content_type.model)

    assert judged(run) == []
