"""What wrapt-based tools put around functions before us: it is given what the caller gave."""

import asyncio
import functools
import sys
from types import ModuleType

import pytest
import wrapt

import inprofile
from inprofile.core.guard import guard
from inprofile.integrations._patch import Patch, timed
from inprofile.integrations._patcher import Patcher
from inprofile.testing import record
from tests.integrations.spans import names


class Client:
    def send(self, url, body=None, *, tries=1):
        return self, url, body, tries

    async def send_later(self, url, body=None):
        return self, url, body

    @classmethod
    def open(cls, url, name=None):
        return cls, url, name

    @staticmethod
    def quote(url):
        return url


def work(url, name=None):
    return url, name


@functools.wraps(work)
def decorated(*args, **kwargs):
    return work(*args, **kwargs)


@pytest.fixture
def library(monkeypatch):
    """A module of a client and a function, fresh for each test."""
    module = ModuleType("somebodys_library")
    module.Client = type("Client", (), dict(vars(Client)))  # type: ignore[attr-defined]
    module.work = decorated  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "somebodys_library", module)
    return module


@pytest.fixture
def seen():
    """What the other tool sees of each call: the instance or class, by position, by name."""
    return []


def tool(seen):
    def see(wrapped, instance, args, kwargs):
        seen.append((instance, args, kwargs))
        return wrapped(*args, **kwargs)

    return see


PATHS = ["Client.send", "Client.send_later", "Client.open", "work"]


@pytest.fixture
def _theirs(library, seen):
    for path in PATHS:
        wrapt.wrap_function_wrapper(library, path, tool(seen))


def named(url):
    return f"to {url}", None


@pytest.fixture
def ours():
    """Our patches of all of that, with names of what they are called with."""

    def of_class(original):
        return classmethod(timed("http", named)(original.__func__))

    def put_on():
        patcher.install(
            {
                "somebodys_library": (
                    Patch("Client.send", timed("http", named)),
                    Patch("Client.send_later", timed("http", named)),
                    Patch("Client.open", of_class),
                    Patch("work", timed("http", named)),
                )
            }
        )
        return patcher

    patcher = Patcher()
    yield put_on
    patcher.remove()


def used(library):
    """Every way to call, with what came of it."""
    client = library.Client()
    yield client, client.send("a", tries=2)
    yield client, client.send(url="b", body="x")
    yield client, library.Client.send(client, "c")
    yield client, asyncio.run(client.send_later(url="d"))
    yield library.Client, library.Client.open("e", name="n")
    yield None, library.work("f")
    yield None, library.work(url="g", name="n")


def plain(instance, value):
    return ["it" if each is instance else each for each in value]


def told(library, seen):
    """The results and what the other tool saw, with ``it`` for the instance or the class."""
    results = [(it, plain(it, result)) for it, result in used(library)]
    saw = [
        (plain(it, [instance]), plain(it, args), kwargs)
        for (it, _), (instance, args, kwargs) in zip(results, seen, strict=True)
    ]
    seen.clear()
    return [result for _, result in results], saw


@pytest.mark.usefixtures("_theirs")
def test_another_tools_wrapper_below_ours_sees_what_it_saw(library, seen, ours):
    without = told(library, seen)
    ours()
    idle = told(library, seen)
    with record() as recorded, inprofile.job("work"):
        within = told(library, seen)
    assert within == idle == without
    assert names(recorded.trace, "http") == [f"to {url}" for url in "abcdefg"]
    assert guard.errors == 0


@pytest.mark.usefixtures("_theirs")
def test_taken_off_and_put_on_again_everything_is_as_it_was(library, seen, ours):
    found = [vars(library.Client)["send"], vars(library.Client)["open"], library.work]
    for _ in range(3):
        ours().remove()
        assert [vars(library.Client)["send"], vars(library.Client)["open"], library.work] == found


def test_a_class_method_that_a_tool_left_bound_can_be_wrapped_by_it_again(library, seen, ours):
    bound = library.Client.open
    library.Client.open = bound  # as wrapt's users leave it
    wrapt.wrap_function_wrapper(library, "Client.open", tool(seen))
    try:
        without = library.Client.open("e", name="n"), list(seen)
    except AttributeError:
        pytest.skip("this wrapt cannot do that itself")
    seen.clear()
    ours()
    assert (library.Client.open("e", name="n"), list(seen)) == without
    assert guard.errors == 0
