"""Our spans among a user's own: one tree, and the context is as it was."""

import os
import sys
from pathlib import Path

import pytest

from tests import child

PROGRAM = Path(__file__).with_name("surrounded.py")

REQUEST = [
    ["inprofile", "SERVER", "GET /", None],
    ["inprofile", "INTERNAL", "endpoint", "GET /"],
]
BACKGROUND = [
    ["inprofile", "INTERNAL", "afterwards", None],
    ["user", "INTERNAL", "afterwards", "afterwards"],
]

REQUESTS = {
    "nothing": [],
    "nested": [
        ["user", "INTERNAL", "theirs", "GET /"],
        ["inprofile", "INTERNAL", "ours", "theirs"],
        ["user", "INTERNAL", "theirs below", "theirs"],
        ["inprofile", "INTERNAL", "ours below", "theirs below"],
    ],
    "gathered": [
        ["user", "INTERNAL", "theirs a", "GET /"],
        ["user", "INTERNAL", "theirs b", "GET /"],
        ["inprofile", "INTERNAL", "ours a", "theirs a"],
        ["inprofile", "INTERNAL", "ours b", "theirs b"],
    ],
    "threaded": [
        ["user", "INTERNAL", "theirs", "GET /"],
        ["inprofile", "INTERNAL", "ours", "theirs"],
    ],
    "crossed": [
        ["user", "INTERNAL", "first", "GET /"],
        ["user", "INTERNAL", "second", "GET /"],
        ["inprofile", "INTERNAL", "ours", "second"],
        ["inprofile", "INTERNAL", "ours after both", "endpoint"],
        ["inprofile", "INTERNAL", "ours after that", "nobody"],  # nobody exports what never ends
    ],
    "elsewhere": [
        ["user", "INTERNAL", "ended in a context", "GET /"],
        ["user", "INTERNAL", "ended in a thread", "GET /"],
        ["inprofile", "INTERNAL", "ours", "ended in a thread"],
    ],
    "client": [["user", "CLIENT", "SELECT", "GET /"]],
}

WHOLE = {
    **{name: [*REQUEST, *below, *BACKGROUND] for name, below in REQUESTS.items()},
    "server": [
        ["inprofile", "INTERNAL", "GET /", None],
        ["inprofile", "INTERNAL", "endpoint", "GET /"],
        ["user", "SERVER", "theirs", "GET /"],
        ["inprofile", "INTERNAL", "ours", "theirs"],
        *BACKGROUND,
    ],
    "around": [
        ["user", "INTERNAL", "theirs around", None],
        ["inprofile", "INTERNAL", "ours", "theirs around"],
        ["user", "INTERNAL", "theirs within", "ours"],
    ],
    "unsampled": [["inprofile", "INTERNAL", "ours", None]],
}


@pytest.fixture(scope="module", params=["fast", "strict"])
def found(request, tmp_path_factory):
    """What the program says of everything that it can do."""
    home = tmp_path_factory.mktemp("groups")
    variables = {"INPROFILE_DIR": home, "INPROFILE_LOOP_BLOCK_MS": "60000"}
    path = os.pathsep.join(sys.path)
    return child.run(PROGRAM, request.param, *WHOLE, PYTHONPATH=path, **variables)


@pytest.mark.parametrize("name", WHOLE)
def test_theirs_and_ours_make_one_tree(found, name):
    assert found[name] == {"spans": WHOLE[name], "add up": True, "left": False, "errors": 0}


UNCHOSEN = """
import json, sys
from starlette.applications import Starlette
import inprofile
from inprofile import process
from tests import asgi
app = inprofile.instrument(Starlette(), sample_rate=1)
asgi.asked(app, "/")
recorder = process.running().recorder
process.running().pipeline.flush()
loaded = [name for name in sys.modules if name.partition(".")[0] == "opentelemetry"]
print(json.dumps([loaded, recorder.entered, recorder.head, recorder.tracing]))
"""

LATE = """
import json
from starlette.applications import Starlette
import inprofile
from tests import asgi
app = inprofile.instrument(Starlette(), otel="spans")
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
provider = TracerProvider()
line = lambda span: json.dumps(span.name) if span.kind.name == "SERVER" else ""
provider.add_span_processor(BatchSpanProcessor(ConsoleSpanExporter(formatter=line)))
trace.set_tracer_provider(provider)
asgi.asked(app, "/nowhere")
"""


def test_where_spans_are_not_chosen_a_request_has_nothing_to_do_with_opentelemetry(tmp_path):
    path = os.pathsep.join(sys.path)
    told = child.run(UNCHOSEN, PYTHONPATH=path, INPROFILE_DIR=tmp_path)
    assert told == [[], None, None, False]


def test_a_provider_that_was_set_after_the_line_gets_the_last_request_at_exit(tmp_path):
    path = os.pathsep.join(sys.path)
    assert child.run(LATE, PYTHONPATH=path, INPROFILE_DIR=tmp_path) == "GET"
