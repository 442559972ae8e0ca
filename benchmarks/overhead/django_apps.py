"""A Django project of one file: a view that does nothing, one that queries, a list by DRF."""

from functools import partial

from benchmarks.overhead.subject import DIFFERENT, LOOPED, QUERIES, Scenario, Subject
from benchmarks.overhead.wsgi_driver import WsgiDriver

ITEMS_PER_SHELF = 3
LISTED = 100


def _project(queries: int = 0) -> Subject:
    from django.conf import settings

    settings.configure(
        ALLOWED_HOSTS=["127.0.0.1"],
        ROOT_URLCONF="benchmarks.overhead.shelf.urls",
        SECRET_KEY="none",  # noqa: S106 - nothing is signed
        USE_TZ=True,
        INSTALLED_APPS=[
            "django.contrib.auth",
            "django.contrib.contenttypes",
            "django.contrib.sessions",
            "django.contrib.messages",
            "rest_framework",
            "benchmarks.overhead.shelf",
        ],
        MIDDLEWARE=[  # what startproject writes
            "django.middleware.security.SecurityMiddleware",
            "django.contrib.sessions.middleware.SessionMiddleware",
            "django.middleware.common.CommonMiddleware",
            "django.middleware.csrf.CsrfViewMiddleware",
            "django.contrib.auth.middleware.AuthenticationMiddleware",
            "django.contrib.messages.middleware.MessageMiddleware",
            "django.middleware.clickjacking.XFrameOptionsMiddleware",
        ],
        DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    )
    return Subject("django", _driver, queries=queries)


def _driver(path: str) -> WsgiDriver:
    """Set Django up as the settings are by now, with rows to query."""
    from django.apps import apps
    from django.core.wsgi import get_wsgi_application
    from django.db import connection

    handler = get_wsgi_application()
    item = apps.get_model("shelf", "Item")
    if not connection.introspection.table_names():
        with connection.schema_editor() as editor:
            editor.create_model(item)
        item.objects.bulk_create(
            item(shelf=min(n // ITEMS_PER_SHELF, QUERIES), name=f"item {n}", price_cents=100 + n)
            for n in range(LISTED)
        )
    return WsgiDriver(handler, path)


SCENARIOS = (
    Scenario("django", "Django JSON view", "/nothing", _project, batch=150),
    Scenario(
        "django_orm",
        f"{QUERIES} Django ORM queries",
        "/orm",
        partial(_project, QUERIES),
        batch=15,
        queries=QUERIES,
        base="django",
    ),
    Scenario(
        "django_looped",
        f"{LOOPED} Django ORM queries in a loop, one for each row",
        "/looped",
        partial(_project, LOOPED),
        batch=2,
        queries=LOOPED,
        base="django",
    ),
    Scenario(
        "django_different",
        f"{DIFFERENT} different Django ORM queries",
        "/different",
        partial(_project, DIFFERENT),
        batch=8,
        queries=DIFFERENT,
        base="django",
    ),
    Scenario("drf", f"Django REST framework: a list of {LISTED} rows", "/items", _project, batch=8),
)
