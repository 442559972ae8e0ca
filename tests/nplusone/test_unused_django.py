"""Django: what is loaded with its rows and never read, for recordings that ask."""

import copy
import json
import pickle

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth.models import Permission
from django.db.models import Count, Prefetch, prefetch_related_objects
from django.db.models.query import get_related_populators, prefetch_one_level
from django.template import Context, Template
from django.test import Client, override_settings
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.serializers import ModelSerializer

import inprofile
from inprofile.testing import record
from tests.nplusone.django_rows import rows, tables  # noqa: F401
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import City, Comment, Post, Profile, Tag, User

pytestmark = pytest.mark.usefixtures("rows")


def unused(run, *args):
    """What is found in a call that is asked for its unused loads."""
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    with CaptureQueriesContext(connection) as without:
        run(*args)
    with CaptureQueriesContext(connection) as within, record(unused=True) as recording:
        run(*args)
    logs = [[one["sql"] for one in log.captured_queries] for log in (without, within)]
    assert logs[0] == logs[1]
    return recording.findings


def says(run, *expected):
    """The findings, as (relation, count, fix), are those of the line marked Q."""
    found = unused(run)
    assert [(one.relation, one.count) for one in found] == [each[:2] for each in expected]
    for finding, (relation, _, fix) in zip(found, expected, strict=True):
        assert finding.kind == "unused_eager_load"
        assert (finding.severity, finding.operation) == ("low", "read")
        assert finding.loop is None
        assert place(finding.query) == marked(run)["Q"]
        assert same_code(finding.fix, fix), finding.fix
        assert same_code(fix, finding.fix), finding.fix
        assert finding.statement.startswith("SELECT"), relation
    return found


def test_a_join_that_nobody_reads():
    def run():
        for post in Post.objects.select_related("author"):  # Q
            str(post.title)

    says(run, ("Post.author", 8, 'remove select_related("author")'))


def test_a_prefetch_that_nobody_reads():
    def run():
        for user in User.objects.prefetch_related("posts"):  # Q
            str(user.name)

    (found,) = says(run, ("User.posts", 4, 'remove prefetch_related("posts")'))
    assert "social_post" in found.statement


def test_one_of_two():
    def run():
        for post in Post.objects.select_related("author", "editor").prefetch_related(  # Q
            "tags", "comment_set"
        ):
            str((post.author.name, list(post.tags.all())))

    says(
        run,
        ("Post.editor", 8, 'remove select_related("editor")'),
        ("Post.comment_set", 8, 'remove prefetch_related("comment_set")'),
    )


def test_nobody_asks_unless_told_to():
    with record() as recording:
        for post in Post.objects.select_related("author").prefetch_related("tags"):
            str(post.title)
    assert recording.findings == []
    assert type(post._state.fields_cache) is dict


def test_what_only_another_recording_asks_for_is_not_said():
    with record(unused=True) as outer, record() as inner:
        list(Post.objects.select_related("author"))
    assert inner.findings == []
    assert [one.relation for one in outer.findings] == ["Post.author"]


def test_nothing_is_left_behind():
    from django.db.models import query

    assert query.get_related_populators is get_related_populators
    with record(unused=True):
        assert query.get_related_populators is not get_related_populators
        with record(unused=True):
            pass
        assert query.prefetch_one_level is not prefetch_one_level
        with record():
            pass
        assert query.prefetch_one_level is not prefetch_one_level
    assert query.get_related_populators is get_related_populators
    assert query.prefetch_one_level is prefetch_one_level


def test_the_inner_one_of_a_path():
    def run():
        for profile in Profile.objects.select_related("user", "city"):
            str((profile.user.name, profile.city.name))
        for comment in Comment.objects.select_related("post__author"):  # Q
            str(comment.post.title)

    says(
        run,
        (
            "Post.author",
            16,
            'remove select_related("post__author") and keep select_related("post")',
        ),
    )


def test_all_of_a_path_is_one_finding():
    def run():
        for comment in Comment.objects.select_related("post__author", "post__editor"):  # Q
            str(comment.text)

    fix = 'remove select_related("post__author"), select_related("post__editor")'
    says(run, ("Comment.post", 16, fix))


def test_the_inner_one_of_a_prefetch():
    def run():
        for user in User.objects.prefetch_related("posts__comment_set"):  # Q
            str([post.title for post in user.posts.all()])

    fix = 'remove prefetch_related("posts__comment_set") and keep prefetch_related("posts")'
    says(run, ("Post.comment_set", 8, fix))


def test_a_sibling_keeps_what_is_on_the_way():
    def run():
        for user in User.objects.prefetch_related("posts__comment_set", "posts__tags"):  # Q
            str([list(post.tags.all()) for post in user.posts.all()])

    says(run, ("Post.comment_set", 8, 'remove prefetch_related("posts__comment_set")'))


def test_all_of_a_prefetch_is_one_finding():
    def run():
        for user in User.objects.prefetch_related("posts__comment_set"):  # Q
            str(user.name)

    says(run, ("User.posts", 4, 'remove prefetch_related("posts__comment_set")'))


def test_a_prefetch_behind_a_join():
    def run():
        for post in Post.objects.select_related("author").prefetch_related("author__posts"):  # Q
            str(post.title)

    fix = 'remove select_related("author"), prefetch_related("author__posts")'
    says(run, ("Post.author", 8, fix))


def test_a_queryset_of_its_own():
    def run():
        inner = Prefetch("posts", Post.objects.select_related("editor").prefetch_related("tags"))
        for user in User.objects.prefetch_related(inner):  # Q
            str([post.title for post in user.posts.all()])

    says(
        run,
        ("Post.editor", 8, 'remove select_related("editor")'),
        ("Post.tags", 8, 'remove prefetch_related("tags")'),
    )


def test_a_queryset_of_its_own_that_nobody_reads():
    def run():
        inner = Prefetch("posts", Post.objects.select_related("editor"))
        for user in User.objects.prefetch_related(inner):  # Q
            str(user.name)

    says(run, ("User.posts", 4, 'remove prefetch_related(Prefetch("posts", ...))'))


def test_a_call_of_the_function():
    def run():
        users = list(User.objects.all())
        prefetch_related_objects(users, "posts", "profile__city")  # Q
        for user in users:
            str(user.profile)

    fix = (
        'remove prefetch_related_objects(..., "profile__city")'
        ' and keep prefetch_related_objects(..., "profile")'
    )
    says(
        run,
        ("User.posts", 4, 'remove prefetch_related_objects(..., "posts")'),
        ("Profile.city", 4, fix),
    )


@pytest.mark.parametrize(
    "name", ["posts", "following", "followers", "friends", "blocked", "tags", "profile"]
)
def test_every_kind_of_relation(name):
    def run():
        for user in User.objects.prefetch_related(name):  # Q
            str(user.name)

    def read():
        for user in User.objects.prefetch_related(name):
            found = getattr(user, name)
            str(found.pk if name == "profile" else list(found.all()))

    says(run, (f"User.{name}", 4, f'remove prefetch_related("{name}")'))
    assert unused(read) == []


def test_the_other_side_of_a_key_of_its_own():
    def run():
        for user in User.objects.select_related("profile__city"):  # Q
            str(user.profile)

    def run_both():
        for user in User.objects.select_related("profile__city"):  # Q
            str(user.name)

    fix = 'remove select_related("profile__city")'
    says(run, ("Profile.city", 4, f'{fix} and keep select_related("profile")'))
    says(run_both, ("User.profile", 4, fix))


def test_a_generic_key():
    def run():
        for tag in Tag.objects.prefetch_related("target"):  # Q
            str(tag.word)

    def read():
        for tag in Tag.objects.prefetch_related("target"):
            str(tag.target)

    says(run, ("Tag.target", 12, 'remove prefetch_related("target")'))
    assert unused(read) == []


def test_one_row_is_silent():
    def run():
        Post.objects.select_related("author").prefetch_related("tags").first()

    assert unused(run) == []


def test_one_row_in_a_loop():
    def run():
        for score in range(2):
            Post.objects.select_related("author").filter(score=score).first()  # Q

    says(run, ("Post.author", 2, 'remove select_related("author")'))


def test_chunks():
    def run():
        posts = Post.objects.select_related("author").prefetch_related("tags")
        for post in posts.iterator(chunk_size=3):  # Q
            str(post.title)

    says(
        run,
        ("Post.author", 8, 'remove select_related("author")'),
        ("Post.tags", 8, 'remove prefetch_related("tags")'),
    )


def test_coroutines():
    async def load():
        async for post in Post.objects.select_related("author"):  # Q
            str(post.title)

    with record(unused=True) as recording:
        async_to_sync(load)()
    assert [one.relation for one in recording.findings] == ["Post.author"]
    assert place(recording.findings[0].query) == marked(load)["Q"]


def test_templates():
    shown = "{{ post.title }}{% if read %}{{ post.author.name }}{% endif %}"
    text = "{% for post in posts %}" + shown + "{% endfor %}"

    def render(read):
        posts = Post.objects.select_related("author").prefetch_related("tags")
        Template(text).render(Context({"posts": posts, "read": read}))

    assert [one.relation for one in unused(render, False)] == ["Post.author", "Post.tags"]
    assert [one.relation for one in unused(render, True)] == ["Post.tags"]


WAYS_TO_READ_MANY = [
    lambda user: list(user.posts.all()),
    lambda user: user.posts.count(),
    lambda user: user.posts.exists(),
    lambda user: len(user.posts.all()),
    lambda user: bool(user.posts.all()),
    lambda user: user.posts.filter(score=1).first(),
    lambda user: sorted(post.pk for post in user.posts.all()),
    lambda user: user._prefetched_objects_cache["posts"],
    lambda user: dict(user._prefetched_objects_cache),
    lambda user: {**user._prefetched_objects_cache},
    pickle.dumps,
    copy.deepcopy,
]


@pytest.mark.parametrize("way", range(len(WAYS_TO_READ_MANY)))
def test_ways_to_read_many(way):
    read = WAYS_TO_READ_MANY[way]

    def run():
        for user in User.objects.prefetch_related("posts"):
            read(user)

    assert [one for one in unused(run) if one.kind == "unused_eager_load"] == []


WAYS_TO_READ_ONE = [
    lambda post: post.author,
    lambda post: getattr(post, "author", None),
    lambda post: hasattr(post, "author"),
    lambda post: post._state.fields_cache["author"],
    lambda post: list(post._state.fields_cache),
    lambda post: post._state.fields_cache | {},
    Post.author.field.get_cached_value,
    pickle.dumps,
    copy.copy,
    copy.deepcopy,
    Post.save,
]


@pytest.mark.parametrize("way", range(len(WAYS_TO_READ_ONE)))
def test_ways_to_read_one(way):
    read = WAYS_TO_READ_ONE[way]

    def run():
        for post in Post.objects.select_related("author"):
            read(post)

    assert [one for one in unused(run) if one.kind == "unused_eager_load"] == []


def test_one_row_that_is_read_is_enough():
    def run():
        posts = list(Post.objects.select_related("author"))
        str(posts[3].author)

    assert unused(run) == []


def test_what_is_read_before_it_is_judged_is_read():
    with record(unused=True) as recording:
        posts = list(Post.objects.select_related("author"))
    assert len(recording.findings) == 1
    str(posts[0].author)
    assert recording.findings == []


def test_values_and_counts_load_nothing():
    def run():
        list(Post.objects.select_related("author").values("title", "author__name"))
        list(Post.objects.select_related("author").values_list("title"))
        Post.objects.select_related("author").prefetch_related("tags").count()
        Post.objects.select_related("author").exists()
        list(User.objects.annotate(Count("posts")))

    assert unused(run) == []


@pytest.mark.filterwarnings("ignore:Calling select_related")
def test_all_of_a_model_is_not_judged():
    def run():
        for post in Post.objects.select_related():
            str(post.title)

    assert unused(run) == []


def test_what_is_joined_for_the_sake_of_the_statement_is_not_judged():
    def run():
        list(Post.objects.select_related("author").select_for_update())
        list(Post.objects.select_related("author").extra(where=["social_user.name != ''"]))
        list(Post.objects.select_related("author").filter(score=1).extra(where=["1 = 1"]))

    assert unused(run) == []


def test_lists_are_not_judged():
    def run():
        posts = Prefetch("posts", to_attr="listed")
        for user in User.objects.prefetch_related(posts):
            str(user.name)

    assert unused(run) == []


def test_where_there_is_nothing_to_load():
    def run():
        Comment.objects.all().delete()
        Post.objects.update(editor=None)
        for post in Post.objects.select_related("editor").prefetch_related("comment_set"):
            str(post.title)

    assert [one for one in unused(run) if one.kind == "unused_eager_load"] == []


def test_what_is_set_is_not_what_was_loaded():
    def run():
        user = User.objects.get(name="user 1")
        for post in Post.objects.select_related("author"):  # Q
            post.author = user
            str(post.author)

    says(run, ("Post.author", 8, 'remove select_related("author")'))


def test_rows_stay_what_they_are():
    with record(unused=True):
        posts = list(Post.objects.select_related("author").prefetch_related("tags"))
    plain = list(Post.objects.select_related("author").prefetch_related("tags"))
    for one in (posts[0], copy.copy(posts[0]), copy.deepcopy(posts[0])):
        assert one.author == plain[0].author
        assert list(one.tags.all()) == list(plain[0].tags.all())
    again = pickle.loads(pickle.dumps(posts))
    assert type(again[0]._state.fields_cache) is dict
    assert type(again[0]._prefetched_objects_cache) is dict
    with inprofile_off():
        assert again[0].author.name == plain[0].author.name
        assert list(again[0].tags.all()) == list(plain[0].tags.all())
    posts[0].refresh_from_db()
    posts[0].author = None
    assert json.dumps(sorted(posts[1]._state.fields_cache)) == '["author"]'


def inprofile_off():
    from django.db import connection

    return connection.execute_wrapper(lambda *_: pytest.fail("asks the database"))


def test_it_can_be_ignored():
    def run():
        with inprofile.ignore("unused_eager_load"):
            list(Post.objects.select_related("author"))
        with inprofile.ignore("User.*"):
            list(User.objects.prefetch_related("posts"))
        list(City.objects.prefetch_related("profile_set"))  # inprofile: ignore[unused_eager_load]

    assert unused(run) == []


class Titles(ModelSerializer):
    class Meta:
        model = Post
        fields = ("title",)


class Listed(ListAPIView):
    queryset = Post.objects.select_related("author").prefetch_related("tags")
    serializer_class = Titles


class Names(ModelSerializer):
    class Meta:
        model = Permission
        fields = ("name",)


class ListedPermissions(ListAPIView):
    queryset = Permission.objects.select_related("content_type")
    serializer_class = Names


urlpatterns = [path("posts/", Listed.as_view()), path("permissions/", ListedPermissions.as_view())]


@override_settings(ROOT_URLCONF=__name__)
def test_where_a_library_goes_through_the_rows_only_those_of_the_application_are_judged():
    with record(unused=True) as recording:
        assert len(Client().get("/posts/").json()) == 8
        assert Client().get("/permissions/").json()
    found = [one for one in recording.findings if one.kind == "unused_eager_load"]
    assert [(one.relation, one.route) for one in found] == [
        ("Post.author", "/posts/"),
        ("Post.tags", "/posts/"),
    ]
    assert [one.query for one in found] == [None, None]
