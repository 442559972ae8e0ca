"""What a client accepts, and which format it gets."""

import pytest

from inprofile.core.slots import Snapshot
from inprofile.exporters.prometheus import openmetrics, protobuf, text
from inprofile.exporters.prometheus.exposition import exposition
from inprofile.exporters.serving.accept import ranges, takes_gzip

PROTO = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
OLD_PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
NATIVE = (
    f"{PROTO};q=0.6,application/openmetrics-text;version=1.0.0;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
ESCAPING = (
    f"{PROTO};escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", text),
        ("*/*", text),
        ("text/*;q=0.5", text),
        ("text/html", text),
        ("application/*", openmetrics),
        ("application/openmetrics-text", openmetrics),
        ("application/openmetrics-text; version=0.0.1", openmetrics),
        ("application/openmetrics-text; version=2.0.0, text/plain;q=0.1", text),
        ('application/openmetrics-text; version="1.0.0"', openmetrics),
        ("application/openmetrics-text;q=0", text),
        ("text/plain;q=0.2, application/openmetrics-text;q=0.3", openmetrics),
        ("text/plain;q=0.4, application/openmetrics-text;q=0.3", text),
        ("text/plain, application/openmetrics-text", text),
        ("TEXT/PLAIN;q=0.4, Application/OpenMetrics-Text;Q=0.5", openmetrics),
        ("application/openmetrics-text;q=high, text/plain;q=0.1", text),
        (PROTO, protobuf),
        (PROTO.replace("delimited", "text"), text),
        ("application/vnd.google.protobuf", text),
        (OLD_PROMETHEUS, openmetrics),
        (NATIVE, protobuf),
        (ESCAPING, protobuf),
        (";;,,=", text),
        ("\xff\x00", text),
    ],
)
def test_a_scrape_is_in_the_format_that_is_wanted_most(accept, expected):
    _, content_type = exposition(Snapshot([]), accept)
    assert content_type == expected.CONTENT_TYPE


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", False),
        ("gzip", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip;q=0", False),
        ("*", True),
        ("*;q=0", False),
        ("*, gzip;q=0", False),
        ("identity", False),
        ("GZIP", True),
    ],
)
def test_a_body_is_compressed_for_who_asks_for_it(header, expected):
    assert takes_gzip(header) is expected


def test_the_most_wanted_comes_first_and_else_what_stands_first():
    assert [each.name for each in ranges("a;q=0.5, b, c;q=0.5, d;q=2, e;q=nan, f")] == [
        *("b", "f", "a", "c")
    ]
