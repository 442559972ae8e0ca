"""The series of a scrape and their labels: bounded, of any text, without statements, in order."""

import os

import pytest

import inprofile
from inprofile.core import metrics
from inprofile.core.recorder import add_span
from inprofile.exporters.prometheus.exposition import exposition
from tests.exporters.exposed import (
    COUNT,
    OPENMETRICS,
    PLAIN,
    buckets,
    scraped,
    total,
    values,
    whole,
)
from tests.exporters.sources import shop

# Databases


def statement(fed, text, length_ns, collection):
    trace = fed.recorder.begin("http", "GET", "https")
    trace.route = "/orders"
    start_ns = fed.clock()
    fed.clock.advance(length_ns)
    add_span(trace.root, "db", text, start_ns, fed.clock())
    trace.spans[-1].attributes = {
        "db.system.name": "sqlite",
        "db.operation.name": "SELECT",
        "db.collection.name": collection,
    }
    fed.recorder.finish(trace)


def test_statements_are_not_told_and_those_of_one_table_are_one_series(fed):
    statement(fed, "SELECT secret FROM person WHERE id = ?", 200_000, "person")
    statement(fed, "SELECT secret FROM person", 400_000, "person")
    statement(fed, "SELECT secret FROM person", 900_000_000, "person")
    statement(fed, "SELECT secret FROM pet", 7_000_000, "pet")
    body = fed.scrape()
    assert b"secret" not in body
    about = {"db_operation_name": "SELECT", "db_system_name": "sqlite", "http_route": "/orders"}
    name = "db_client_operation_duration_seconds"
    person, pet = ({**about, "db_collection_name": table} for table in ("person", "pet"))
    assert values(body, f"{name}_count") == [(person, 3), (pet, 1)]
    assert values(body, f"{name}_sum") == [(person, 0.9006), (pet, 0.007)]
    shown = buckets(body, f"{name}_bucket", db_collection_name="person")
    assert [shown[le] for le in ("0.0001", "0.00025", "0.0005", "0.75", "1.0", "+Inf")] == [
        *(0, 1, 2, 2, 3, 3)
    ]


def test_named_operations_stay_in_the_report(fed):
    trace = fed.recorder.begin("http", "GET", "https")
    add_span(trace.root, "logging", "shop.py:88 serialize", 0, 5)
    fed.recorder.finish(trace)
    assert metrics.OPERATION.name in {key[0] for key in fed.snapshot().series}
    assert b"inprofile_operation" not in fed.scrape()


# Bounds


def test_what_a_cap_turns_away_is_one_series_and_is_told(fed):
    for number in range(metrics.JOBS.cap + 7):
        fed.job(f"job:{number}")
    body = fed.scrape()
    series = values(body, "inprofile_job_duration_seconds_count")
    assert sum(value for _, value in series) == metrics.JOBS.cap + 7
    overflow = {"inprofile_job": "_OVERFLOW", "error_type": "_OVERFLOW"}
    turned_away = [value for labels, value in series if labels == overflow]
    assert turned_away == [metrics.JOBS.cap + 7 - (len(series) - 1)]
    told = total(body, "inprofile_series_overflow_total", family=metrics.JOBS.name)
    assert told == turned_away[0] > 0


def test_where_no_cap_was_reached_there_is_no_overflow_series(fed):
    fed.request()
    fed.job("mail")
    assert b"_OVERFLOW" not in fed.scrape()


# Label values


AWKWARD = {
    'quote " and \\ backslash': 'quote " and \\ backslash',
    "two\nlines": "two\nlines",
    "ends in \\": "ends in \\",
    "\\n": "\\n",
    'a="b",c="d"} 1': 'a="b",c="d"} 1',
    "# HELP x y": "# HELP x y",
    "Größe 訂單 🛒": "Größe 訂單 🛒",
    "caf\udce9": "caf?",
    "\ud83d": "?",
    "": "",
    " tab\t, return\r": " tab\t, return\r",
}
"""A job's name, and what a scrape may make of it: UTF-8 has no lone surrogates."""


@pytest.mark.parametrize("accept", [PLAIN, OPENMETRICS])
@pytest.mark.parametrize("name", AWKWARD, ids=ascii)
def test_a_label_may_hold_any_text(fed, name, accept):
    fed.job(name)
    body, _ = whole(exposition(fed.snapshot(), f"{accept}; version=1.0.0"))
    assert values(body, "inprofile_job_duration_seconds_count") == [
        ({"inprofile_job": AWKWARD[name], "error_type": ""}, 1)
    ]


def test_names_that_are_written_alike_are_one_series(fed):
    fed.job("caf\udce9")
    fed.job("caf?")
    assert values(fed.scrape(), "inprofile_job_duration_seconds_count") == [
        ({"inprofile_job": "caf?", "error_type": ""}, 2)
    ]


def test_a_job_named_after_an_undecodable_file_does_not_end_the_metrics():
    app = inprofile.instrument(shop())
    with inprofile.job(os.fsdecode(b"import caf\xe9.csv")):
        pass
    assert total(scraped(app), "inprofile_job_duration_seconds_count") == 1


# Order


def test_series_are_sorted_and_do_not_move_between_scrapes(fed):
    routes = [f"/{letter}" for letter in "qwertzuiop"]
    for route in routes:
        fed.request(route=route)
    first = fed.scrape()
    assert [labels["http_route"] for labels, _ in values(first, COUNT)] == sorted(routes)
    assert fed.scrape() == first
    for route in reversed(routes):
        fed.request(route=route)
        fed.request(route=f"{route}/late", status=500)
    second = [labels["http_route"] for labels, _ in values(fed.scrape(), COUNT)]
    assert [route for route in second if not route.endswith("/late")] == sorted(routes)


def test_a_negative_gauge_is_shown_as_what_it_is(fed):
    """It is negative for a moment where a worker finishes what another began."""
    cells = fed.cells
    cells.add(cells.offset(metrics.ACTIVE, ("GET", "http")), -2)
    assert values(fed.scrape(), "http_server_active_requests") == [
        ({"http_request_method": "GET", "url_scheme": "http"}, -2)
    ]
