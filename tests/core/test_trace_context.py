"""W3C's two headers: what is valid, what is not, and what of it is sent on."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inprofile.core.trace_context import (
    MAX_MEMBERS,
    MAX_STATE,
    TraceContext,
    from_environ,
)

TRACE, SPAN = "12345678901234567890123456789012", "1234567890123456"
VALID = f"00-{TRACE}-{SPAN}-01"

# The cases of W3C's own validation service, https://github.com/w3c/trace-context/tree/main/test

READ = [
    (VALID, 1),
    (f"00-{TRACE}-{SPAN}-00", 0),
    (f"00-{TRACE}-{SPAN}-02", 2),
    (f"00-{TRACE}-{SPAN}-ff", 3),
    (f"00-{TRACE}-{SPAN}-fc", 0),
    (f"cc-{TRACE}-{SPAN}-01", 1),
    (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", 1),
    (f"01-{TRACE}-{SPAN}-01-", 1),
    (f"fe-{TRACE}-{SPAN}-01-\n", 1),
    (f" {VALID}", 1),
    (f"\t{VALID}", 1),
    (f"{VALID} ", 1),
    (f"\t {VALID} \t", 1),
]

REFUSED = [
    "",
    "00",
    f"{VALID}.",
    f"{VALID}-what-the-future-will-be-like",
    f"{VALID}-",
    f"{VALID}\n",
    f"\r{VALID}",
    f"{VALID},{VALID}",
    f"cc-{TRACE}-{SPAN}-01.what-the-future-will-be-like",
    f"cc-{TRACE}-{SPAN}-01,{VALID}",
    f"ff-{TRACE}-{SPAN}-01",
    f".0-{TRACE}-{SPAN}-01",
    f"0.-{TRACE}-{SPAN}-01",
    f"000-{TRACE}-{SPAN}-01",
    f"0000-{TRACE}-{SPAN}-01",
    f"0-{TRACE}-{SPAN}-01",
    f"00_{TRACE}-{SPAN}-01",
    f"CC-{TRACE}-{SPAN}-01",
    f"00-{'0' * 32}-{SPAN}-01",
    f"00-{'A' * 32}-{SPAN}-01",
    f"00-.{TRACE[1:]}-{SPAN}-01",
    f"00-{TRACE[:-1]}.-{SPAN}-01",
    f"00-{TRACE}3-{SPAN}-01",
    f"00-{TRACE[:-1]}-{SPAN}-01",
    f"00-{TRACE}-{'0' * 16}-01",
    f"00-{TRACE}-{'B' * 16}-01",
    f"00-{TRACE}-.{SPAN[1:]}-01",
    f"00-{TRACE}-{SPAN[:-1]}.-01",
    f"00-{TRACE}-{SPAN}7-01",
    f"00-{TRACE}-{SPAN[:-1]}-01",
    f"00-{TRACE}-{SPAN}",
    f"00-{TRACE}-{SPAN}-",
    f"00-{TRACE}-{SPAN}-.0",
    f"00-{TRACE}-{SPAN}-0.",
    f"00-{TRACE}-{SPAN}-0A",
    f"00-{TRACE}-{SPAN}-001",
    f"00-{TRACE}-{SPAN}-1",
    f"00-{TRACE}-{SPAN}-١٢",
]

KEY = "abcdefghijklmnopqrstuvwxyz0123456789_-*/"
VALUE = "".join(map(chr, range(0x20, 0x7F))).replace(",", "").replace("=", "")


def members(count):
    return ",".join(f"bar{n:02}={n:02}" for n in range(count))


STATES = [
    "foo=1",
    "foo=1,bar=2",
    "foo=1,foo=2",
    "foo=1 \t , \t bar=2, \t baz=3",
    "foo=1\t \t,\t \tbar=2,\t \tbaz=3",
    "foo=1,,bar=2, ,",
    ",foo=1",
    "foo= 1",
    f"{KEY}={VALUE}",
    f"{KEY}@a-z0-9_-*/={VALUE}",
    "foo@=1,bar=2",
    "foo@@bar=1,bar=2",
    "foo@bar@baz=1,bar=2",
    "0=1",
    f"foo=1,{'z' * 256}=1",
    f"foo=1,{'t' * 241}@{'v' * 14}=1",
    f"foo={'1' * 256}",
    members(MAX_MEMBERS),
]

BROKEN_STATES = [
    "foo",
    "foo =1",
    "FOO=1",
    "foo.bar=1",
    "@foo=1,bar=2",
    "*foo=1",
    "foo=bar=baz",
    "foo=,bar=3",
    "=1",
    "foo=1;bar=2",
    "foo=\x7f",
    "foo=é",
    "foo=1\r\nx-evil: 1",
    "foo=1\0",
    "foo=1,bar",
    f"foo=1,{'z' * 257}=1",
    f"foo={'1' * 257}",
    members(MAX_MEMBERS + 1),
    ",".join(f"k{n}={'x' * 250}" for n in range(MAX_STATE // 250 + 1)),
]


@pytest.mark.parametrize(("text", "flags"), READ)
def test_a_valid_header_is_read(text, flags):
    assert TraceContext.parse(text) == (TRACE, SPAN, flags, "")


@pytest.mark.parametrize("text", REFUSED)
def test_a_header_that_is_not_valid_is_none_whatever_the_state(text):
    assert TraceContext.parse(text, "foo=1") is None


@pytest.mark.parametrize("text", STATES)
def test_a_valid_state_is_sent_on_as_it_came(text):
    assert TraceContext.parse(VALID, f" {text}\t ") == (TRACE, SPAN, 1, text.strip())


@pytest.mark.parametrize("text", BROKEN_STATES)
def test_a_state_that_is_not_valid_is_left_out_and_the_rest_is_read(text):
    assert TraceContext.parse(VALID, text) == (TRACE, SPAN, 1, "")


def test_what_is_sent_is_of_the_version_we_know_and_has_no_unknown_flags():
    context = TraceContext.parse(f"cc-{TRACE}-{SPAN}-f1-more")
    assert context is not None
    assert context.traceparent == VALID


# In the headers of a request

PARENT = (b"traceparent", VALID.encode())


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ([], None),
        ([(b"tracestate", b"foo=1")], None),
        ([(b"trace-parent", VALID.encode()), (b"trace.parent", VALID.encode())], None),
        ([PARENT, PARENT], None),
        ([PARENT, (b"traceparent", b"")], None),
        ([(b"traceparent", b"\xff")], None),
        ([PARENT], (TRACE, SPAN, 1, "")),
        ([PARENT, (b"tracestate", b"\xff")], (TRACE, SPAN, 1, "")),
        ([PARENT, (b"trace-state", b"foo=1")], (TRACE, SPAN, 1, "")),
        ([(b"tracestate", b"foo=1"), (b"host", b"x"), PARENT], (TRACE, SPAN, 1, "foo=1")),
        (
            [PARENT, (b"tracestate", b"foo=1,bar=2"), (b"tracestate", b"baz=3")],
            (TRACE, SPAN, 1, "foo=1,bar=2,baz=3"),
        ),
        (
            [PARENT, (b"tracestate", b""), (b"tracestate", b"foo=1"), (b"tracestate", b" ")],
            (TRACE, SPAN, 1, "foo=1"),
        ),
    ],
)
def test_headers_are_read_when_there_is_one_traceparent(headers, found):
    assert TraceContext.received(headers) == found


@pytest.mark.parametrize(
    ("environ", "found"),
    [
        ({}, None),
        ({"HTTP_TRACESTATE": "foo=1"}, None),
        ({"HTTP_TRACEPARENT": f"{VALID},{VALID}"}, None),
        ({"HTTP_TRACEPARENT": "\u20ac"}, None),
        ({"HTTP_TRACEPARENT": VALID}, (TRACE, SPAN, 1, "")),
        ({"HTTP_TRACEPARENT": VALID, "HTTP_TRACESTATE": "a=1"}, (TRACE, SPAN, 1, "a=1")),
    ],
)
def test_an_environ_has_the_same_headers(environ, found):
    headers = from_environ(environ)
    assert (None if headers is None else TraceContext.received(headers)) == found


# Whatever comes


def digits(count):
    return st.text("0123456789abcdef", min_size=count, max_size=count).filter(
        lambda text: text.strip("0")
    )


@given(digits(32), digits(16), st.integers(0, 3), st.sampled_from(STATES))
def test_what_is_sent_is_read_back(trace_id, span_id, flags, state):
    context = TraceContext(trace_id, span_id, flags, state)
    assert TraceContext.parse(context.traceparent, context.state) == context


near = st.text("0123456789abcdefABCDEFfg-. ,\t\n", max_size=80)


@given(st.text() | near, st.text() | st.text("ab=,@* \t\n", max_size=60))
@example(f"cc-{TRACE}-{SPAN}-01-\U0001f600\0", "a=1," * 1_000)
@example(VALID, "," * MAX_STATE)
@example(VALID, " ," * (MAX_STATE // 2 - 1) + "A")
@example(VALID, "a" * MAX_STATE)
@example(VALID, ("a=" + " " * 250 + ",") * 16)
def test_nothing_raises_and_only_what_is_valid_is_sent(traceparent, tracestate):
    context = TraceContext.parse(traceparent, tracestate)
    if context is not None:
        assert TraceContext.parse(context.traceparent, context.state) == context
        assert context.state in tracestate
        assert context.state.isascii()
        assert context.state.replace("\t", " ").isprintable()


@given(st.lists(st.tuples(st.sampled_from([b"traceparent", b"tracestate"]), st.binary())))
def test_no_bytes_of_headers_raise(headers):
    context = TraceContext.received(headers)
    assert context is None or TraceContext.parse(context.traceparent, context.state) == context
