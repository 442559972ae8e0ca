"""One request to an application that is instrumented, its answer and the traces it left."""

from collections import Counter

import inprofile
from inprofile.testing import record
from tests import asgi

JSON = ((b"content-type", b"application/json"),)
FORM = ((b"content-type", b"application/x-www-form-urlencoded"),)
MULTIPART = ((b"content-type", b"multipart/form-data; boundary=b"),)
FILE = (
    b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\nabc\r\n--b--\r\n'
)


def asked(app, path="/", method="GET", *, body=b"", headers=(), query=b""):
    """The traces of one request, its status and its body."""
    inprofile.instrument(app)
    incoming = ({"type": "http.request", "body": body, "more_body": False},)
    with record() as recorded:
        sent = asgi.asked(app, path, method, incoming, headers, query_string=query)
    for trace in recorded.traces:
        assert sum(trace.stages.values()) == trace.wall_ns
    content = b"".join(message.get("body", b"") for message in sent if isinstance(message, dict))
    return recorded.traces, recorded.traces[0].status, content


def trace_of(app, path="/", method="GET", **more):
    (trace,), _, _ = asked(app, path, method, **more)
    return trace


def spent(trace):
    """The exclusive time of each name, summed."""
    total = Counter[str]()
    for span in trace.spans:
        total[str(span.name)] += span.self_ns
    return total
