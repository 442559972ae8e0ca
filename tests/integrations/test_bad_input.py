"""Bad input, through every driver and client: its own error comes out, and nothing is lost."""

import re
from contextlib import ExitStack, contextmanager, nullcontext
from importlib import import_module
from pathlib import Path
from traceback import walk_tb

import pytest

import inprofile
from inprofile.testing import Recorded, record
from tests.integrations.bad_values import CALLS

for _kind in ("statements", "commands", "requests", "data", "logs"):
    import_module(f"tests.integrations.bad_{_kind}")

OURS = str(Path(inprofile.__file__).parent)
ADDRESS = re.compile(r"0x[0-9a-f]+")
OUR_ENTRY = re.compile(r' +File .*\n +(async )?def .*\n( +\^+\n)?| +File "[^"]*_bootstrap>", .*\n')
"""A frame of ours in a traceback as text: in ``logging`` it stands where the function begins."""
PLAIN = (bytes, int, float, type(None))
LONG = 1000


def plain(value):
    """What of an error's argument, or of a result, can be compared: not what is the user's."""
    if type(value) is str:
        return ADDRESS.sub("0x", value[:LONG])
    if type(value) in {list, tuple}:
        return [plain(each) for each in value]
    return value if type(value) in PLAIN else type(value)


def is_ours(frame):
    return "_caught" in frame.f_globals or frame.f_code.co_filename.startswith(OURS)


def told(error, *known):
    """An error with what it came from, and every line that it came by but for ours."""
    if error is None or error in known:
        return None
    lines = [
        f"{frame.f_code.co_filename}:{line}"
        for frame, line in walk_tb(error.__traceback__)
        if not is_ours(frame)
    ]
    return {
        "type": type(error),
        "args": plain(error.args),
        "lines": lines,
        "cause": told(error.__cause__, error, *known),
        "context": told(error.__context__, error, *known),
        "notes": getattr(error, "__notes__", None),
    }


def outcome(call, capsys):
    """What a call came to, and what it said on standard error."""
    try:
        came_to = plain(call())
    except Exception as error:
        came_to = told(error)
    return came_to, OUR_ENTRY.sub("", ADDRESS.sub("0x", capsys.readouterr().err))


def conversation(library, request, capsys, around):
    """What each of a library's bad calls comes to, by name."""
    found = {}
    with CALLS[library](request) as calls:
        for name, call in calls.items():
            with around(name):
                found[name] = outcome(call, capsys)
    return found


@contextmanager
def whole(name):
    """A trace of one call with a span before and one after it: what fails ends neither."""
    with inprofile.job(name):
        with inprofile.span("before"):
            pass
        yield
        with inprofile.span("after"):
            pass


@pytest.mark.parametrize("library", CALLS)
def test_the_librarys_own_error_comes_out_and_nothing_is_lost(library, request, capsys):
    found, recorded = {}, Recorded()
    for mode in ("without", "idle", "recorded"):  # all of them are called from one line
        with ExitStack() as stack:
            inprofile.uninstrument()
            if mode == "idle":
                inprofile.instrument()
            if mode == "recorded":
                recorded = stack.enter_context(record())
            around = whole if mode == "recorded" else nullcontext
            found[mode] = conversation(library, request, capsys, around)
            assert inprofile.status().get("errors", 0) == 0
    for name, expected in found["without"].items():
        for mode in ("idle", "recorded"):
            assert (mode, name, found[mode][name]) == (mode, name, expected)
    for trace, (name, call) in zip(recorded.traces, found["recorded"].items(), strict=True):
        assert trace.route == f"job:{name}"
        assert [str(trace.spans[place].name) for place in (0, -2)] == ["before", "after"]
        assert sum(trace.stages.values()) == trace.wall_ns
        assert is_counted(library, trace, call[0]), (call, trace.spans)


KINDS = {
    "http": ("requests", "httpx", "httpx async", "urllib3", "urllib request", "aiohttp"),
    "cache": ("redis", "redis async", "pymemcache"),
    "serialization": ("json", "orjson", "msgspec"),
    "logging": ("logging", "structlog", "loguru"),
}
"""As what a library's calls are recorded; those of the others are statements."""


REACHING = ("job:no SQL", "job:10 MB")
"""What only a database can refuse."""


def is_counted(library, trace, came_to):
    """Whether a call is one operation, with its error.

    There is none where the library refuses before that. Where it fails after it, as a fetch
    does, the error is not the operation's; repeats of log calls and the like have none.
    """
    kind = next((kind for kind in KINDS if library in KINDS[kind]), "db")
    operations = [
        (span.count, span.error)
        for span in trace.spans
        if span.kind == kind and str(span.name).upper() != "CONNECT"
    ]
    if type(came_to) is not dict:
        return operations == [(1, None)]
    if kind == "db" and trace.route.startswith(REACHING) and not trace.route.endswith("as text"):
        return operations == [(1, came_to["type"].__name__)]
    return operations in ([], [(1, None)], [(1, came_to["type"].__name__)])
