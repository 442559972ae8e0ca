"""Reads an exposition back, refusing what the strictest of its readers would refuse."""

import re
from collections.abc import Iterable

from prometheus_client import Metric, parser
from prometheus_client.openmetrics import parser as openmetrics_parser

from tests import asgi

PLAIN = "text/plain"
OPENMETRICS = "application/openmetrics-text"
ACCEPT = {PLAIN: "text/plain", OPENMETRICS: "application/openmetrics-text; version=1.0.0"}
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"

SUFFIXES = {
    "counter": ("",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
    "summary": ("", "_sum", "_count"),
}


def scraped(app, accept: str = PLAIN) -> bytes:
    """What the application says at /metrics."""
    start, body = asgi.asked(app, "/metrics", headers=[(b"accept", ACCEPT[accept].encode())])
    headers = dict(start["headers"])
    assert (start["status"], headers[b"content-type"].split(b";")[0]) == (200, accept.encode())
    assert int(headers[b"content-length"]) == len(body["body"])
    found: bytes = body["body"]
    return found


def whole(answered: tuple[Iterable[bytes], str]) -> tuple[bytes, str]:
    """The body of an exposition in one part, and its content type."""
    parts, content_type = answered
    return b"".join(parts), content_type


def families(body: bytes) -> dict[str, Metric]:
    """Every family by name. Raises AssertionError or ValueError for what is not valid."""
    text = body.decode()
    if text.endswith("# EOF\n"):
        found = list(openmetrics_parser.text_string_to_metric_families(text))
    else:
        _check(text)
        found = list(parser.text_string_to_metric_families(text))
    names = [family.name for family in found]
    assert len(names) == len(set(names)), f"a family comes twice: {sorted(names)}"
    series = [(s.name, *sorted(s.labels.items())) for family in found for s in family.samples]
    assert len(series) == len(set(series)), "a series comes twice"
    return dict(zip(names, found, strict=True))


def _check(text: str) -> None:
    """HELP, TYPE, then samples of that family alone, each family once.

    prometheus_client's parser lets more pass than the one in Go:
    https://github.com/prometheus/common/blob/main/expfmt/text_parse.go
    """
    assert text.endswith("\n")
    declared: list[str] = []
    allowed: list[str] = []
    lines = text.removesuffix("\n").split("\n")
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith("# HELP "):
            name = line.split(" ")[2]
            assert name not in declared, f"a second HELP line for {name}"
            assert after.startswith(f"# TYPE {name} "), f"no TYPE after {line}"
            declared.append(name)
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ")
            assert declared[-1] == name, f"no HELP before {line}"
            allowed = [name + suffix for suffix in SUFFIXES[kind]]
        else:
            sample = re.split(r"[{ ]", line, maxsplit=1)[0]
            assert sample in allowed, f"{line} stands below {declared[-1]}"


def values(body: bytes, sample: str) -> list[tuple[dict[str, str], float]]:
    """Labels and value of every series of ``sample``, in the order in which they come."""
    return [
        (dict(found.labels), found.value)
        for family in families(body).values()
        for found in family.samples
        if found.name == sample
    ]


def total(body: bytes, sample: str, **labels: str) -> float:
    """The sum of the series of ``sample`` that have these labels."""
    return sum(value for found, value in values(body, sample) if labels.items() <= found.items())


def buckets(body: bytes, name: str = BUCKET, **labels: str) -> dict[str, float]:
    """The buckets of the one series of a histogram: le -> count, in the order of the text."""
    found = [(all_of, value) for all_of, value in values(body, name)]
    chosen = [(all_of["le"], value) for all_of, value in found if labels.items() <= all_of.items()]
    assert len({le for le, _ in chosen}) == len(chosen), "more than one series"
    return dict(chosen)
