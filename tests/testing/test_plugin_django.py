"""The pytest plugin with pytest-django: its fixtures, clients and servers, Django's TestCase."""

import pytest

from tests.testing.project import Project

SETTINGS = """
SECRET_KEY = "x"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
INSTALLED_APPS = ["shop"]
MIDDLEWARE = ["inprofile.django.Middleware"]
ROOT_URLCONF = "shop.urls"
ALLOWED_HOSTS = ["*"]
USE_TZ = True
STATIC_URL = "static/"  # the live server asks for it
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
"""

MODELS = """
from django.db import models

class Author(models.Model):
    name = models.TextField()

class Post(models.Model):
    author = models.ForeignKey(Author, models.CASCADE)
"""

VIEWS = """
from django.http import HttpResponse
from shop.models import Author, Post

def fill():
    authors = Author.objects.bulk_create([Author(name=str(n)) for n in range(4)])
    Post.objects.bulk_create([Post(author=author) for author in authors])

def names(posts):
    return [post.author.name for post in posts]  # N

def loop(request):
    return HttpResponse(names(Post.objects.all()))

def clean(request):
    return HttpResponse(names(Post.objects.select_related("author")))

def one(request, number):
    return HttpResponse(Author.objects.filter(id=number).first())
"""

URLS = """
from django.urls import path
from shop import views

urlpatterns = [
    path("loop/", views.loop),
    path("clean/", views.clean),
    path("one/<int:number>/", views.one),
]
"""

TESTS = """
import pytest
from django.test import TestCase, TransactionTestCase
from shop.models import Author, Post
from shop.views import fill, names

@pytest.fixture
def posts(db):
    for number in range(4):
        Post.objects.create(author=Author.objects.create(name=str(number)))

def test_plain_loop(posts):
    assert names(Post.objects.all())

def test_plain_clean(posts):
    assert names(Post.objects.select_related("author"))

def test_client_loop(client, posts):
    try:
        assert client.get("/loop/").status_code == 200
    except BaseException:
        pass

def test_client_clean(client, posts):
    assert client.get("/clean/").content == b"0123"
    for number in range(5):
        client.get(f"/one/{number}/")

@pytest.mark.django_db(transaction=True)
def test_server_loop(live_server):
    from urllib.request import urlopen
    fill()
    assert urlopen(live_server.url + "/loop/").status == 200

@pytest.mark.django_db(transaction=True)
def test_server_clean(live_server):
    from urllib.request import urlopen
    fill()
    for number in range(4):
        assert urlopen(live_server.url + f"/one/{number}/").status == 200

@pytest.mark.django_db
def test_unread_clean():
    fill()
    assert [post.id for post in Post.objects.select_related("author")]

@pytest.mark.django_db
def test_limit_clean(client, max_queries):
    fill()
    with max_queries(1):
        client.get("/clean/")

@pytest.mark.django_db
def test_limit_loop(client, max_queries):
    fill()
    with max_queries(4):
        client.get("/loop/")

class Data:
    def setUp(self):
        for number in range(4):
            Post.objects.create(author=Author.objects.create(name=str(number)))

class Test(Data, TestCase):
    def test_case_loop(self):
        self.client.get("/loop/")

    def test_case_clean(self):
        with self.assertNumQueries(1):
            self.client.get("/clean/")

    async def test_async_case_loop(self):
        assert (await self.async_client.get("/loop/")).status_code == 200

    async def test_async_case_clean(self):
        assert (await self.async_client.get("/clean/")).status_code == 200

class Transactions(Data, TransactionTestCase):
    def test_transaction_case_loop(self):
        self.client.get("/loop/")
"""


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    ini = (tmp_path / "pytest.ini").read_text()
    project.write("pytest.ini", ini + "pythonpath = .\nDJANGO_SETTINGS_MODULE = settings\n")
    project.write("settings.py", SETTINGS)
    project.write("shop/__init__.py", "")
    project.write("shop/models.py", MODELS)
    project.write("shop/views.py", VIEWS)
    project.write("shop/urls.py", URLS)
    project.write("test_shop.py", TESTS)
    return project


@pytest.mark.parametrize("workers", [0, 1])
def test_whatever_has_an_n_plus_one_fails_and_nothing_else(workers, project):
    options = ["-n", str(workers)] if workers else []
    plugins = ["django", "xdist"] if options else ["django"]
    run = project.run("--inprofile-fail-on=all", *options, "-W", "ignore", plugins=plugins)
    assert run.failed == [
        "test_async_case_loop",
        "test_case_loop",
        "test_client_loop",
        "test_limit_loop",
        "test_plain_loop",
        "test_server_loop",
        "test_transaction_case_loop",
    ], run.text
    assert (
        run.outcomes["passed"] == 7
    )  # an eager load that nobody reads has to be asked for by name
    place = f"shop/views.py:{project.line('shop/views.py', 'N')}"
    assert f"  loop      {place} in names" in run.text
    assert "5 queries, at most 4 allowed:" in run.text
    found = [line for line in run.summary() if line.startswith("n_plus_one")]
    assert len(found) == 1
    assert f"loop {place}, query {place}" in found[0]


def test_without_the_option_nothing_is_judged_but_the_limits(project):
    run = project.run("-W", "ignore", plugins=["django"])
    assert run.failed == ["test_limit_loop"], run.text


def test_an_eager_load_that_nobody_reads_fails_a_test_that_names_it(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop.models import Author, Post
        from shop.views import fill, names

        def ids(posts):
            return [post.id for post in posts]  # Q

        @pytest.mark.django_db
        def test_read(client):
            fill()
            assert names(Post.objects.select_related("author"))
            assert client.get("/clean/").status_code == 200

        @pytest.mark.django_db
        def test_unread():
            fill()
            assert ids(Post.objects.select_related("author"))

        @pytest.mark.django_db
        @pytest.mark.inprofile(allow=["Post.author"])
        def test_allowed():
            fill()
            assert ids(Post.objects.select_related("author"))

        @pytest.mark.django_db
        @pytest.mark.inprofile(fail_on=["n_plus_one"])
        def test_of_another_kind():
            fill()
            assert ids(Post.objects.select_related("author"))
        """,
    )
    run = project.run(
        "--inprofile-fail-on=n_plus_one,unused_eager_load", "-W", "ignore", plugins=["django"]
    )
    assert run.failed == ["test_unread"], run.text
    place = f"test_shop.py:{project.line('test_shop.py', 'Q')}"
    assert f"  query     {place} in ids" in run.text
    assert '  fix       remove select_related("author")' in run.text
    assert len([line for line in run.summary() if line.startswith("unused_eager_load")]) == 1
