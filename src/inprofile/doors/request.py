"""What the doors of HTTP share: the methods they know and the time in the proxy."""

METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE"}
)

MAX_HOST = 261
"""Of a Host header, characters: a name of 255, a colon and a port."""

MAX_QUEUE_S = 3600.0
"""An X-Request-Start further back than this is nonsense and ignored."""


def queued_ns(value: bytes, now_s: float) -> int:
    """How long a proxy had the request, from X-Request-Start: 0 when it says nothing useful."""
    waited_s = now_s - request_start_s(value)
    return int(waited_s * 1e9) if 0 < waited_s < MAX_QUEUE_S else 0


def request_start_s(value: bytes) -> float:
    """The time in an X-Request-Start header in seconds since the epoch; infinity for nonsense.

    Proxies send seconds (nginx), milliseconds (Heroku) or microseconds (Apache), with ``t=``
    in front or not: the unit is told by the size of the number.
    """
    try:
        number = float(value.strip().removeprefix(b"t="))
    except ValueError:
        return float("inf")
    if number == float("inf"):
        return number
    while number > 1e11:  # noqa: PLR2004 - the year 5138 in seconds: a finer unit was meant
        number /= 1000
    return number if number == number else float("inf")  # noqa: PLR0124 - NaN is not itself
