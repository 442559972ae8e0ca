"""Django's admin: the loop of a list is the entry of ``list_display`` that asks for more."""

import pytest
from django.conf import settings
from django.db import connection
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

import inprofile
from inprofile.testing import record
from tests.nplusone import admin_pages, proxies, shelf
from tests.nplusone.judging import marked, place, same_code
from tests.nplusone.shelf import ROWS

SETTINGS = {
    "INSTALLED_APPS": [*settings.INSTALLED_APPS, "django.contrib.admin.apps.SimpleAdminConfig"],
    "ROOT_URLCONF": "tests.nplusone.admin_pages",
    "STATIC_URL": "/static/",
    "MIDDLEWARE": ["tests.integrations.django_site.plain", "tests.nplusone.admin_pages.known"],
    "TEMPLATES": [
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
        }
    ],
}


@pytest.fixture(scope="module", autouse=True)
def _rows():
    with shelf.filled(), override_settings(**SETTINGS):
        yield


def listed(kind):
    """The findings of a list, and the statements that it took."""
    page = reverse(f"{kind}:bookshop_{admin_pages.MODELS[kind]}_changelist")
    with CaptureQueriesContext(connection) as queries, record() as recording:
        answer = Client().get(page)
    assert answer.status_code == 200
    return recording.findings, [query["sql"] for query in queries]


@pytest.mark.parametrize("kind", ["Nullable", "Far", "Method", "Given", "Counted"])
def test_a_column_that_asks_for_each_row_is_the_entry_of_the_list(kind):
    (finding,), sent = listed(kind)
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert len(sent) > ROWS
    marks = marked(getattr(admin_pages, kind))
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks["L"]
    assert finding.loop is not None
    assert finding.loop.function.startswith(f"{kind}.")
    assert finding.relation.rpartition(".")[2] in {"publisher", "writers"}
    assert finding.where is not None
    assert finding.where.function in {f"{kind}.list_select_related", "changelist_view"}
    assert finding.where.file == admin_pages.__file__


def test_a_function_in_the_list_is_the_query_and_its_entry_the_loop():
    (finding,), _ = listed("Callable")
    assert finding.count == ROWS
    assert place(finding.query) == marked(admin_pages.text)["Q2"]
    assert place(finding.loop) == marked(admin_pages.Callable)["L"]


def test_a_list_of_texts_is_driven_by_the_class():
    (finding,), _ = listed("Text")
    assert finding.count == ROWS
    assert place(finding.query) == marked(proxies)["Q"]
    assert place(finding.loop) == marked(admin_pages.Text)["L"]


@pytest.mark.parametrize("kind", [one for one in admin_pages.MODELS if one.endswith("Joined")])
def test_a_list_that_joins_what_it_shows_is_silent(kind):
    assert listed(kind)[0] == []


def test_a_list_that_django_joins_is_silent():
    assert listed("Plain")[0] == []


@pytest.mark.parametrize("kind", admin_pages.MODELS)
def test_a_list_takes_as_many_statements_with_us_as_without(kind):
    _, within = listed(kind)
    inprofile.uninstrument()
    page = reverse(f"{kind}:bookshop_{admin_pages.MODELS[kind]}_changelist")
    assert shelf.statements(lambda: Client().get(page)) == within


FIXES = {
    "Nullable": ("Volume.publisher", 'select_related("publisher")'),
    "Far": ("Writer.publisher", 'select_related("publisher")'),
    "Method": ("Volume.publisher", 'select_related("publisher")'),
    "Callable": ("Writer.profile", 'select_related("profile")'),
    "Text": ("Named.publisher", 'select_related("publisher")'),
    "Given": ("Volume.publisher", 'select_related("publisher")'),
    "Counted": ("Publisher.writers", 'annotate(Count("writers"))'),
}


@pytest.mark.parametrize("kind", FIXES)
def test_the_advice_is_to_join_what_the_list_shows_and_a_list_that_does_takes_less(kind):
    (finding,), many = listed(kind)
    relation, fix = FIXES[kind]
    assert (finding.kind, finding.relation, finding.count) == ("n_plus_one", relation, ROWS)
    assert same_code(finding.fix, fix)
    if f"{kind}Joined" in admin_pages.MODELS:
        found, few = listed(f"{kind}Joined")
        assert found == []
        assert len(few) == len(many) - ROWS
