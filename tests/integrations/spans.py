"""The spans of a trace as plain values to compare."""


def spans(trace, *kinds):
    """(kind, name, parent's name, count) of each span below the root, in the order of starting.

    ``kinds`` are the only ones wanted, or all when there are none.
    """
    return [
        (span.kind, str(span.name), str(span.parent.name), span.count)
        for span in sorted(trace.spans, key=lambda span: span.start_ns)
        if span.parent is not None and (not kinds or span.kind in kinds)
    ]


def names(trace, *kinds):
    """The names alone of what ``spans`` gives."""
    return [name for _, name, _, _ in spans(trace, *kinds)]


def attributes(trace, kind):
    """The attributes of each span of ``kind`` in the order of starting, without durations."""
    return [
        {name: value for name, value in (span.attributes or {}).items() if name[-3:] != "_ns"}
        for span in sorted(trace.spans, key=lambda span: span.start_ns)
        if span.kind == kind
    ]
