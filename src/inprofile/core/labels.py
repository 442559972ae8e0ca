"""Under which labels the parts of a trace are counted."""

from inprofile.core.cells import Key
from inprofile.core.model import OTHER, Span, Trace


def request(trace: Trace) -> Key:
    """Of a request: method, route, status, scheme and error."""
    status = str(trace.status) if trace.status else ""
    return trace.method, trace.route, status, trace.scheme, trace.error or ""


def job(trace: Trace) -> Key:
    """Of a job or a task: its name and its error."""
    return trace.route, trace.error or ""


def statement(route: str, span: Span) -> Key:
    """Of what a database or a cache is told; a cache's commands have no text."""
    about = span.attributes or {}
    is_cache = span.kind == "cache"
    return (
        route,
        str(about.get("db.system.name", "" if is_cache else "other_sql")),
        str(about.get("db.operation.name", OTHER)),
        str(about.get("db.collection.name", "")),
        "" if is_cache else str(span.name),
    )


def outbound(route: str, span: Span) -> Key:
    """Of a request that is sent."""
    about = span.attributes or {}
    return (
        route,
        str(about.get("http.request.method", OTHER)),
        str(about.get("server.address", "")),
        str(about.get("http.response.status_code", "")),
        span.error or "",
    )
