"""Every query of every panel shows something after the demo's load, from a real Prometheus."""

import math
import os
import re
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.dashboards.boards import boards, queries
from tests.prometheus import CLASSIC, FEATURES, prometheus
from tests.rules.ruled import ruled
from tests.servers import Command, accepts, free_port, private_directory, running

pytestmark = pytest.mark.once

ROOT = Path(__file__).parents[2]
LOAD_S = 180
PATIENCE_S = 240
"""At the most: it is over as soon as all has been seen."""
SLO = "p95<1ms,p99<800ms,errors<1%"
"""The first is missed, so that an alert fires."""

VERSION = "1.2"
CHOSEN = {
    "$__rate_interval": "5m",
    "$job": "app",
    "$version": VERSION,
    "$before": VERSION,
}
DEMOS = {"fastapi": {"UVICORN_LOOP": "asyncio"}, "django": {}}
"""asyncio's own loop tells more than uvloop; gunicorn has threads."""

NOT_TOLD = {"runtime: Tasks and ready callbacks A"} if sys.version_info >= (3, 14) else set()
"""asyncio's set of tasks cannot be read from another thread since 3.14: see docs/event-loop.md."""


@contextmanager
def demo(app, port):
    """Run it until the end of the block."""
    with private_directory() as home:
        settings = DEMOS[app] | {
            "TMPDIR": str(home),
            "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, sys.path)]),
            "INPROFILE_SERVICE_VERSION": VERSION,
            "INPROFILE_SLO": SLO,
        }
        command: Command = ["env", *(f"{name}={value}" for name, value in settings.items())]
        arguments = [app, "--seconds", str(LOAD_S), "--port", str(port), "--serve"]
        command += [sys.executable, "-m", "examples.demo", *arguments]
        with running(command, home, None, lambda: accepts(port), stop="TERM"):
            yield


@pytest.fixture(scope="module")
def readers(tmp_path_factory):
    """Two apps under load, read with native histograms and with classic ones.

    Who reads is there before the load, to see it grow.
    """
    rules = tmp_path_factory.mktemp("rules") / "rules.yml"
    rules.write_text(ruled(slo=SLO))
    ports = [free_port() for _ in DEMOS]
    targets = [f"127.0.0.1:{port}" for port in ports]
    with ExitStack() as stack:
        made = {
            form: stack.enter_context(prometheus(targets, rules=[rules], features=features))
            for form, features in (("native", FEATURES), ("classic", CLASSIC))
        }
        for app, port in zip(DEMOS, ports, strict=True):
            stack.enter_context(demo(app, port))
        yield made


def filled(expression, reader):
    """The query for each choice that a reader of the dashboard has."""
    for name, value in CHOSEN.items():
        expression = expression.replace(name, value)
    if "$route" not in expression:
        return [expression]
    routes = reader.values("http_route", "{job='app'}")
    return [expression.replace("$route", route) for route in routes]


def is_shown(found):
    """Whether there is anything to draw in what a query gave."""
    return any("histogram" in each or math.isfinite(float(each["value"][1])) for each in found)


@pytest.mark.parametrize("form", ["native", "classic"])
def test_every_query_of_every_panel_has_something_to_show(readers, form):
    reader = readers[form]
    missing = [each for each in queries() if str(each) not in NOT_TOLD]
    deadline = time.monotonic() + PATIENCE_S
    while missing and time.monotonic() < deadline:
        missing = [
            each
            for each in missing
            if not any(is_shown(reader.query(one)) for one in filled(each.expression, reader))
        ]
    assert not missing, "\n".join(map(str, missing))


@pytest.mark.parametrize("form", ["native", "classic"])
def test_every_variable_has_something_to_choose(readers, form):
    for name, board in boards().items():
        for variable in board["templating"]["list"]:
            if variable["type"] == "query":
                ((match, label),) = re.findall(
                    r"^label_values\((.+), (\w+)\)$", variable["definition"]
                )
                values = readers[form].values(label, match.replace("$job", "app"))
                assert values, (name, variable["name"])


@pytest.mark.parametrize("form", ["native", "classic"])
def test_durations_of_requests_have_exemplars(readers, form):
    reader, now = readers[form], time.time()
    asked = [each for each in queries() if each.panel in {"Duration", "Duration of all requests"}]
    assert [each.has_exemplars for each in asked] == [True] * 6
    for each in asked:
        found = (reader.exemplars(one, now - 600, now) for one in filled(each.expression, reader))
        assert any(found), str(each)
