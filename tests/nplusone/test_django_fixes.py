"""Django: what is advised, done as it says, leaves nothing to find and fewer statements."""

import pytest
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Exists, OuterRef, Prefetch, Subquery

from tests.nplusone.django_rows import judged, rows, says, sent, tables  # noqa: F401
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import City, Comment, Curious, Post, Profile, Tag, User

pytestmark = pytest.mark.usefixtures("rows")


def test_the_first_row_of_each():
    def run():
        for user in User.objects.all():  # L W
            str(user.posts.first())  # Q

    def fixed():
        chosen = Prefetch("posts", queryset=Post.objects.order_by("pk"), to_attr="chosen_posts")
        for user in User.objects.prefetch_related(chosen):
            str(user.chosen_posts[0])

    def annotated():
        posts = Post.objects.filter(author=OuterRef("pk")).values("title")[:1]
        for user in User.objects.annotate(title=Subquery(posts)):
            str(user.title)

    code = 'Prefetch("posts", queryset=Post.objects.order_by("pk"), to_attr="chosen_posts")'
    other = 'annotate(...=Subquery(Post.objects.filter(author=OuterRef("pk")).values(...)[:1]))'
    says(run, "User.posts", 4, code, other, fixed=fixed)
    assert judged(annotated) == []


def test_the_last_row_of_each():
    def run():
        for user in User.objects.all():  # L W
            str(user.posts.last())  # Q

    def fixed():
        chosen = Prefetch("posts", queryset=Post.objects.order_by("-pk"), to_attr="chosen_posts")
        for user in User.objects.prefetch_related(chosen):
            str(user.chosen_posts[0])

    code = 'Prefetch("posts", queryset=Post.objects.order_by("-pk"), to_attr="chosen_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_the_row_of_each_that_fits():
    def run():
        for user in User.objects.all():  # L W
            str(user.posts.get(score=1))  # Q

    def fixed():
        best = Prefetch("posts", queryset=Post.objects.filter(score=1), to_attr="filtered_posts")
        for user in User.objects.prefetch_related(best):
            str(user.filtered_posts[0])

    code = 'Prefetch("posts", queryset=Post.objects.filter(...), to_attr="filtered_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


@pytest.mark.parametrize(
    ("name", "column", "only"),
    [
        ("posts", "title", ["title", "author"]),
        ("posts", "author_id", ["author_id", "author"]),
        ("following", "name", ["name"]),
        ("followers", "name", ["name"]),
        ("tags", "word", ["word", "content_type", "object_id"]),
    ],
)
def test_one_column_of_each(name, column, only):
    model = User._meta.get_field(name).related_model

    def run():
        for user in User.objects.all():  # L W
            list(getattr(user, name).values_list(column, flat=True))  # Q

    def fixed():
        few = Prefetch(name, queryset=model.objects.only(*only), to_attr="few")
        for user in User.objects.prefetch_related(few):
            [getattr(one, column) for one in user.few]

    columns = ", ".join(f'"{one}"' for one in only)
    few = f"{model.__name__}.objects.only({columns})"
    code = f'Prefetch("{name}", queryset={few}, to_attr="chosen_{name}")'
    says(run, f"User.{name}", 4, code, fixed=fixed)


def test_columns_of_rows_behind_those_of_each():
    def run():
        for user in User.objects.all():  # L W
            list(user.following.values_list("name", "profile__city__name"))  # Q

    def fixed():
        others = Prefetch("following", queryset=User.objects.select_related("profile__city"))
        for user in User.objects.prefetch_related(others):
            [(one.name, one.profile.city.name) for one in user.following.all()]

    def many():
        for user in User.objects.all():  # L W
            list(user.posts.values("comment__text", "score"))  # Q

    def many_fixed():
        posts = Prefetch("posts", queryset=Post.objects.prefetch_related("comment_set"))
        for user in User.objects.prefetch_related(posts):
            [one.text for post in user.posts.all() for one in post.comment_set.all()]

    code = 'Prefetch("following", queryset=User.objects.select_related("profile__city"), to_attr='
    says(run, "User.following", 4, code, fixed=fixed)
    code = 'Prefetch("posts", queryset=Post.objects.prefetch_related("comment_set"), to_attr='
    says(many, "User.posts", 4, code, fixed=many_fixed)


def test_columns_that_are_not_named_are_all_of_them():
    def run():
        for user in User.objects.all():  # L W
            list(user.posts.values())  # Q

    def fixed():
        for user in User.objects.prefetch_related("posts"):
            list(user.posts.all())

    says(run, "User.posts", 4, 'prefetch_related("posts")', fixed=fixed)


def test_the_top_of_each():
    def run():
        for user in User.objects.all():  # L W
            list(user.posts.order_by("score")[:5])  # Q

    def fixed():
        top = Prefetch("posts", queryset=Post.objects.order_by("score")[:5], to_attr="chosen_posts")
        for user in User.objects.prefetch_related(top):
            list(user.chosen_posts)

    code = 'Prefetch("posts", queryset=Post.objects.order_by("score")[:5], to_attr="chosen_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_the_first_few_of_each():
    def run():
        for user in User.objects.all():  # L W
            list(user.posts.all()[:5])  # Q

    def fixed():
        top = Prefetch("posts", queryset=Post.objects.all()[:5], to_attr="chosen_posts")
        for user in User.objects.prefetch_related(top):
            list(user.chosen_posts)

    code = 'Prefetch("posts", queryset=Post.objects.all()[:5], to_attr="chosen_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_a_filter_of_what_is_prefetched():
    def run():
        for user in User.objects.prefetch_related("posts"):  # L W
            list(user.posts.filter(score=1))  # Q

    def fixed():
        best = Prefetch("posts", queryset=Post.objects.filter(score=1), to_attr="filtered_posts")
        for user in User.objects.prefetch_related("posts", best):
            list(user.filtered_posts)

    code = 'Prefetch("posts", queryset=Post.objects.filter(...), to_attr="filtered_posts")'
    says(run, "User.posts", 4, code, fixed=fixed)


def test_whether_there_are_any_of_a_generic_relation():
    def run():
        for user in User.objects.all():  # L W
            user.tags.exists()  # Q

    def fixed():
        kind = ContentType.objects.get_for_model(User)
        tags = Tag.objects.filter(content_type=kind, object_id=OuterRef("pk"))
        for user in User.objects.annotate(has_tags=Exists(tags)):
            str(user.has_tags)

    says(run, "User.tags", 4, "annotate(has_tags=Exists(Tag.objects.filter(", fixed=fixed)


def test_a_chain_has_a_finding_for_each_of_its_steps():
    def run():
        for post in Post.objects.all():  # L W
            str(post.author.profile.city.name)  # Q

    def fixed():
        for post in Post.objects.select_related("author__profile__city"):
            str(post.author.profile.city.name)

    found, statements = sent(run)
    assert [(one.kind, one.relation, one.count) for one in found] == [
        ("n_plus_one", "Post.author", 8),
        ("n_plus_one", "User.profile", 8),
        ("n_plus_one", "Profile.city", 8),
    ]
    assert len(statements) == 1 + 3 * 8
    found, statements = sent(fixed)
    assert (found, len(statements)) == ([], 1)


def test_the_end_of_a_chain_that_was_joined_too_short():
    def run():
        for post in Post.objects.select_related("author"):  # L W
            str(post.author.profile.pk)  # Q

    def fixed():
        for post in Post.objects.select_related("author__profile"):
            str(post.author.profile.pk)

    says(run, "User.profile", 8, 'select_related("author__profile")', fixed=fixed)


def test_two_keys_on_one_line():
    def run():
        for post in Post.objects.all():  # L W
            str((post.author.name, post.editor.name))  # Q

    def fixed():
        for post in Post.objects.select_related("author", "editor"):
            str((post.author.name, post.editor.name))

    found, statements = sent(run)
    marks = marked(run)
    assert len(statements) == 1 + 2 * 8
    for one, name in zip(found, ("author", "editor"), strict=True):
        assert (one.kind, one.relation, one.count) == ("n_plus_one", f"Post.{name}", 8)
        assert same_code(one.fix, f'select_related("{name}")')
        places = place(one.loop), place(one.query), place(one.where)
        assert places == (marks["L"], marks["Q"], marks["W"])
    assert judged(fixed) == []


def named(post):
    return post.author.name  # Q


def test_a_helper_of_one_loop():
    def run():
        for post in Post.objects.all():  # L W
            named(post)

    def fixed():
        for post in Post.objects.select_related("author"):
            named(post)

    says(run, "Post.author", 8, 'select_related("author")', more=[named], fixed=fixed)


def test_a_helper_of_two_loops():
    def run():
        for post in Post.objects.all():  # L
            named(post)
        for post in Post.objects.all():  # L2
            named(post)

    def fixed():
        for post in Post.objects.select_related("author"):
            named(post)
        for post in Post.objects.select_related("author"):
            named(post)

    found, statements = sent(run)
    marks = marked(run, named)
    assert len(statements) == 2 * (1 + 8)
    for each, loop in zip(found, ("L", "L2"), strict=True):
        assert (each.kind, each.relation, each.count) == ("n_plus_one", "Post.author", 8)
        assert same_code(each.fix, 'select_related("author")')
        places = place(each.loop), place(each.query), place(each.where)
        assert places == (marks[loop], marks["Q"], marks[loop])
    assert judged(fixed) == []


def test_a_helper_of_two_loops_that_pass_once_is_silent():
    def run():
        for post in Post.objects.order_by("pk")[:1]:
            named(post)
        for post in Post.objects.order_by("pk")[:1]:
            named(post)

    found, statements = sent(run)
    assert (found, len(statements)) == ([], 4)


def test_a_comprehension_and_map():
    def comprehended():
        return [named(post) for post in Post.objects.all()]  # L W

    def mapped():
        return list(map(named, Post.objects.all()))  # L W

    def comprehended_fixed():
        return [named(post) for post in Post.objects.select_related("author")]

    def mapped_fixed():
        return list(map(named, Post.objects.select_related("author")))

    for run, fixed in ((comprehended, comprehended_fixed), (mapped, mapped_fixed)):
        says(run, "Post.author", 8, 'select_related("author")', more=[named], fixed=fixed)


def test_recursion():
    def look(n):  # L
        if n:
            User.objects.get(name=f"user {n - 1}")  # Q
            look(n - 1)  # L2

    def fixed():
        User.objects.in_bulk([f"user {n}" for n in range(4)], field_name="name")

    found, statements = sent(lambda: look(4))
    marks = marked(look)
    (finding,) = found
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", "", 4)
    assert len(statements) == 4
    assert place(finding.loop) in {marks["L"], marks["L2"]}
    assert place(finding.query) == marks["Q"]
    assert same_code(finding.fix, 'User.objects.in_bulk(names, field_name="name")')
    assert judged(fixed) == []


def test_a_tree():
    top = Curious.objects.create(name="top")
    for n in range(3):
        Curious.objects.create(name=f"{n}", other=top)

    def walk(node):
        for child in node.curious_set.all():  # Q L
            walk(child)  # L2

    def walk_prefetched(node, depth):
        for child in node.curious_set.all() if depth else ():
            walk_prefetched(child, depth - 1)

    def fixed():
        tree = Curious.objects.prefetch_related("curious_set__curious_set")
        for node in tree.filter(pk=top.pk):
            walk_prefetched(node, 2)

    found, statements = sent(lambda: walk(top))
    marks = marked(walk)
    (finding,) = found
    assert (finding.relation, finding.count, len(statements)) == ("Curious.curious_set", 4, 4)
    assert place(finding.loop) in {marks["L"], marks["L2"]}
    assert same_code(finding.fix, 'prefetch_related("curious_set")')
    assert judged(fixed) == []


def test_rows_that_are_created():
    def created():
        for n in range(4):  # L
            City.objects.create(name=f"{n}")  # Q

    def created_by_a_relation():
        for post in list(Post.objects.all()):  # L
            post.comment_set.create(text="new")  # Q

    def saved():
        for n in range(4):  # L
            City(name=f"{n}").save()  # Q

    def fixed():
        City.objects.bulk_create([City(name=f"{n}") for n in range(4)])

    def fixed_by_a_relation():
        posts = list(Post.objects.all())
        Comment.objects.bulk_create([Comment(post=post, text="new") for post in posts])

    for run in (created, saved):
        says(run, "", 4, "City.objects.bulk_create(cities)", fixed=fixed)
    fix = "Comment.objects.bulk_create(comments)"
    says(created_by_a_relation, "", 8, fix, fixed=fixed_by_a_relation)


def test_rows_that_are_updated_and_deleted():
    def updated():
        for post in list(Post.objects.all()):  # L
            Post.objects.filter(pk=post.pk).update(score=post.score + 1)  # Q

    def updated_at_once():
        posts = list(Post.objects.all())
        for post in posts:
            post.score += 1
        Post.objects.bulk_update(posts, ["score"])

    def deleted():
        for post in list(Post.objects.all()):  # L
            Comment.objects.filter(post=post).delete()  # Q

    def deleted_at_once():
        Comment.objects.filter(post__in=list(Post.objects.all())).delete()

    says(updated, "", 8, "Post.objects.bulk_update(posts,", fixed=updated_at_once)
    fix = "Comment.objects.filter(post__in=...).delete()"
    says(deleted, "", 8, fix, fixed=deleted_at_once)


def test_rows_that_are_made_where_they_are_not_there_yet():
    def gotten():
        for n in range(4):  # L
            City.objects.get_or_create(name=f"new {n}")  # Q

    def added():
        for user in list(User.objects.all()):  # L
            user.following.add(first)  # Q

    def gotten_at_once():
        City.objects.bulk_create([City(name=f"new {n}") for n in range(4)], ignore_conflicts=True)

    def added_at_once():
        through = User.following.through
        pairs = [through(from_user=user, to_user=first) for user in User.objects.all()]
        through.objects.bulk_create(pairs, ignore_conflicts=True)

    first = User.objects.get(name="user 0")
    found, statements = sent(gotten)
    marks = marked(gotten)
    assert [(one.kind, one.count, one.operation) for one in found] == [
        ("n_plus_one", 4, "read"),
        ("n_plus_one", 4, "write"),
    ]
    assert {(place(one.loop), place(one.query)) for one in found} == {(marks["L"], marks["Q"])}
    assert len(statements) == 8
    assert judged(gotten_at_once) == []
    says(added, "", 4, "User.following.through.objects.bulk_create(", fixed=added_at_once)


@pytest.fixture
def ids(rows):  # noqa: F811
    return list(User.objects.order_by("pk").values_list("pk", flat=True))


def test_rows_that_are_looked_up(ids):
    def for_update():
        for pk in ids:  # L
            User.objects.select_for_update().get(pk=pk)  # Q

    def for_update_at_once():
        User.objects.select_for_update().in_bulk(ids)

    def in_lists_of_one():
        for pk in ids:  # L
            list(User.objects.filter(pk__in=[pk]))  # Q

    def in_one_list():
        list(User.objects.filter(pk__in=ids))

    fix = "User.objects.select_for_update().in_bulk(ids)"
    says(for_update, "", 4, fix, fixed=for_update_at_once)
    says(in_lists_of_one, "", 4, "User.objects.filter(pk__in=", fixed=in_one_list)


def test_rows_that_are_counted(ids):
    def run():
        for pk in ids:  # L
            Post.objects.filter(author=pk).count()  # Q

    def fixed():
        list(Post.objects.filter(author__in=ids).values("author").annotate(Count("pk")))

    fix = 'Post.objects.filter(author__in=...).values("author").annotate(Count("pk"))'
    says(run, "", 4, fix, fixed=fixed)


def test_rows_that_are_looked_up_by_what_refers_to_them():
    def run():
        for profile in Profile.objects.all():  # L
            str(User.objects.filter(profile=profile).values_list("name")[0])  # Q

    def fixed():
        list(User.objects.filter(profile__in=Profile.objects.all()).values_list("name"))

    says(run, "", 4, "User.objects.filter(profile__in=...)", fixed=fixed)


def test_one_row_after_the_other():
    def run():
        for start in range(1, 8):  # L
            str(Post.objects.order_by("pk")[start])  # Q

    def fixed():
        list(Post.objects.order_by("pk")[1:8])

    says(run, "", 7, "once before the loop", fixed=fixed)


def test_statements_by_hand(ids):
    def run():
        for pk in ids:  # L
            list(User.objects.raw("SELECT * FROM social_user WHERE id = %s", [pk]))  # Q

    def fixed():
        marks = ", ".join(["%s"] * len(ids))
        list(User.objects.raw(f"SELECT * FROM social_user WHERE id IN ({marks})", ids))

    says(run, "", 4, "IN (...)", fixed=fixed)


def test_two_columns_that_were_left_out():
    def run():
        for post in Post.objects.only("title"):  # L W
            str((post.text, post.score))  # Q

    def fixed():
        for post in Post.objects.only("title", "text", "score"):
            str((post.text, post.score))

    found, statements = sent(run)
    marks = marked(run)
    assert len(statements) == 1 + 2 * 8
    for one, name in zip(found, ("text", "score"), strict=True):
        assert (one.kind, one.relation, one.count) == ("n_plus_one", f"Post.{name}", 8)
        assert same_code(one.fix, f'only("title", "{name}")')
        assert (place(one.loop), place(one.query)) == (marks["L"], marks["Q"])
    assert judged(fixed) == []


def test_a_column_that_was_left_out():
    def deferred():
        for post in Post.objects.defer("text"):  # L W
            str(post.text)  # Q

    def deferred_fixed():
        for post in Post.objects.all():
            str(post.text)

    def raw():
        for post in Post.objects.raw("SELECT id, title FROM social_post"):  # L W
            str(post.text)  # Q

    def raw_fixed():
        for post in Post.objects.raw("SELECT id, title, text FROM social_post"):
            str(post.text)

    says(deferred, "Post.text", 8, "no defer()", fixed=deferred_fixed)
    says(raw, "Post.text", 8, '"text" among the columns', fixed=raw_fixed)


def test_rows_behind_rows_that_are_asked_for_one_by_one():
    def run():
        for user in User.objects.all():  # W L
            for post in user.posts.all():  # L2 Q
                str(post.editor.name)  # Q2

    def inner():
        for user in User.objects.all():
            for post in user.posts.select_related("editor"):
                str(post.editor.name)

    def both():
        for user in User.objects.prefetch_related("posts__editor"):
            for post in user.posts.all():
                str(post.editor.name)

    found, statements = sent(run)
    marks = marked(run)
    assert [(one.relation, one.count) for one in found] == [("User.posts", 4), ("Post.editor", 8)]
    assert [place(one.loop) for one in found] == [marks["L"], marks["L2"]]
    assert [place(one.query) for one in found] == [marks["Q"], marks["Q2"]]
    assert len(statements) == 1 + 4 + 8
    assert [one.relation for one in judged(inner)] == ["User.posts"]
    assert judged(both) == []
