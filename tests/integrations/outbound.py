"""What the tests of all HTTP clients expect of their spans."""

import inprofile
from tests.integrations.spans import spans
from tests.integrations.threads import in_threads

GET = ("http", "GET 127.0.0.1", "work", 1)


def http_spans(trace):
    return [span for span in trace.spans if span.kind == "http"]


def answered(*requests):
    """The attributes of requests to this machine: method, template of the URL and status."""
    return [
        {
            "http.request.method": method,
            "server.address": "127.0.0.1",
            "url.template": path,
            "http.response.status_code": status,
        }
        for method, path, status in requests
    ]


def check_parents_in_threads(ask, recorded):
    """Ask in five threads of one trace: each request belongs to what its thread is at."""

    def one(number):
        with inprofile.span(f"thread {number}", kind="cache"):
            ask()

    with inprofile.job("work"):
        in_threads(one, *[(number,) for number in range(5)])
    trace = recorded.trace
    assert sorted(spans(trace, "http")) == [
        ("http", "GET 127.0.0.1", f"thread {number}", 1) for number in range(5)
    ]
    assert sum(trace.stages.values()) == trace.wall_ns
