"""Django: columns that were left out and are loaded row by row, and rows that are read again."""

import pytest

from tests.nplusone.django_rows import judged, rows, says, tables  # noqa: F401
from tests.nplusone.social.models import Article, City, Post, User

pytestmark = pytest.mark.usefixtures("rows")


def test_a_column_beyond_only():
    def run():
        for post in Post.objects.only("title"):  # L W
            str(post.text)  # Q

    def fixed():
        for post in Post.objects.only("title", "text"):
            str(post.text)

    says(run, "Post.text", 8, 'only("title", "text")', fixed=fixed)


def test_two_rows_are_enough():
    def run():
        for post in Post.objects.only("title").order_by("pk")[:2]:  # L W
            str(post.text)  # Q

    says(run, "Post.text", 2, 'only("title", "text")')


def test_a_deferred_column():
    def run():
        for post in Post.objects.defer("text", "score"):  # L W
            str(post.text)  # Q

    def fixed():
        for post in Post.objects.defer("score"):
            str(post.text)

    says(run, "Post.text", 8, 'defer("score")', fixed=fixed)


def test_the_only_deferred_column():
    def run():
        for post in Post.objects.defer("text"):  # L W
            str(post.text)  # Q

    says(run, "Post.text", 8, "no defer()")


def test_two_columns_are_two():
    def run():
        for post in Post.objects.only("title"):  # L W
            str((post.text, post.score))  # Q

    assert sorted(one.relation for one in judged(run)) == ["Post.score", "Post.text"]


def test_a_column_of_a_joined_row():
    def run():
        for post in Post.objects.select_related("author").only("author__id"):  # L W
            str(post.author.name)  # Q

    def fixed():
        for post in Post.objects.select_related("author").only("author__id", "author__name"):
            str(post.author.name)

    says(run, "User.name", 8, 'only("author__id", "author__name")', fixed=fixed)


def test_a_key_beyond_only():
    def run():
        for post in Post.objects.only("title"):  # L W
            str(post.author_id)  # Q

    def fixed():
        for post in Post.objects.only("title", "author"):
            str(post.author_id)

    says(run, "Post.author_id", 8, 'only("title", "author")', fixed=fixed)


def test_columns_in_chunks():
    def run():
        for post in Post.objects.only("title").iterator(chunk_size=2):  # L W
            str(post.text)  # Q

    says(run, "Post.text", 8, 'only("title", "text")')


def test_a_column_of_the_model_inherited_from():
    city = City.objects.get(name="city 0")
    for user in User.objects.all():
        Article.objects.create(title="article", author=user, source=city)

    def run():
        for article in Article.objects.only("source"):  # L W
            str(article.title)  # Q

    def fixed():
        for article in Article.objects.only("source", "title"):
            str(article.title)

    says(run, "Article.title", 4, 'only("source", "title")', fixed=fixed)


def test_a_column_that_a_raw_statement_lacks():
    def run():
        for post in Post.objects.raw("SELECT id, title FROM social_post"):  # L W
            str(post.text)  # Q

    says(run, "Post.text", 8, '"text" among the columns')


def test_one_row_with_many_columns_left_out_is_silent():
    def run():
        post = Post.objects.only("pk")[0]
        str((post.title, post.text, post.score, post.author_id))

    assert judged(run) == []


def test_rows_that_are_read_again():
    def run():
        for post in list(Post.objects.all()):  # L W
            post.refresh_from_db()  # Q

    def fixed():
        Post.objects.in_bulk([post.pk for post in Post.objects.all()])

    says(run, "", 8, "Post.objects.in_bulk(ids)", fixed=fixed)


def test_one_row_that_is_read_again_is_no_n_plus_one():
    post = Post.objects.first()

    def run():
        for _ in range(8):
            post.refresh_from_db()

    assert [one.kind for one in judged(run)] in ([], ["repeated_query"])
