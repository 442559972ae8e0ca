"""What a finding is called, and how much there is of it, in the words of people."""

TITLES = {
    "n_plus_one": "N+1",
    "repeated_query": "Repeated query",
    "http_n_plus_one": "HTTP N+1",
    "cache_n_plus_one": "Cache N+1",
    "unused_eager_load": "Unused eager load",
    "slow_query": "Slow query",
    "blocked_event_loop": "Blocked event loop",
    "sync_io_on_loop": "Synchronous call on the event loop",
    "gc_pressure": "Garbage collection",
}

RUNS = {"http_n_plus_one": ("request", "requests"), "cache_n_plus_one": ("call", "calls")}
"""What runs again and again, where it is no statement."""


PLACES = {"blocked_event_loop": "line", "sync_io_on_loop": "line"}
"""What the application's line is called, where it is not that of a query."""


def place(kind: str) -> str:
    """What the line of a finding is: ``query`` for one that runs a statement."""
    return PLACES.get(kind, "query")


def title(kind: str) -> str:
    """The name of a kind: ``HTTP N+1``."""
    return TITLES.get(kind) or kind.replace("_", " ").capitalize()


def runs(kind: str, operation: str, count: int | str) -> str:
    """So many runs of what a kind is about: ``100 queries``, ``1 request``, ``5 … 9 writes``."""
    written = ("write", "writes") if operation == "write" else ("query", "queries")
    one, many = RUNS.get(kind, written)
    return (
        f"{count:,} {one if count == 1 else many}" if isinstance(count, int) else f"{count} {many}"
    )


def amount(kind: str, operation: str, relation: str, count: int, elements: int) -> str:
    """How much of it one trace has: ``100 queries for 100 rows``. Empty for what is no loop."""
    if kind == "repeated_query":
        return f"the same query {count:,} times"
    if kind not in RUNS and kind != "n_plus_one":
        return ""
    said = runs(kind, operation, count)
    if not elements:
        return said
    noun = element(kind, operation, relation)
    return f"{said} for {elements:,} {noun if elements == 1 else noun + 's'}"


def element(kind: str, operation: str, relation: str) -> str:
    """What one run is for: a ``row`` where that is known, and otherwise a ``value``."""
    if kind == "cache_n_plus_one":
        return "key"
    return "row" if relation or operation == "write" else "value"


def share(part: float) -> str:
    """A part (0...1) of the time: ``42 % of the time``."""
    percent = 100 * part
    if percent < 1:
        return f"{percent:.1f} % of the time" if percent >= 0.1 else "under 0.1 % of the time"  # noqa: PLR2004 - one digit
    return f"{percent:.0f} % of the time"
