"""What is wrong with the spans of several tools together."""

from itertools import combinations

OURS = "inprofile"
ABOUT = {
    "db.system.name": "db",
    "db.system": "db",
    "http.request.method": "http",
    "http.method": "http",
}


def lost(spans, *callers):
    """Those whose parent nobody exported, or who are in another trace than their parent."""
    known = {(span.context.trace_id, span.context.span_id) for span in spans}
    known_callers = {int(caller, 16) for caller in callers}
    return [
        [scope(span), span.name]
        for span in spans
        if span.parent is not None
        and span.parent.span_id not in known_callers
        and (span.context.trace_id, span.parent.span_id) not in known
    ]


def doubles(spans):
    """Pairs of spans, one of them ours, that are about one operation: one is within the other."""
    clients = [span for span in spans if span.kind.name == "CLIENT"]
    return [
        [one.name, other.name]
        for one, other in combinations(clients, 2)
        if (scope(one) == OURS) != (scope(other) == OURS)
        and about(one) == about(other)
        and (is_within(one, other) or is_within(other, one))
    ]


def scope(span):
    return span.instrumentation_scope.name


def about(span):
    return next((kind for name, kind in ABOUT.items() if name in span.attributes), scope(span))


def is_within(one, other):
    return other.start_time <= one.start_time and one.end_time <= other.end_time
