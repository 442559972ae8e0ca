"""Whatever a client sends: the bare app's response, and no more series than the caps allow."""

from collections import Counter

from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import inprofile
from inprofile.core.metrics import BY_NAME
from inprofile.process import running
from tests import asgi


def make():
    app = FastAPI()

    @app.get("/")
    async def root():
        return {}

    @app.get("/items/{number}")
    async def item(number: int, q: str = "x"):
        return {"number": number, "q": q}

    @app.api_route("/any/{path:path}", methods=["GET", "POST", "BREW"])
    def anything(path: str):
        return path

    return app


names = st.sampled_from([b"x-request-start", b"traceparent", b"host", b"content-length", b"cookie"])
headers = st.lists(st.tuples(names | st.binary(max_size=12), st.binary(max_size=40)), max_size=6)
methods = st.sampled_from(["GET", "HEAD", "POST", "BREW", "", "get"]) | st.text(max_size=8)
paths = st.sampled_from(["/", "/items/1", "/any/x", "/metrics", "/items/"]) | st.text(max_size=30)


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(headers, methods, paths, st.binary(max_size=20))
def test_the_response_is_the_bare_apps_and_the_series_stay_under_their_caps(
    headers, method, path, query
):
    measured = make()
    inprofile.instrument(measured, metrics_path="")
    scope = asgi.scope(path, method, headers, raw_path=b"", query_string=query)
    assert asgi.exchange_now(measured, dict(scope)) == asgi.exchange_now(make(), dict(scope))
    for family, count in Counter(key[0] for key in keys()).items():
        assert count <= BY_NAME[family].cap + 1, family
    assert inprofile.status()["errors"] == 0


def keys():
    runtime = running()
    assert runtime is not None
    return runtime.read().series


def test_scanners_fill_one_series_and_registered_routes_keep_theirs():
    app = make()
    inprofile.instrument(app)
    for number in range(3000):
        asgi.asked(app, f"/wp-admin/{number}.php", f"M{number}")
    asgi.asked(app, "/items/1")
    labels = {key[1:3] for key in keys() if key[0] == "http.server.request.duration"}
    assert labels == {
        ("_OVERFLOW", "_OVERFLOW"),
        ("_OTHER", "_UNMATCHED"),
        ("GET", "/items/{number}"),
    }
