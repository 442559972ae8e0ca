"""What every integration promises, for every row of the table."""

import asyncio
import inspect
import pickle
import sys
import warnings
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from wrapt import FunctionWrapper, resolve_path

import inprofile
from inprofile.core.guard import guard
from inprofile.core.recorder import current
from inprofile.integrations import TABLE, patches
from inprofile.integrations._patch import Patch, folded, timed
from inprofile.integrations._patcher import Patcher
from inprofile.testing import record
from tests import child
from tests.integrations.listing import PATH, page

PATCHES = [(module, patch) for module, found in patches(tracing=True).items() for patch in found]


def target(module, patch):
    """The class or module that holds the patched name, the name, and what stands there."""
    try:
        loaded = import_module(module)
        return resolve_path(loaded, patch.path)
    except (ImportError, AttributeError):
        return None


def ids(value):
    return value.path if isinstance(value, Patch) else value


def called(library):
    """The module with a real call of a library that is installed."""
    if target_module(library) is None:
        pytest.skip(f"{library} is not installed")
    return import_module(f"tests.integrations.calls.{TABLE[library]}")


def test_the_page_of_integrations_says_what_they_say_of_themselves():
    assert PATH.read_text() == page(), "run: scripts/format"


@pytest.mark.parametrize("library", sorted(TABLE))
def test_a_call_inside_of_a_trace_is_recorded_and_outside_it_is_not(library, request):
    real = called(library)
    call = partial(real.call, request.getfixturevalue)
    inprofile.instrument()
    outside = call()
    with record() as recorded, inprofile.job("work"):
        inside = call()
    assert inside == outside
    trace = recorded.traces[-1]
    seen = {span.kind for trace in recorded.traces for span in trace.spans}
    assert seen | set(trace.stages) >= real.KINDS
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
    if name.startswith("django.contrib."):
        importlib.import_module("django").setup()
    importlib.import_module(name)
print(json.dumps(inprofile.status()))
"""
    modules = [module for module in file.PATCHES if target_module(module)]
    if not modules:
        pytest.skip(f"{library} is not installed")
    places = {
        "INPROFILE_DIR": tmp_path / "g",
        "PYTHONPATH": Path(__file__).parents[2],
        "DJANGO_SETTINGS_MODULE": "tests.integrations.django_defaults",
    }
    status = child.run(script, ",".join(modules), **places)
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
    parent, name, _ = found
    inprofile.instrument(tracing=True)
    replaced, original = getattr(parent, name), function_of(found[2])
    if patch.reads:
        assert replaced is found[2]
        return
    assert replaced is not found[2]
    assert signature(function_of(replaced)) == signature(original)
    for look in (inspect.iscoroutinefunction, inspect.isasyncgenfunction):
        assert look(replaced) == look(original)
    for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
        assert getattr(replaced, attribute) == getattr(original, attribute, None)  # none in C
    if inspect.isfunction(original) and "." not in original.__qualname__:
        assert pickle.loads(pickle.dumps(replaced)) is replaced
    inprofile.uninstrument()
    assert resolve_path(import_module(module), patch.path)[2] is found[2]


def function_of(found):
    """What stands in a class or is bound to one, itself."""
    return getattr(found, "__func__", found)


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
    inprofile.instrument(tracing=True)
    once = target(module, patch)[2]
    inprofile.instrument()
    assert target(module, patch)[2] is once
    assert patch.reads or function_of(once).__wrapped__ is function_of(found[2])


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


def test_a_proxy_that_another_tool_has_put_there_is_called_as_ever(monkeypatch):
    def theirs(wrapped, instance, args, kwargs):
        seen.append((instance, args, kwargs))
        return wrapped(*args, **kwargs)

    def function(a, b=2):
        return a, b

    class Copy(Library):
        call = FunctionWrapper(Library.call, theirs)
        later = FunctionWrapper(Library.later, theirs)

    seen: list = []
    module = ModuleType("proxied")
    vars(module).update(Copy=Copy, function=FunctionWrapper(function, theirs))
    monkeypatch.setitem(sys.modules, "proxied", module)
    proxies = [vars(Copy)["call"], vars(Copy)["later"], module.function]
    patcher, library = Patcher(), Copy()
    paths = ["Copy.call", "Copy.later", "function"]
    patcher.install({"proxied": [Patch(path, timed("db", path)) for path in paths]})
    with record() as recorded, inprofile.job("work"):
        assert library.call(1, key=3) == (1, 2, (), 3, {})
        assert asyncio.run(later(library, 1, b=5)) == (1, 5)
        assert module.function(1) == (1, 2)
    patcher.remove()
    assert [vars(Copy)["call"], vars(Copy)["later"], module.function] == proxies
    assert [instance for instance, _, _ in seen] == [library, library, None]
    assert [span.name for span in recorded.trace.spans if span.kind == "db"] == paths


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
