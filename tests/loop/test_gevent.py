"""The lag of gevent's hub: a greenlet that computes holds up all others, one that waits nobody."""

import os
import sys

import httpx
import pytest

from tests.child import run
from tests.loop.lags import EXPECTED, LATE_S, lags

WORKER = (
    *("gunicorn", "tests.loop.wsgi_blocks:app", "--bind", "127.0.0.1:{port}"),
    *("--log-level", "critical", "--worker-class"),
)
HERE = os.pathsep.join(sys.path)


def scraped(server):
    return httpx.get(f"{server.url}/metrics").raise_for_status().content


def late(server, path):
    """How many beats came while that was asked for, and how many of them late."""
    before = scraped(server)
    httpx.get(f"{server.url}{path}", timeout=30).raise_for_status()
    httpx.get(f"{server.url}/nap", timeout=30)  # the beat that was held up has come by then
    after = scraped(server)
    return [
        lags(after, "gevent", above) - lags(before, "gevent", above) for above in (None, LATE_S)
    ]


@pytest.mark.parametrize("kind", ["gevent", "gevent_pywsgi"])
def test_a_block_of_the_hub_is_seen_in_its_lag_for_its_whole_length(serve, kind):
    server = serve(*WORKER, kind)
    _, waited = late(server, "/nap")
    beats, blocked = late(server, "/block")
    assert 0.5 * EXPECTED < blocked - waited < 2 * EXPECTED
    assert beats > blocked


def test_without_watching_loops_there_is_no_lag(serve, monkeypatch):
    monkeypatch.setenv("INPROFILE_LOOP", "0")
    server = serve(*WORKER, "gevent")
    assert late(server, "/block") == [0, 0]


def test_a_server_of_threads_has_no_lag(serve):
    server = serve(*WORKER, "gthread", "--threads", "2")
    httpx.get(f"{server.url}/pid")
    assert b"inprofile_event_loop_lag_seconds_count" not in scraped(server)


GREENLETS = """
import json, os, sys
import gevent
import inprofile
from inprofile import process
from tests import wsgi

def bare(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]

app = inprofile.instrument(bare)

def ask():
    gevent.spawn(wsgi.asked, app).join()

def beats(wait_s=0.3):
    gevent.sleep(wait_s)
    series = process.running().read().series
    return sum(series.get(("inprofile.event_loop.lag", "gevent"), [0, 0, 0])[2:])
"""


def greenlets(tmp_path, script):
    places = {"INPROFILE_DIR": tmp_path / "base", "INPROFILE_GROUP": "shop"}
    return run(GREENLETS + script, PYTHONPATH=HERE, **places)


def test_after_uninstrument_it_beats_no_more_until_there_is_a_request_again(tmp_path):
    before, begun, stopped, still, again = greenlets(
        tmp_path,
        """
before = beats()
ask()
begun = beats()
inprofile.uninstrument()
inprofile.instrument()
stopped, still = beats(0), beats()
app = inprofile.instrument(bare)
ask()
print(json.dumps([before, begun, stopped, still, beats()]))
""",
    )
    assert before == 0 < begun
    assert begun <= stopped == still < again


def test_a_forked_child_beats_for_itself_from_its_first_request_on(tmp_path):
    before, still, again = greenlets(
        tmp_path,
        """
ask()
beats()
reads, writes = os.pipe()
child = gevent.fork()
if not child:
    before, still = beats(0), beats()
    ask()
    os.write(writes, json.dumps([before, still, beats()]).encode())
    os._exit(0)
inprofile.uninstrument()
os.waitpid(child, 0)
print(os.read(reads, 999).decode())
""",
    )
    assert before == still < again


def test_nobody_waits_for_it_to_end(tmp_path):
    found = greenlets(
        tmp_path,
        """
ask()
print(json.dumps([beats() > 0, gevent.wait(timeout=10)]))
""",
    )
    assert found == [True, True]


PLAIN = """
import json, sys
import inprofile
from tests import asgi, wsgi

def bare(environ, start_response):
    start_response("200 OK", [])
    return [b"ok"]

async def awaited(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"ok"})

wsgi.asked(inprofile.instrument(bare))
asgi.asked(inprofile.instrument(awaited), "/")
print(json.dumps([name for name in ("gevent", "greenlet", "trio") if name in sys.modules]))
"""


def test_what_the_application_does_not_use_is_not_loaded(tmp_path):
    assert run(PLAIN, PYTHONPATH=HERE, INPROFILE_DIR=tmp_path / "base") == []
