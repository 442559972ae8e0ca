"""FastAPI's dependencies: each is there by its name, as often as it runs, with its own time."""

import asyncio
from functools import partial
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Security
from fastapi.security import HTTPBasic, OAuth2PasswordBearer, SecurityScopes

import inprofile
from inprofile.core.recorder import current
from tests.integrations.fastapi_parts import SOLVING, Page, Service, app_of, in_loop, in_thread
from tests.integrations.spans import names, spans
from tests.integrations.traced import asked, spent, trace_of


class Limit:
    async def __call__(self):
        return 10


async def generating():
    yield "generating"


def generating_in_thread():
    yield "generating_in_thread"


async def inner():
    await asyncio.sleep(0.004)
    return 1


async def middle(one: Annotated[int, Depends(inner)]):
    await asyncio.sleep(0.002)
    return one + 1


async def outer(two: Annotated[int, Depends(middle)], again: Annotated[int, Depends(inner)]):
    return two + again


async def of_app():
    pass


async def of_router():
    pass


async def of_route():
    pass


@pytest.mark.parametrize(
    ("dependency", "name"),
    [
        (in_loop, "in_loop"),
        (in_thread, "in_thread"),
        (Page, "Page"),
        (Limit(), "Limit"),
        (Service().method, "Service.method"),
        (Service.from_class, "Service.from_class"),
        (generating, "generating"),
        (generating_in_thread, "generating_in_thread"),
        (HTTPBasic(auto_error=False), "HTTPBasic"),
    ],
)
def test_a_dependency_is_called_by_its_name(dependency, name):
    async def root(value: Annotated[Any, Depends(dependency)]):
        return "ok"

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies") == [SOLVING, ("dependencies", name, "(solving)", 1)]


def test_a_partial_is_called_by_the_name_of_its_function():
    async def root(value: Annotated[Any, Depends(partial(in_thread))]):
        return value

    assert names(trace_of(app_of(root)), "dependencies") == ["(solving)", "in_thread"]


def test_dependencies_of_dependencies_come_first_and_each_once():
    async def root(three: Annotated[int, Depends(outer)], one: Annotated[int, Depends(inner)]):
        return three

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies") == [
        SOLVING,
        ("dependencies", "inner", "(solving)", 1),
        ("dependencies", "middle", "(solving)", 1),
        ("dependencies", "outer", "(solving)", 1),
    ]
    assert spent(trace)["inner"] >= 4_000_000
    assert spent(trace)["middle"] >= 2_000_000


def test_a_dependency_that_is_not_cached_is_there_as_often_as_it_runs():
    async def root(
        a: Annotated[int, Depends(inner)],
        b: Annotated[int, Depends(inner)],
        c: Annotated[int, Depends(inner, use_cache=False)],
        d: Annotated[int, Depends(inner, use_cache=False)],
    ):
        return a + b + c + d

    trace = trace_of(app_of(root))
    assert names(trace, "dependencies") == ["(solving)", "inner", "inner", "inner"]
    assert spent(trace)["inner"] >= 12_000_000


def test_dependencies_of_app_router_and_route_come_in_that_order():
    async def root(value: Annotated[str, Depends(in_loop)]):
        return value

    app = FastAPI(dependencies=[Depends(of_app)])
    router = APIRouter(prefix="/router", dependencies=[Depends(of_router)])
    router.get("/", dependencies=[Depends(of_route)])(root)
    app.include_router(router)
    trace = trace_of(app, "/router/")
    assert trace.route == "/router/"
    assert names(trace, "dependencies") == [
        "(solving)",
        "of_app",
        "of_router",
        "of_route",
        "in_loop",
    ]


def test_a_dependency_under_two_endpoints_has_one_name_and_each_its_own_time():
    async def first(value: Annotated[int, Depends(inner)]):
        return value

    async def second(
        other: Annotated[str, Depends(in_loop)], value: Annotated[int, Depends(inner)]
    ):
        return value

    app = FastAPI()
    app.get("/first")(first)
    app.get("/second")(second)
    seen = {path: names(trace_of(app, path), "dependencies") for path in ("/first", "/second")}
    assert seen == {
        "/first": ["(solving)", "inner"],
        "/second": ["(solving)", "in_loop", "inner"],
    }


def test_an_override_is_called_by_its_own_name():
    async def root(value: Annotated[str, Depends(in_loop)]):
        return value

    app = app_of(root)
    app.dependency_overrides[in_loop] = in_thread
    assert names(trace_of(app), "dependencies") == ["(solving)", "in_thread"]


def test_an_override_that_is_cached_is_there_once():
    async def root(a: Annotated[str, Depends(in_loop)], b: Annotated[str, Depends(in_loop)]):
        return a + b

    app = app_of(root)
    app.dependency_overrides[in_loop] = in_thread
    assert names(trace_of(app), "dependencies") == ["(solving)", "in_thread"]


token = OAuth2PasswordBearer(tokenUrl="token")


async def user(scopes: SecurityScopes, secret: Annotated[str, Depends(token)]):
    await asyncio.sleep(0.004)
    return scopes.scope_str


def test_security_is_a_dependency():
    async def root(scope: Annotated[str, Security(user, scopes=["me"])]):
        return scope

    app = app_of(root)
    traces, status, content = asked(app, headers=((b"authorization", b"Bearer x"),))
    assert (status, content) == (200, b'"me"')
    assert names(traces[0], "dependencies") == ["(solving)", "OAuth2PasswordBearer", "user"]
    traces, status, _ = asked(app)
    assert (status, names(traces[0], "dependencies")) == (
        401,
        ["(solving)", "OAuth2PasswordBearer"],
    )


def test_a_dependency_that_runs_for_each_of_its_scopes_is_there_as_often():
    async def root(
        me: Annotated[str, Security(user, scopes=["me"])],
        items: Annotated[str, Security(user, scopes=["items"])],
    ):
        return [me, items]

    traces, _, content = asked(app_of(root), headers=((b"authorization", b"Bearer x"),))
    assert content == b'["me","items"]'
    assert names(traces[0], "dependencies").count("user") == 2
    assert spent(traces[0])["user"] >= 8_000_000


async def refuses(number: int = 0):
    raise HTTPException(403)


def fails_in_thread():
    raise RuntimeError("in a dependency")


@pytest.mark.parametrize(("dependency", "status"), [(refuses, 403), (fails_in_thread, 500)])
def test_a_dependency_that_raises_ends_the_solving(dependency, status):
    async def root(
        first: Annotated[str, Depends(in_loop)], value: Annotated[Any, Depends(dependency)]
    ):
        return value

    trace = trace_of(app_of(root))
    assert (trace.status, names(trace, "dependencies", "handler")) == (
        status,
        ["(solving)", "in_loop", dependency.__name__],
    )


def test_a_dependency_that_raises_says_what():
    async def root(value: Annotated[str, Depends(fails_in_thread)]):
        return value

    trace = trace_of(app_of(root))
    errors = {str(span.name): span.error for span in trace.spans if span.error}
    assert errors == {"(solving)": "RuntimeError", "fails_in_thread": "RuntimeError"}


async def wants_number(number: int):
    return number


def test_a_dependency_whose_parameters_are_wrong_never_runs():
    async def root(
        number: Annotated[int, Depends(wants_number)], value: Annotated[str, Depends(in_loop)]
    ):
        return number

    app = app_of(root)
    right, wrong = trace_of(app, query=b"number=4"), trace_of(app, query=b"number=four")
    assert (right.status, names(right, "dependencies", "validation", "handler")) == (
        200,
        ["(solving)", "parameters", "wants_number", "in_loop", root.__qualname__],
    )
    assert (wrong.status, names(wrong, "dependencies", "validation", "handler")) == (
        422,
        ["(solving)", "parameters", "in_loop"],
    )


def test_a_dependency_in_a_thread_waits_for_the_thread_and_works_in_it():
    async def root(value: Annotated[str, Depends(in_thread)]):
        return value

    trace = trace_of(app_of(root))
    assert spans(trace, "dependencies", "threadpool_wait") == [
        SOLVING,
        ("dependencies", "in_thread", "(solving)", 1),
        ("threadpool_wait", "worker", "in_thread", 1),
    ]
    assert spent(trace)["in_thread"] >= 3_000_000


def test_what_a_dependency_calls_is_below_it():
    async def calls():
        with inprofile.span("part", kind="cache"):
            await asyncio.sleep(0.001)

    async def root(value: Annotated[None, Depends(calls)]):
        return "ok"

    assert spans(trace_of(app_of(root)), "cache") == [("cache", "part", calls.__qualname__, 1)]


def test_what_a_dependency_does_after_its_yield_is_no_dependency_time():
    after = []

    async def session():
        try:
            yield 1
        finally:
            span = current.get()
            after.append(span.kind if span is not None else None)

    async def root(value: Annotated[int, Depends(session)]):
        await asyncio.sleep(0.001)
        return value

    trace = trace_of(app_of(root))
    assert names(trace, "dependencies", "handler") == [
        "(solving)",
        session.__qualname__,
        root.__qualname__,
    ]
    assert len(after) == 1
    assert "dependencies" not in after
