"""TraceContext: where a span stands among other services, as W3C's two headers say it.

The rules are those of https://www.w3.org/TR/trace-context/; of level 2 the flag for random trace
ids and its wider keys in ``tracestate`` are known as well, since callers may send them.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

TRACEPARENT = "traceparent"
TRACESTATE = "tracestate"

SAMPLED = 1
RANDOM = 2
FLAGS = SAMPLED | RANDOM
"""The flags there are; others must not be sent on."""

MAX_MEMBERS = 32
MAX_STATE = 4096
"""Characters of a ``tracestate`` that is sent on: servers refuse headers that take 8 KB in all."""

WHITESPACE = " \t"

Headers = Iterable[tuple[bytes, bytes]]
"""Names in lower case and values, as in an ASGI scope."""

# Of a later version the beginning is read, which must end with a dash or be all there is.
_PARENT = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.DOTALL,
)
# Keys and values have no comma and no equals sign; members may be empty. Possessive (*+), so that
# nonsense takes no longer than sense.
_MEMBER = r"(?:[a-z0-9][a-z0-9_*/@-]{0,255}+=[ -+\--<>-~]{0,255}[!-+\--<>-~][ \t]*+)?"
_STATE = re.compile(rf"{_MEMBER}(?:,[ \t]*+{_MEMBER})*+")


class TraceContext(NamedTuple):
    """A span of a trace that goes through many services.

    ``trace_id`` is 32 and ``span_id`` 16 digits of lower-case hexadecimal, neither all zero.
    ``state`` is what other tools gave along for their own use.
    """

    trace_id: str
    span_id: str
    flags: int = 0
    state: str = ""

    @classmethod
    def parse(cls, traceparent: str, tracestate: str = "") -> Self | None:
        """Read the values of both headers; None when the first is not valid.

        A second that is not valid, or too long, is left out. Costs 2 microseconds. Never raises.
        """
        found = _PARENT.fullmatch(traceparent.strip(WHITESPACE))
        if found is None:
            return None
        version, trace_id, span_id, flags, more = found.groups()
        if more is not None and version == "00":
            return None
        return cls(trace_id, span_id, int(flags, 16) & FLAGS, _state(tracestate))

    @classmethod
    def received(cls, headers: Headers) -> Self | None:
        """Read the headers of a request; None without exactly one valid ``traceparent``."""
        parents: list[bytes] = []
        states: list[bytes] = []
        for name, value in headers:
            if name == b"traceparent":
                parents.append(value)
            elif name == b"tracestate":
                states.append(value)
        if len(parents) != 1:
            return None
        state = b",".join(state for state in states if state.strip())
        return cls.parse(parents[0].decode("latin-1"), state.decode("latin-1"))

    @property
    def traceparent(self) -> str:
        """The value of the first header; that of the second is ``state``."""
        return f"00-{self.trace_id}-{self.span_id}-{self.flags:02x}"


def from_environ(environ: dict[str, str]) -> Headers | None:
    """The headers that ``received`` reads out of a WSGI environ, if there are any."""
    if "HTTP_TRACEPARENT" not in environ:
        return None
    return tuple(
        (name, environ[key].encode("latin-1", "replace"))
        for name, key in ((b"traceparent", "HTTP_TRACEPARENT"), (b"tracestate", "HTTP_TRACESTATE"))
        if key in environ
    )


def _state(text: str) -> str:
    """``text`` as it came, but for whitespace around it; nothing when it breaks the rules."""
    text = text.strip(WHITESPACE)
    if len(text) > MAX_STATE or text.count("=") > MAX_MEMBERS or not _STATE.fullmatch(text):
        return ""
    return text
