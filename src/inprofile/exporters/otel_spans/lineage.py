"""Which spans of a trace we export, and whose children they are there."""

from collections.abc import Callable, Iterator

from inprofile.core.model import Span, Trace
from inprofile.exporters.otel_spans.borrowed import CATEGORIES, Borrowed


class Lineage:
    """Of a kept trace, some of whose operations another tool may export already.

    ``identify`` gives a span its id.
    """

    def __init__(self, trace: Trace, identify: Callable[[Span], str]) -> None:
        self._trace = trace
        self._identify = identify
        self._theirs: dict[Span, tuple[int, Borrowed]] = {}
        for span_id, one in (trace.borrowed or {}).items():
            if CATEGORIES.get(one.span.kind, one.category) == one.category:
                self._theirs.setdefault(one.span, (span_id, one))
        self._categories = {one.category for _, one in self._theirs.values()}

    def spans(self) -> Iterator[Span]:
        """Those to export, parents before their children."""
        return filter(self.exports, reversed(self._trace.spans))

    def exports(self, span: Span) -> bool:
        """Whether ``span`` is ours to export: nobody else does so already."""
        if span in self._theirs:
            return False
        category = CATEGORIES.get(span.kind)
        if category is None or category not in self._categories:
            return True
        is_folded = span.end_ns == span.start_ns  # nobody knows what was in it
        return not is_folded and not self._is_within(span, category)

    def has(self, category: str) -> bool:
        """Whether another tool exports something of ``category`` below the root."""
        return any(
            one.category == category and one.span is not self._trace.root
            for _, one in self._theirs.values()
        )

    def parent(self, span: Span) -> str:
        """The id of the nearest exported span around ``span``; of the root's caller "" is said."""
        if not self._theirs:
            parent = span.parent
            return "" if parent is None else self._identify(parent)
        outer = span.parent
        while outer is not None:
            theirs = self._theirs.get(outer)
            if theirs is None:
                if self.exports(outer):
                    return self._identify(outer)
            elif theirs[1].is_in_trace:
                return f"{theirs[0]:016x}"
            outer = outer.parent
        return "" if span is self._trace.root else self._identify(self._trace.root)

    def _is_within(self, span: Span, category: str) -> bool:
        outer = span.parent
        while outer is not None:
            theirs = self._theirs.get(outer)
            if theirs is not None and theirs[1].category == category:
                return True
            outer = outer.parent
        return False
