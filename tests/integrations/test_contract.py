"""What every integration promises, for every row of the table."""

import asyncio
import inspect
import pickle
import sys
import warnings
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from wrapt import resolve_path

import inprofile
from inprofile.core.guard import guard
from inprofile.core.recorder import current
from inprofile.integrations import TABLE, patches
from inprofile.integrations._patch import Patch, Patcher, folded, timed
from inprofile.testing import record
from tests import child
from tests.integrations import calls

PATCHES = [(module, patch) for module, found in patches().items() for patch in found]


def target(module, patch):
    """The class or module that holds the patched name, the name, and what stands there."""
    try:
        loaded = import_module(module)
        return resolve_path(loaded, patch.path)
    except (ImportError, AttributeError):
        return None


def ids(value):
    return value.path if isinstance(value, Patch) else value


def test_every_row_has_a_call_that_is_really_timed():
    assert sorted(calls.CALLS) == sorted(TABLE)


@pytest.mark.parametrize("library", sorted(TABLE))
def test_a_call_inside_of_a_trace_is_recorded_and_outside_it_is_not(library):
    call, kinds = calls.CALLS[library]
    inprofile.instrument()
    outside = call()
    with record() as recorded, inprofile.job("work"):
        inside = call()
    assert inside == outside
    trace = recorded.traces[-1]
    seen = {span.kind for trace in recorded.traces for span in trace.spans}
    assert kinds <= seen | set(trace.stages)
    assert sum(trace.stages.values()) == trace.wall_ns
    assert inprofile.status()["errors"] == 0


@pytest.mark.parametrize("library", sorted(TABLE))
def test_a_library_that_is_imported_later_is_patched_then(library, tmp_path):
    file = import_module(f"inprofile.integrations.{TABLE[library]}")
    script = """
import importlib, json, sys
import inprofile
inprofile.instrument()
for name in sys.argv[1].split(","):
    importlib.import_module(name)
print(json.dumps(inprofile.status()))
"""
    modules = [module for module in file.PATCHES if target_module(module)]
    status = child.run(script, ",".join(modules), INPROFILE_DIR=tmp_path / "g")
    assert set(modules) <= set(status["patched"])
    assert (status["missing"], status["errors"]) == ([], 0)


SHOP = """
import asyncio, json, sys
import inprofile
if sys.argv[1] == "before":
    inprofile.instrument()
import sqlite3.dbapi2
from fastapi import Depends, FastAPI
from inprofile.testing import record
from tests import asgi

async def inner(): ...
async def outer(value=Depends(inner)): ...

app = FastAPI()

@app.get("/")
async def root(value=Depends(outer)) -> int:
    with sqlite3.connect(":memory:") as db:
        db.execute("SELECT 1").fetchall()
    db.close()
    return 1

inprofile.instrument(app)
with record() as recorded:
    asgi.asked(app, "/")
print(json.dumps([(span.kind, str(span.name), span.count) for span in recorded.trace.spans]))
"""


def test_the_line_sees_the_same_before_and_after_the_libraries_imports(tmp_path):
    places = {"PYTHONPATH": Path(__file__).parents[2], "INPROFILE_DIR": tmp_path}
    seen = [child.run(SHOP, when, **places) for when in ("before", "after")]
    assert seen[0] == seen[1]
    assert [name for kind, name, _ in seen[0] if kind == "dependencies"] == [
        "inner",
        "outer",
        "(solving)",
    ]


def target_module(name):
    try:
        return import_module(name)
    except ImportError:
        return None


@pytest.mark.parametrize(("module", "patch"), PATCHES, ids=ids)
def test_what_is_patched_looks_as_it_did(module, patch):
    found = target(module, patch)
    if found is None:
        assert patch.optional or target_module(module) is None, f"{module}.{patch.path} is gone"
        pytest.skip("not in the installed version")
    parent, name, original = found
    inprofile.instrument()
    replaced = getattr(parent, name)
    assert replaced is not original
    assert signature(replaced) == signature(original)
    for look in (inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        assert look(replaced) == look(original)
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(replaced, attribute) == getattr(original, attribute)
    if inspect.isfunction(original) and "." not in original.__qualname__:
        assert pickle.loads(pickle.dumps(replaced)) is replaced
    inprofile.uninstrument()
    assert getattr(parent, name) is original


def signature(function):
    try:
        return inspect.signature(function)
    except ValueError:
        return None


@pytest.mark.parametrize(("module", "patch"), PATCHES, ids=ids)
def test_instrumenting_twice_wraps_once(module, patch):
    found = target(module, patch)
    if found is None:
        pytest.skip("not in the installed version")
    parent, name, original = found
    inprofile.instrument()
    once = getattr(parent, name)
    inprofile.instrument()
    assert getattr(parent, name) is once
    assert once.__wrapped__ is original


class Library:
    """Stands for any library: what is wrapped here is wrapped as a library's would be."""

    def call(self, a, b=2, *rest, key=None, **more):
        if a == "raise":
            raise KeyError("library's own")
        if a == "exit":
            raise SystemExit(3)
        return a, b, rest, key, more

    async def later(self, a, *, b=2):
        if a == "raise":
            raise KeyError("library's own")
        return a, b


def wrapped(wrap):
    class Copy(Library):
        call = wrap(Library.call)
        later = wrap(Library.later)

    return Copy()


def unlucky(self, a):
    raise RuntimeError("our naming failed")


def unfinished(span, result, a) -> None:
    raise RuntimeError("our look at the result failed")


WRAPS = {
    "timed": timed("db", lambda self, a: (str(a), None)),
    "folded": folded("logging", lambda self, a: (str(a), None)),
    "naming fails": timed("db", unlucky),
    "folded naming fails": folded("logging", unlucky),
    "not named": timed("db", lambda self: None),
    "finishing fails": timed("db", "x", finished=unfinished),
    "bound slowly": timed("db", lambda nobody_has_this: ("x", None)),
}


@pytest.mark.parametrize("name", WRAPS)
def test_arguments_results_and_exceptions_are_the_librarys_own(name, caplog):
    library = wrapped(WRAPS[name])
    inprofile.instrument()
    with record(), inprofile.job("work"):
        assert library.call(1) == (1, 2, (), None, {})
        assert library.call(a=1, b=3, key=4, z=5) == (1, 3, (), 4, {"z": 5})
        assert library.call(1, 2, 3, key=4) == (1, 2, (3,), 4, {})
        assert asyncio.run(later(library, a=1, b=5)) == (1, 5)
        with pytest.raises(KeyError) as error:
            library.call("raise")
        assert (error.value.args, error.value.__context__) == (("library's own",), None)
        with pytest.raises(KeyError, match="own"):
            asyncio.run(later(library, "raise"))
        with pytest.raises(SystemExit):
            library.call("exit")
        with pytest.raises(TypeError, match="missing 1 required positional argument: 'a'"):
            library.call()
        assert str(current.get()).startswith("<Span handler work")
    guard.errors = 0


async def later(library, *args, **kwargs):
    return await library.later(*args, **kwargs)


def test_a_method_that_is_inherited_gets_a_wrapper_of_its_own(monkeypatch):
    class Special(Library):
        pass

    module = ModuleType("inherits")
    vars(module).update(Library=Library, Special=Special)
    monkeypatch.setitem(sys.modules, "inherits", module)
    patcher = Patcher()
    general, special = timed("db", "general"), timed("http", "special")
    for order in (
        [Patch("Library.call", general), Patch("Special.call", special)],
        [Patch("Special.call", special), Patch("Library.call", general)],
    ):
        patcher.install({"inherits": order})
        with record() as recorded, inprofile.job("work"):
            Library().call(1)
            Special().call(1)
        patcher.remove()
        names = {span.name for span in recorded.trace.spans if span.kind in {"db", "http"}}
        assert names == {"general", "special"}
    assert "call" not in vars(Special)


@pytest.mark.parametrize("name", ["timed", "folded", "naming fails", "not named"])
def test_a_warning_of_the_librarys_names_its_caller(name):
    class Warns:
        def call(self, a):
            warnings.warn("library's own", stacklevel=2)

    Warns.call = WRAPS[name](Warns.call)  # type: ignore[method-assign]
    with warnings.catch_warnings(record=True, action="always") as outside:
        Warns().call(1)
    with record(), inprofile.job("work"), warnings.catch_warnings(record=True) as inside:
        warnings.simplefilter("always")
        Warns().call(1)
    assert [warning.filename for warning in outside + inside] == [__file__] * 2
    guard.errors = 0


def test_a_hook_that_fails_does_not_break_the_import():
    patcher = Patcher()

    def broken(original):
        raise RuntimeError("our patch failed")

    sys.modules.pop("this_is_new", None)
    before = guard.errors
    patcher.install({"colorsys": [Patch("rgb_to_hsv", broken), Patch("no.such.name", broken)]})
    sys.modules.pop("colorsys", None)
    assert import_module("colorsys").rgb_to_hsv(0, 0, 0) == (0.0, 0.0, 0)
    assert guard.errors == before + 1
    assert patcher.missing == ["colorsys.no.such.name"]
    patcher.remove()
    guard.errors = before
