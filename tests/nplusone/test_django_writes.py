"""Django: rows that are written one by one."""

import pytest

from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.social.models import City, Comment, Post, User

pytestmark = pytest.mark.usefixtures("rows")


def test_save():
    def run():
        for post in list(Post.objects.all()):  # L
            post.score += 1
            post.save(update_fields=["score"])  # Q

    def fixed():
        posts = list(Post.objects.all())
        for post in posts:
            post.score += 1
        Post.objects.bulk_update(posts, ["score"])

    finding = says(run, "", 8, 'Post.objects.bulk_update(posts, ["score"])', fixed=fixed)
    assert finding.operation == "write"


def test_save_of_all_columns():
    def run():
        for post in list(Post.objects.all()):  # L
            post.score += 1
            post.save()  # Q

    says(run, "", 8, "Post.objects.bulk_update(posts,")


def test_save_of_new_rows():
    def run():
        for n in range(4):  # L
            City(name=f"{n}").save()  # Q

    def fixed():
        City.objects.bulk_create(City(name=f"{n}") for n in range(4))

    says(run, "", 4, "City.objects.bulk_create(", fixed=fixed)


def test_create():
    def run():
        for n in range(4):  # L
            City.objects.create(name=f"{n}")  # Q

    says(run, "", 4, "City.objects.bulk_create(")


def test_create_of_equal_rows():
    def run():
        for _ in range(4):  # L
            City.objects.create(name="same")  # Q

    says(run, "", 4, "City.objects.bulk_create(")


def test_create_by_a_relation():
    def run():
        for post in list(Post.objects.all()):  # L
            post.comment_set.create(text="new")  # Q

    def fixed():
        Comment.objects.bulk_create(Comment(post=post) for post in Post.objects.all())

    says(run, "", 8, "Comment.objects.bulk_create(comments)", fixed=fixed)


def test_get_or_create():
    def run():
        for n in range(4):  # L
            City.objects.get_or_create(name=f"new {n}")  # Q

    found = judged(run)
    assert {one.operation for one in found} == {"read", "write"}
    for one in found:
        assert same_code(one.fix, "City.objects.bulk_create(cities, ignore_conflicts=True)")
        assert place(one.loop) == marked(run)["L"]


def test_update_or_create():
    def run():
        for n in range(4):  # L
            City.objects.update_or_create(name=f"city {n}", defaults={"name": f"{n}"})  # Q

    found = judged(run)
    assert found
    for one in found:
        assert same_code(one.fix, "update_conflicts=True")


def test_update_of_one_row_each():
    def run():
        for post in list(Post.objects.all()):  # L
            Post.objects.filter(pk=post.pk).update(score=post.score + 1)  # Q

    says(run, "", 8, "Post.objects.bulk_update(posts,")


def test_delete():
    def run():
        for comment in list(Comment.objects.all()):  # L
            comment.delete()  # Q

    def fixed():
        Comment.objects.filter(pk__in=[one.pk for one in Comment.objects.all()]).delete()

    says(run, "", 16, "Comment.objects.filter(pk__in=ids).delete()", fixed=fixed)


def test_delete_of_rows_with_others_behind_them():
    def run():
        for post in list(Post.objects.all()):  # L
            post.delete()  # Q

    for one in judged(run):
        assert same_code(one.fix, "Post.objects.filter(pk__in=ids).delete()")
        assert place(one.loop) == marked(run)["L"]


def test_delete_of_a_filter_each():
    def run():
        for post in list(Post.objects.all()):  # L
            Comment.objects.filter(post=post).delete()  # Q

    for one in judged(run):
        assert same_code(one.fix, "Comment.objects.filter(post__in=...).delete()")


def test_add():
    first = User.objects.get(name="user 0")

    def run():
        for user in list(User.objects.all()):  # L
            user.following.add(first)  # Q

    def fixed():
        through = User.following.through
        through.objects.bulk_create(
            [through(from_user=user, to_user=first) for user in User.objects.all()],
            ignore_conflicts=True,
        )

    found = judged(run)
    assert found
    for one in found:
        assert same_code(one.fix, "User.following.through.objects.bulk_create(")
    assert judged(fixed) == []


def test_bulk_operations_are_silent():
    def run():
        made = City.objects.bulk_create([City(name=f"{n}") for n in range(7)], batch_size=2)
        City.objects.bulk_create([City(name=f"{n}") for n in range(4)], batch_size=1)
        City.objects.bulk_update(made, ["name"], batch_size=1)
        City.objects.in_bulk([one.pk for one in made])

    assert judged(run) == []


def test_bulk_operations_of_one_row_each():
    def run():
        for n in range(4):  # L
            City.objects.bulk_create([City(name=f"{n}")])  # Q

    says(run, "", 4, "City.objects.bulk_create(cities)")
