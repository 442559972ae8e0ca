"""Django: rows that are looked up one by one, by queries or by hand."""

import pytest
from django.db import connection
from django.db.models import Q

from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.social.models import Post, Profile, User

pytestmark = pytest.mark.usefixtures("rows")


@pytest.fixture
def ids(rows):  # noqa: F811
    return list(User.objects.order_by("pk").values_list("pk", flat=True))


def test_get_by_key(ids):
    def run():
        for pk in ids:  # L
            User.objects.get(pk=pk)  # Q

    def fixed():
        users = User.objects.in_bulk(ids)
        for pk in ids:
            str(users[pk])

    says(run, "", 4, "User.objects.in_bulk(ids)", fixed=fixed)


def test_get_of_two_rows_is_enough(ids):
    def run():
        for pk in ids[:2]:  # L
            User.objects.get(pk=pk)  # Q

    says(run, "", 2, "User.objects.in_bulk(ids)")


def test_get_on_two_lines_is_silent(ids):
    def run():
        User.objects.get(pk=ids[0])
        User.objects.get(pk=ids[1])

    assert judged(run) == []


def test_get_by_a_unique_column():
    def run():
        for n in range(4):  # L
            User.objects.get(name=f"user {n}")  # Q

    def fixed():
        User.objects.in_bulk([f"user {n}" for n in range(4)], field_name="name")

    says(run, "", 4, 'User.objects.in_bulk(names, field_name="name")', fixed=fixed)


def test_get_by_another_column():
    def run():
        for n in range(4):  # L
            Post.objects.filter(title=f"post {n}.0").first()  # Q

    def fixed():
        list(Post.objects.filter(title__in=[f"post {n}.0" for n in range(4)]))

    says(run, "", 4, "Post.objects.filter(title__in=", fixed=fixed)


def test_get_of_rows_behind_a_key():
    def run():
        for post in Post.objects.all():  # L
            User.objects.get(pk=post.author_id)  # Q

    def fixed():
        posts = list(Post.objects.all())
        User.objects.in_bulk([post.author_id for post in posts])

    says(run, "", 8, "User.objects.in_bulk(ids)", fixed=fixed)


def test_get_for_update(ids):
    def run():
        for pk in ids:  # L
            User.objects.select_for_update().get(pk=pk)  # Q

    says(run, "", 4, "User.objects.select_for_update().in_bulk(ids)")


def test_in_bulk_of_one(ids):
    def run():
        for pk in ids:  # L
            User.objects.in_bulk([pk])  # Q

    def fixed():
        User.objects.in_bulk(ids)

    says(run, "", 4, "User.objects.in_bulk(ids)", fixed=fixed)


def test_in_with_one_element(ids):
    def run():
        for pk in ids:  # L
            list(User.objects.filter(pk__in=[pk]))  # Q

    says(run, "", 4, "User.objects.filter(pk__in=")


def test_counts_of_a_models_own_manager(ids):
    def run():
        for pk in ids:  # L
            Post.objects.filter(author=pk).count()  # Q

    says(run, "", 4, 'Post.objects.filter(author__in=...).values("author").annotate(Count("pk"))')


def test_two_counts_are_left_alone_and_one_is_silent(ids):
    def run():
        for pk in ids[:1]:
            Post.objects.filter(author=pk).count()

    assert judged(run) == []


def test_equal_lookups_are_repeated():
    def run():
        for _ in Post.objects.all():  # L
            User.objects.filter(name="user 0").exists()  # Q

    says(run, "", 8, kind="repeated_query")


def test_a_few_equal_lookups_are_silent():
    def run():
        for _ in range(2):
            User.objects.filter(name="user 0").exists()

    assert judged(run) == []


def test_statements_by_hand(ids):
    def run():
        with connection.cursor() as cursor:
            for pk in ids:  # L
                cursor.execute("SELECT name FROM social_user WHERE id = %s", [pk])  # Q

    def fixed():
        marks = ", ".join(["%s"] * len(ids))
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT name FROM social_user WHERE id IN ({marks})", ids)

    says(run, "", 4, "IN (...)", fixed=fixed)


def test_rows_of_raw_statements(ids):
    def run():
        for pk in ids:  # L
            list(User.objects.raw("SELECT * FROM social_user WHERE id = %s", [pk]))  # Q

    says(run, "", 4, "IN (...)")


def test_pages_are_silent():
    def run():
        for start in range(0, 8, 2):
            list(Post.objects.order_by("pk")[start : start + 2])

    assert judged(run) == []


def test_one_row_after_the_other_is_no_page():
    def run():
        for start in range(1, 8):  # L
            str(Post.objects.order_by("pk")[start])  # Q

    says(run, "", 7)


def test_recursion():
    def look(n):  # L
        if n:
            User.objects.get(name=f"user {n - 1}")  # Q
            look(n - 1)

    found = judged(lambda: look(4))
    assert [(one.kind, one.count) for one in found] == [("n_plus_one", 4)]


def test_two_loops_of_one_pass_each_are_silent(ids):
    def one(pk):
        return User.objects.get(pk=pk)

    def run():
        for pk in ids[:1]:
            one(pk)
        for pk in ids[1:2]:
            one(pk)

    assert judged(run) == []


def test_many_statements_on_one_line_of_a_loop_that_runs_once_are_silent(ids):
    def run():
        for _ in range(1):
            str([User.objects.get(pk=ids[0]), User.objects.get(pk=ids[1]), User.objects.get(pk=ids[2])])  # fmt: skip  # noqa: E501

    assert judged(run) == []


def test_get_of_rows_by_what_refers_to_them():
    def run():
        for profile in Profile.objects.all():  # L
            str(profile.pk and User.objects.filter(profile=profile).values_list("name")[0])  # Q

    says(run, "", 4, "User.objects.filter(profile__in=...)")


def test_the_best_of_each_author_by_a_limit_of_his_own_are_no_pages():
    def run():
        for least, user in enumerate(User.objects.all()):  # L
            posts = Post.objects.filter(author=user, score__gte=least % 3)
            list(posts.order_by("-score")[:3])  # Q

    def fixed():
        users: dict[int, list[Post]] = {user.pk: [] for user in User.objects.all()}
        for post in Post.objects.filter(author__in=users).order_by("-score"):
            users[post.author_id].append(post)

    says(run, "", 4, "Post.objects.filter(author__in=...)", fixed=fixed)


def test_pages_of_what_one_author_has_written_are_silent():
    user = User.objects.first()

    def run():
        last = 0
        while posts := list(Post.objects.filter(author=user, pk__gt=last).order_by("pk")[:2]):
            last = posts[-1].pk

    Post.objects.update(author=user)
    assert judged(run) == []


def test_pages_in_an_order_of_two_columns_are_silent():
    def run():
        score, last = -1, 0
        while posts := list(
            Post.objects.filter(Q(score__gt=score) | Q(score=score, pk__gt=last)).order_by(
                "score", "pk"
            )[:2]
        ):
            score, last = posts[-1].score, posts[-1].pk

    assert judged(run) == []
