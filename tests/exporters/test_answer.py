"""The answer to a scrape: whole or in parts, compressed for who asks for it."""

import zlib

import pytest

from inprofile.core.guard import guard
from inprofile.exporters.serving.answer import CHUNK_BYTES, FAILED, answer

SMALL = [b"a 1\n", b"b 2\n"]
LARGE = [bytes([65 + i]) * 100_000 for i in range(10)]


def of(parts):
    return lambda accept: (iter(parts), f"text/{accept}")


def test_what_is_small_has_its_length():
    status, headers, body = answer(of(SMALL), "GET", "plain")
    assert (status, list(body)) == (200, [b"a 1\nb 2\n"])
    assert dict(headers) == {
        "content-type": "text/plain",
        "vary": "accept, accept-encoding",
        "content-length": "8",
    }


def test_what_is_large_comes_in_parts_as_it_is_written():
    written = []

    def parts():
        for part in LARGE:
            written.append(part)
            yield part

    status, headers, body = answer(of(parts()), "GET", "plain")
    assert (status, "content-length" in dict(headers)) == (200, False)
    assert len(written) < len(LARGE)
    found = list(body)
    assert b"".join(found) == b"".join(LARGE)
    assert all(len(part) >= CHUNK_BYTES for part in found[:-1])


def test_nothing_is_an_answer_too():
    status, headers, body = answer(of([]), "GET", "plain")
    assert (status, list(body), dict(headers)["content-length"]) == (200, [b""], "0")


@pytest.mark.parametrize("parts", [SMALL, LARGE], ids=["small", "large"])
def test_compressed_it_is_the_same(parts):
    status, headers, body = answer(of(parts), "GET", "plain", "deflate, gzip;q=0.5")
    compressed = b"".join(body)
    assert (status, dict(headers)["content-encoding"]) == (200, "gzip")
    assert zlib.decompress(compressed, wbits=31) == b"".join(parts)
    assert dict(headers)["content-length"] == str(len(compressed))


def test_a_head_has_the_headers_alone():
    get, head = (answer(of(SMALL), method, "plain") for method in ("GET", "HEAD"))
    assert (get.status, get.headers, list(head.body)) == (200, head.headers, [b""])


def broken(after):
    yield from after
    raise RuntimeError("no more")


def test_what_fails_at_once_is_an_error_of_ours():
    status, headers, body = answer(of(broken(SMALL)), "GET", "plain")
    assert (status, list(body)) == (500, [FAILED])
    assert dict(headers)["content-length"] == str(len(FAILED))
    assert guard.errors == 1
    guard.errors = 0


def test_what_fails_later_never_passes_for_the_whole():
    status, _, body = answer(of(broken(LARGE)), "GET", "plain")
    assert status == 200
    with pytest.raises(RuntimeError, match="no more"):
        list(body)
