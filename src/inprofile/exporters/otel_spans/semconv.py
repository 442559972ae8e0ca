"""What spans are called and say in OpenTelemetry's conventions for HTTP and databases.

https://opentelemetry.io/docs/specs/semconv/http/http-spans/
https://opentelemetry.io/docs/specs/semconv/database/database-spans/
"""

from contextlib import suppress
from typing import NamedTuple
from urllib.parse import urlsplit

from opentelemetry.trace import SpanKind

from inprofile.core.model import OTHER, UNMATCHED, Location, Span, Trace

Attributes = dict[str, str | int | float]

KINDS = {"http": SpanKind.SERVER, "websocket": SpanKind.SERVER, "task": SpanKind.CONSUMER}
"""Of roots, by the door."""

CLIENTS = frozenset({"db", "http"})


class Description(NamedTuple):
    """Name, kind and attributes of a span."""

    name: str
    kind: SpanKind
    attributes: Attributes


def request(trace: Trace) -> Description:
    """A root: of a request, or of the work that no request brings."""
    name, kind = root_name(trace), KINDS.get(trace.door, SpanKind.INTERNAL)
    facts: dict[str, str | int | None] = {"inprofile.kind": trace.door, "error.type": trace.error}
    if kind is SpanKind.SERVER:
        facts |= {
            "http.request.method": trace.method or ("GET" if trace.door == "websocket" else OTHER),
            "http.route": "" if trace.route == UNMATCHED else trace.route,
            "http.response.status_code": trace.status,
            "url.path": trace.path,
            "url.scheme": trace.scheme,
            **_server(trace.host),
        }
    if trace.queue_ns:
        facts["inprofile.queue.duration_ns"] = trace.queue_ns
    for stage, self_ns in trace.stages.items():
        facts[f"inprofile.stage.{stage}.duration_ns"] = self_ns
    return Description(name, kind, _known({**(trace.root.attributes or {}), **facts}))


def _server(host: str) -> dict[str, str | int | None]:
    """What a Host header names; nothing where it names nothing."""
    with suppress(ValueError):
        named = urlsplit(f"//{host}")
        return {"server.address": named.hostname, "server.port": named.port}
    return {}


def root_name(trace: Trace) -> str:
    """The method and the route of a request, and the name of other work."""
    if trace.door not in {"http", "websocket"}:
        return trace.route.removeprefix(f"{trace.door}:")
    verb = "WS" if trace.door == "websocket" else trace.method
    verb = "HTTP" if verb == OTHER else verb
    return verb if trace.route == UNMATCHED else f"{verb} {trace.route}"


def operation(span: Span) -> Description:
    """Any other span."""
    facts: dict[str, str | int | None] = {"inprofile.kind": span.kind, "error.type": span.error}
    if span.count > 1:
        facts["inprofile.count"] = span.count
    facts["inprofile.self.duration_ns"] = span.self_ns
    about = span.attributes or {}
    name, kind = str(span.name), SpanKind.CLIENT if span.kind in CLIENTS else SpanKind.INTERNAL
    if span.kind == "db":
        if name != about.get("db.operation.name"):  # as CONNECT is, which is no statement
            facts["db.query.text"] = name
        name = str(about.get("db.query.summary") or about.get("db.operation.name") or name)
    elif span.kind == "cache" and about.get("db.system.name"):
        kind = SpanKind.CLIENT
    elif span.kind == "http":
        name = _verb(about.get("http.request.method"), about.get("url.template"))
    elif isinstance(span.name, Location):
        name = span.name.function
        facts |= {"code.file.path": span.name.file, "code.line.number": span.name.line}
    return Description(name, kind, _known({**about, **facts}))


def _verb(method: object, template: object) -> str:
    verb = str(method) if method and method != OTHER else "HTTP"
    return f"{verb} {template}" if template else verb


def _known(facts: dict[str, str | int | None]) -> Attributes:
    """Without what is not known: the empty text, and a status of 0."""
    unknown = ("", None)
    facts = {name: fact for name, fact in facts.items() if fact not in unknown}
    if facts.get("http.response.status_code") == 0:
        del facts["http.response.status_code"]
    return {name: fact for name, fact in facts.items() if fact is not None}
