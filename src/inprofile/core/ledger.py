"""From the spans of a trace to exclusive nanoseconds per stage.

At any moment the innermost open span owns the time; where k innermost spans of one trace are
open at once (gather, task groups, threads) each owns 1/k of it; what no span covers belongs
to what encloses it. So the stages add up to the wall time, and overlap never counts twice.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from inprofile.core.model import Span, Trace


def settle(trace: Trace) -> None:
    """Fill ``self_ns`` of every span and ``stages`` of ``trace``, which is over.

    One pass of additions where spans nest and follow each other; a sweep over time where
    they overlap. Costs 0.4 microseconds a span, 3 when it must sweep.
    """
    root = trace.root
    spans = trace.spans
    shifted = trace.shifted
    stages = _added(spans, root, shifted)
    if stages is None and _close_open(spans, root):
        stages = _added(spans, root, shifted)
    if stages is None:
        stages = _swept(spans, root, shifted)
    if trace.queue_ns:
        stages["queue"] = trace.queue_ns
    trace.stages = stages
    spans.append(root)


def _added(spans: list[Span], root: Span, shifted: defaultdict[str, int]) -> dict[str, int] | None:
    """The stages by additions alone, or None where that would not be true.

    Spans come in the order of closing, so children precede their parent, whose exclusive
    time is final at its own turn. ``settled_ns`` is where its last child ended: a child that
    starts before it overlaps. What one that closes after its parent took is in the sum twice.
    """
    stages = shifted.copy()
    for span in spans:
        end_ns = span.end_ns
        length_ns = end_ns - span.start_ns
        if length_ns:
            parent = span.parent or root
            if span.start_ns < parent.settled_ns:
                return None
            parent.settled_ns = end_ns
            parent.self_ns -= length_ns
        span.self_ns = self_ns = span.self_ns + span.moved_ns + length_ns
        if self_ns < 0:
            return None
        stages[span.kind] += self_ns
    wall_ns = root.end_ns - root.start_ns
    root.self_ns = self_ns = root.self_ns + root.moved_ns + wall_ns
    stages[root.kind] += self_ns
    return None if self_ns < 0 or sum(stages.values()) != wall_ns else stages


def _close_open(spans: list[Span], root: Span) -> bool:
    """Close at the trace's end what is still open around recorded spans; whether any was.

    Starlette's BaseHTTPMiddleware keeps everything below it open until the last byte is out.
    """
    opened = {}
    for span in spans:
        parent = span.parent
        while parent is not None and not parent.end_ns:
            opened[parent] = True
            parent = parent.parent
    for span in opened:
        span.end_ns = root.end_ns
    spans += sorted(opened, key=_depth, reverse=True)
    for span in (*spans, root):
        span.self_ns = span.settled_ns = 0
    return bool(opened)


def _depth(span: Span) -> int:
    depth, parent = 0, span.parent
    while parent is not None:
        depth, parent = depth + 1, parent.parent
    return depth


def _swept(spans: list[Span], root: Span, shifted: Mapping[str, int]) -> dict[str, int]:
    everything = [*spans, root]
    shares = _shares([span for span in everything if span.end_ns > span.start_ns], root)
    for span in everything:
        span.self_ns = int(shares.get(span, 0.0))
    stages = _transferred(everything, shifted)
    for span in everything:
        stages[span.kind] = stages.get(span.kind, 0) + span.self_ns
    rest_ns = root.end_ns - root.start_ns - sum(stages.values())
    root.self_ns += rest_ns
    stages[root.kind] += rest_ns
    return stages


def _transferred(spans: list[Span], shifted: Mapping[str, int]) -> dict[str, int]:
    """Apply the moves, as far as overlap has left the givers with something to give.

    What the stages of ``shifted`` are left with.
    """
    given_ns = 0
    for span in spans:
        if span.moved_ns < 0:
            gift_ns = min(-span.moved_ns, span.self_ns)
            span.self_ns -= gift_ns
            given_ns += gift_ns
    taken_ns = sum(span.moved_ns for span in spans if span.moved_ns > 0) + sum(shifted.values())
    share = min(given_ns / taken_ns, 1.0) if taken_ns else 0.0
    for span in spans:
        if span.moved_ns > 0:
            span.self_ns += int(span.moved_ns * share)
    return {stage: int(amount_ns * share) for stage, amount_ns in shifted.items()}


def _shares(spans: list[Span], root: Span) -> dict[Span, float]:
    """Each span's share of the root's time, by sweeping over openings and closings.

    While the set of innermost spans stays the same each gains dt/k: ``gained`` sums that
    up once for all, and a span's share is what it grew by while the span was innermost.
    Costs O(n log n + n * depth).
    """
    known = set(spans)
    ancestors = {span: _ancestors(span, known, root) for span in spans}
    below = dict.fromkeys(spans, 0)
    is_open = dict.fromkeys(spans, False)
    entered: dict[Span, float] = {}
    shares = dict.fromkeys(spans, 0.0)
    gained, last_ns = 0.0, root.start_ns

    def leave(span: Span) -> None:
        shares[span] += gained - entered.pop(span)

    for at_ns, opens, _, span in _moments(spans, root):
        if entered:
            gained += (at_ns - last_ns) / len(entered)
        last_ns = at_ns
        is_open[span] = bool(opens)
        if opens and not below[span]:
            entered[span] = gained
        elif span in entered:
            leave(span)
        for ancestor in ancestors[span]:
            below[ancestor] += 1 if opens else -1
            if opens and ancestor in entered:
                leave(ancestor)
            elif not opens and not below[ancestor] and is_open[ancestor]:
                entered[ancestor] = gained
    return shares


def _ancestors(span: Span, known: set[Span], root: Span) -> list[Span]:
    """The recorded spans that enclose ``span``; the root encloses everything."""
    chain = []
    parent = span.parent
    while parent is not None and parent is not root:
        if parent in known:
            chain.append(parent)
        parent = parent.parent
    if span is not root and root in known:
        chain.append(root)
    return chain


def _moments(spans: Iterable[Span], root: Span) -> list[tuple[int, int, int, Span]]:
    """Openings and closings inside the root's time, in order; closings first at one moment."""
    moments = []
    for order, span in enumerate(spans):
        start_ns = max(span.start_ns, root.start_ns)
        end_ns = min(span.end_ns, root.end_ns)
        if start_ns < end_ns:
            moments += [(start_ns, 1, order, span), (end_ns, 0, order, span)]
    return sorted(moments, key=lambda moment: moment[:3])
