"""The metrics' own port: what it answers, who serves it, and who after that."""

import os
import socket
import threading
import time
import zlib
from contextlib import closing, contextmanager

import httpx
import pytest

import inprofile
from inprofile.core.guard import guard
from inprofile.core.role import Role
from inprofile.exporters.serving.port import Port
from tests import asgi
from tests.exporters.apps import answering
from tests.exporters.exposed import COUNT, total, values
from tests.servers import free_port

LARGE = [bytes([65 + i]) * 100_000 for i in range(10)]


def parts(*found):
    return lambda accept: (iter(found), f"text/plain; of={accept}")


@contextmanager
def opened(directory, exposition, port=None, host="127.0.0.1"):
    """A port that answers by now, and its URL."""
    number = port or free_port()
    made = Port(exposition, Role(directory / "port.lock"), host, number, "/metrics")
    with closing(Closed(made)):
        yield f"http://{host}:{number}"


class Closed:
    def __init__(self, port):
        self.close = lambda: port.close(5)


def get(url, limit_s=20, **asked):
    """The answer, as soon as somebody listens."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return httpx.request(asked.pop("method", "GET"), url, timeout=20, **asked)
        except httpx.ConnectError:
            assert time.monotonic() < deadline, "nobody listens"
            time.sleep(0.02)


def test_it_answers_as_the_path_of_the_app_does(tmp_path):
    with opened(tmp_path, parts(b"a 1\n", b"b 2\n")) as url:
        found = get(f"{url}/metrics?x=y", headers={"accept": "x", "accept-encoding": "identity"})
        head = httpx.head(f"{url}/metrics")
        zipped = httpx.get(f"{url}/metrics", headers={"accept-encoding": "gzip"})
    assert (found.status_code, found.text) == (200, "a 1\nb 2\n")
    assert found.headers["content-type"] == "text/plain; of=x"
    assert (found.headers["content-length"], found.headers["connection"]) == ("8", "close")
    assert (head.status_code, head.content) == (200, b"")
    assert (zipped.headers["content-encoding"], zipped.text) == ("gzip", "a 1\nb 2\n")


def test_nothing_else_is_there(tmp_path):
    with opened(tmp_path, parts(b"a 1\n")) as url:
        root = get(url)
        posted, odd = (httpx.request(name, f"{url}/metrics") for name in ("POST", "BREW"))
    assert (root.status_code, root.text) == (404, "See /metrics\n")
    assert [(each.status_code, each.headers["allow"]) for each in (posted, odd)] == [
        (405, "GET, HEAD")
    ] * 2


def test_what_is_large_comes_in_chunks_and_to_an_old_client_with_its_length(tmp_path):
    plain = {"accept-encoding": "identity"}
    with opened(tmp_path, parts(*LARGE)) as url:
        found = get(f"{url}/metrics", headers=plain)
        zipped = httpx.get(f"{url}/metrics", headers={"accept-encoding": "gzip"})
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))) as old:
            old.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
            whole = b"".join(iter(lambda: old.recv(65_536), b""))
    assert (found.headers["transfer-encoding"], found.content) == ("chunked", b"".join(LARGE))
    assert zipped.content == b"".join(LARGE)
    head, _, body = whole.partition(b"\r\n\r\n")
    assert (b"content-length: 1000000" in head, body) == (True, b"".join(LARGE))


def test_what_fails_in_the_middle_is_seen_by_the_client_and_told_by_us(tmp_path, caplog):
    def broken(accept):
        def body():
            yield from LARGE
            raise ZeroDivisionError

        return body(), "text/plain"

    with opened(tmp_path, broken) as url:
        get(url)
        with pytest.raises(httpx.RemoteProtocolError):
            httpx.get(f"{url}/metrics", headers={"accept-encoding": "identity"})
    errors, guard.errors = guard.errors, 0
    assert errors == 1
    assert "ZeroDivisionError" in caplog.text


def test_one_of_a_group_serves_and_another_one_after_it(tmp_path):
    port = free_port()
    first = Port(parts(b"1"), Role(tmp_path / "port.lock"), "127.0.0.1", port, "/metrics")
    url = f"http://127.0.0.1:{port}/metrics"
    assert get(url).text == "1"
    with opened(tmp_path, parts(b"2"), port):
        assert {httpx.get(url).text for _ in range(5)} == {"1"}
        first.close(5)
        assert get(url).text == "2"


def test_a_port_that_is_taken_is_told_once_and_had_when_it_is_free(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr("inprofile.exporters.serving.port.RETRY_S", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with opened(tmp_path, parts(b"1"), port) as url:
            deadline = time.monotonic() + 20
            while not caplog.messages and time.monotonic() < deadline:
                time.sleep(0.01)
            time.sleep(0.3)
            told = list(caplog.messages)
            other.close()
            assert get(f"{url}/metrics").text == "1"
    (line,) = told
    assert line == (
        f"inprofile: metrics cannot be served on 127.0.0.1 port {port}: Address already in use. "
        "That is tried again every 0.05 s; INPROFILE_METRICS_HOST and INPROFILE_METRICS_PORT say "
        "where."
    )
    assert caplog.messages[1:] == [f"inprofile: metrics are served on 127.0.0.1 port {port}"]


def test_an_address_that_there_is_not_is_told_as_well(tmp_path, caplog):
    made = Port(parts(), Role(tmp_path / "port.lock"), "no such host.invalid", 9464, "/metrics")
    deadline = time.monotonic() + 20
    while not caplog.messages and time.monotonic() < deadline:
        time.sleep(0.01)
    made.close(5)
    assert "inprofile: metrics cannot be served on no such host.invalid" in caplog.text


def test_a_client_that_says_nothing_keeps_nobody_waiting(tmp_path):
    with opened(tmp_path, parts(b"1")) as url:
        get(url)
        with socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2]))):
            assert httpx.get(f"{url}/metrics").text == "1"
            begun = time.monotonic()
    assert time.monotonic() - begun < 5


def test_a_scrape_is_whole_though_the_port_is_closed_meanwhile(tmp_path):
    reads, goes_on = threading.Event(), threading.Event()

    def slow(accept):
        reads.set()
        goes_on.wait(20)
        return iter([b"1"]), "text/plain"

    with opened(tmp_path, slow) as url:
        get(url)
        found = []
        scrape = threading.Thread(target=lambda: found.append(httpx.get(f"{url}/metrics").text))
        scrape.start()
        assert reads.wait(20)
        threading.Timer(0.2, goes_on.set).start()
    scrape.join()
    assert found == ["1"]


def test_a_forked_child_lets_go_of_it(tmp_path, monkeypatch):
    monkeypatch.setenv("INPROFILE_METRICS_PORT", str(port := free_port()))
    app = inprofile.instrument(answering(200))
    asgi.asked(app, "/")
    url = f"http://127.0.0.1:{port}/metrics"
    assert values(get(url).content, "inprofile_workers") == [({}, 1)]
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(write)
        os.read(read, 1)  # until the parent closes it
        os._exit(0)
    os.close(read)
    inprofile.uninstrument()
    try:
        with socket.create_server(("127.0.0.1", port)):
            pass
    finally:
        os.close(write)
        os.waitpid(child, 0)


def test_it_is_there_as_well_where_the_app_itself_serves_none(monkeypatch):
    monkeypatch.setenv("INPROFILE_METRICS_PORT", str(port := free_port()))
    monkeypatch.setenv("INPROFILE_METRICS_PATH", "")
    app = inprofile.instrument(answering(200))
    for _ in range(3):
        asgi.asked(app, "/metrics")
    assert total(get(f"http://127.0.0.1:{port}/metrics").content, COUNT) == 3


def test_compressed_it_is_gzip_for_any_reader(tmp_path):
    with opened(tmp_path, parts(*LARGE)) as url:
        get(url)
        with httpx.stream(
            "GET", f"{url}/metrics", headers={"accept-encoding": "gzip;q=0.5"}
        ) as answer:
            raw = b"".join(answer.iter_raw())
    assert zlib.decompress(raw, wbits=31) == b"".join(LARGE)
