"""Flask: what of a request is seen, under which rule, and that nothing of it is changed."""

import asyncio
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import pytest
from flask import (
    Blueprint,
    Flask,
    Response,
    after_this_request,
    g,
    jsonify,
    render_template_string,
    request,
    stream_with_context,
)
from flask.views import MethodView, View
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.middleware.proxy_fix import ProxyFix

import inprofile
from inprofile.core.recorder import current
from inprofile.testing import record
from tests import wsgi
from tests.integrations.spans import names, spans


def user():
    g.user = "somebody"


def stamp(response):
    response.headers["x-stamp"] = "yes"
    return response


def clean_up(error):
    g.pop("user", None)


def forget(error):
    """Of the application."""


def order(pk):
    return {"pk": pk}


def broken(error):
    return "broken", 500


def shop():
    app = Flask("shop")
    app.get("/orders/<int:pk>")(order)
    return app


def asked(app, path="/", method="GET", **more):
    """The response of the test client, read, and the trace."""
    inprofile.instrument(app)
    with record() as recorded:
        response = app.test_client().open(path, method=method, **more)
        assert response.get_data() is not None
    trace = recorded.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    assert current.get() is None
    return response, trace


# Routes


def routes(app):
    outer = Blueprint("outer", "outer", url_prefix="/api")
    inner = Blueprint("inner", "inner", url_prefix="/v1/<tenant>")
    inner.get("/orders/<int:pk>", endpoint="order")(lambda tenant, pk: "order")
    outer.get("/")(list_all)
    outer.register_blueprint(inner)
    app.register_blueprint(outer)
    app.register_blueprint(outer, url_prefix="/again", name="again")
    app.get("/files/<path:name>")(lambda name: name)


def list_all():
    return []


@pytest.mark.parametrize("late", [False, True], ids=["line first", "line last"])
@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/orders/3", "/orders/<int:pk>", 200),
        ("HEAD", "/orders/3", "/orders/<int:pk>", 200),
        ("OPTIONS", "/orders/3", "/orders/<int:pk>", 200),
        ("POST", "/orders/3", "_UNMATCHED", 405),
        ("GET", "/orders/x", "_UNMATCHED", 404),
        ("GET", "/api/", "/api/", 200),
        ("GET", "/api", "_UNMATCHED", 308),
        ("GET", "/api/v1/acme/orders/1", "/api/v1/<tenant>/orders/<int:pk>", 200),
        ("GET", "/again/v1/acme/orders/1", "/again/v1/<tenant>/orders/<int:pk>", 200),
        ("GET", "/files/a/b", "/files/<path:name>", 200),
        ("GET", "/static/x", "/static/<path:filename>", 404),
        ("GET", "/nowhere", "_UNMATCHED", 404),
    ],
)
def test_a_request_is_counted_under_its_whole_rule(late, method, path, route, status):
    app = shop()
    if not late:
        inprofile.instrument(app)
    routes(app)
    response, trace = asked(app, path, method)
    assert response.status_code == status
    assert (trace.method, trace.route, trace.status, trace.door) == (method, route, status, "http")
    assert trace.stages["routing"] > 0


# What surrounds a view


def test_every_function_around_a_view_has_its_own_time_by_name():
    app = shop()
    app.before_request(user)
    app.after_request(stamp)
    app.teardown_request(clean_up)
    app.teardown_appcontext(forget)
    _, trace = asked(app, "/orders/3")
    assert spans(trace, "middleware", "handler", "serialization") == [
        ("middleware", "(before request)", "http", 1),
        ("middleware", "user", "(before request)", 1),
        ("handler", "order", "http", 1),
        ("serialization", "jsonify", "http", 1),
        ("middleware", "(after request)", "http", 1),
        ("middleware", "stamp", "(after request)", 1),
        ("middleware", "(teardown)", "http", 1),
        ("middleware", "clean_up", "(teardown)", 1),
        ("middleware", "(teardown)", "http", 1),
        ("middleware", "forget", "(teardown)", 1),
    ]


def test_what_nobody_has_registered_leaves_no_span():
    _, trace = asked(shop(), "/orders/3")
    assert names(trace) == ["order", "jsonify", "(after request)"]


def test_a_blueprints_functions_are_named_and_one_that_answers_ends_it():
    def refuse():
        return "no", 401

    app, blueprint = shop(), Blueprint("b", "b", url_prefix="/b")
    blueprint.before_request(refuse)
    blueprint.get("/x")(list_all)
    app.register_blueprint(blueprint)
    response, trace = asked(app, "/b/x")
    assert (response.status_code, trace.route) == (401, "/b/x")
    assert [name.rpartition(".")[2] for name in names(trace)] == [
        "(before request)",
        "refuse",
        "(after request)",
    ]


def test_a_function_for_this_request_alone_is_named():
    app = Flask("shop")

    @app.get("/")
    def root():
        after_this_request(stamp)
        return "x"

    response, trace = asked(app)
    assert response.headers["x-stamp"] == "yes"
    assert "stamp" in names(trace, "middleware")


def test_work_in_them_belongs_to_them():
    def busy():
        with inprofile.span("query", kind="db"):
            pass

    app = shop()
    app.before_request(busy)
    app.teardown_request(lambda error: busy())
    _, trace = asked(app, "/orders/3")
    parents = [parent for _, _, parent, _ in spans(trace, "db")]
    assert [name.rpartition(".")[2] for name in parents] == ["busy", "<lambda>"]


class Page(View):
    def dispatch_request(self):
        return "page"


class Item(MethodView):
    def get(self, pk):
        return f"item {pk}"


def test_class_based_views_go_by_the_name_of_their_class():
    app = Flask("shop")
    app.add_url_rule("/page", view_func=Page.as_view("page"))
    app.add_url_rule("/item/<pk>", view_func=Item.as_view("item"))
    assert names(asked(app, "/page")[1], "handler") == ["Page"]
    assert names(asked(app, "/item/1")[1], "handler") == ["Item"]


def test_async_views_and_functions_are_timed_where_they_run():
    app = Flask("shop")

    @app.before_request
    async def early():
        await asyncio.sleep(0)

    @app.get("/")
    async def root():
        with inprofile.span("query", kind="db"):
            await asyncio.sleep(0.001)
        return "x"

    _, trace = asked(app)
    assert [(kind, name.rpartition(".")[2]) for kind, name, _, _ in spans(trace)] == [
        ("middleware", "(before request)"),
        ("middleware", "early"),
        ("handler", "root"),
        ("db", "query"),
        ("middleware", "(after request)"),
    ]
    assert trace.stages["db"] > 1_000_000


def test_what_an_app_has_made_of_the_dispatch_is_its_handler():
    class Own(Flask):
        def dispatch_request(self):
            return "own"

    _, trace = asked(Own("shop"), "/nowhere")
    assert (trace.status, trace.root.kind, trace.route) == (200, "handler", "_UNMATCHED")


def test_calling_a_function_through_ensure_sync_oneself_is_not_ours():
    app = shop()

    @app.get("/")
    def root():
        assert app.ensure_sync(list_all) is list_all
        return "x"

    response, _ = asked(app)
    assert response.status_code == 200
    assert app.ensure_sync(list_all) is list_all


# Errors


class Mine(Exception):
    pass


def test_an_error_handler_is_timed_by_name():
    app = Flask("shop")

    @app.get("/")
    def root():
        raise Mine

    app.errorhandler(Mine)(broken)
    response, trace = asked(app)
    assert (response.status_code, response.data) == (500, b"broken")
    assert (trace.status, trace.error) == (500, "500")
    handlers = [(span.name, span.error) for span in trace.spans if span.kind == "handler"]
    assert [(str(name).rpartition(".")[2], error) for name, error in handlers] == [
        ("root", "Mine"),
        ("broken", None),
        ("(error handler)", None),
    ]


def test_an_error_handler_for_what_is_not_found_is_timed_by_name():
    def lost(error):
        return "lost", 404

    app = shop()
    app.errorhandler(404)(lost)
    response, trace = asked(app, "/nowhere")
    assert (response.data, trace.route) == (b"lost", "_UNMATCHED")
    assert [name.rpartition(".")[2] for name in names(trace, "handler")] == [
        "(error handler)",
        "lost",
    ]


def test_an_error_that_is_passed_on_comes_out_as_it_was():
    app = Flask("shop")
    app.testing = True
    problem = Mine("problem")

    @app.get("/")
    def root():
        raise problem

    seen: list = []
    app.teardown_request(seen.append)
    inprofile.instrument(app)
    with record() as recorded, pytest.raises(Mine) as caught:
        app.test_client().get("/")
    assert caught.value is problem
    assert seen == [problem]
    assert (recorded.trace.error, recorded.trace.route) == ("Mine", "/")


# Bodies


def test_parsing_json_is_validation_once_and_reading_it_is_receive():
    app = Flask("shop")

    @app.post("/")
    def root():
        return {"got": [request.get_json(), request.json, request.get_json(silent=True)]}

    response, trace = asked(app, "/", "POST", json={"a": 1})
    assert response.json == {"got": [{"a": 1}] * 3}
    assert spans(trace, "validation", "receive") == [
        ("validation", "parse JSON body", names(trace, "handler")[0], 1),
        ("receive", "read body", "parse JSON body", 1),
    ]


def test_a_form_with_files_is_validation_once():
    app = Flask("shop")

    @app.post("/")
    def root():
        return {"a": request.form["a"], "files": len(request.files), "b": "b" in request.form}

    data = {"a": "1", "file": (BytesIO(b"x" * 10_000), "x.txt")}
    response, trace = asked(app, "/", "POST", data=data)
    assert response.json == {"a": "1", "files": 1, "b": False}
    assert names(trace, "validation", "receive") == ["parse form body"]


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{nonsense", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"", "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
    ],
)
def test_a_body_that_is_refused_is_refused_as_without_us(body, content_type, status):
    def make():
        app = Flask("shop")
        app.post("/")(lambda: {"got": request.get_json()})
        return app

    more = {"body": body, "CONTENT_TYPE": content_type}
    without = wsgi.asked(make(), "/", "POST", **more)
    with_line = wsgi.asked(inprofile.instrument(make()), "/", "POST", **more)
    assert with_line == without
    if not (status == 415 and without[0][0].startswith("400")):  # before Werkzeug 2.3
        assert without[0][0].startswith(str(status))


def test_jsonify_is_serialization_whoever_calls_it():
    app = Flask("shop")

    @app.get("/")
    def root():
        return jsonify(a=1)

    app.get("/list")(list_all)
    app.get("/text")(lambda: "text")
    assert names(asked(app)[1], "serialization") == ["jsonify"]
    assert names(asked(app, "/list")[1], "serialization") == ["jsonify"]
    assert names(asked(app, "/text")[1], "serialization") == []


def test_templates_are_the_views():
    app = Flask("shop")

    @app.get("/")
    def root():
        return render_template_string("{{ 1 + 1 }}")

    response, trace = asked(app)
    assert response.data == b"2"
    assert [
        (kind, parent.rpartition(".")[2]) for kind, _, parent, _ in spans(trace, "template")
    ] == [("template", "root")]


# Streams


def streaming():
    app = Flask("shop")

    @app.get("/<name>")
    def stream(name):
        def parts():
            for number in range(3):
                with inprofile.span(f"query {number}", kind="db"):
                    yield f"{request.path}{number}"

        return Response(stream_with_context(parts()), mimetype="text/plain")

    app.teardown_request(clean_up)
    return app


def test_a_stream_is_the_handlers_for_as_long_as_it_lasts():
    response, trace = asked(streaming(), "/x")
    assert response.data == b"/x0/x1/x2"
    assert trace.streamed
    made = spans(trace, "db")
    assert made == [("db", f"query {number}", "stream", 1) for number in range(3)]
    handlers = [name.rpartition(".")[2] for name in names(trace, "handler")]
    assert handlers == ["stream", "stream"]  # the view, and what it made


def test_a_client_that_leaves_a_stream_is_told_apart():
    app = inprofile.instrument(streaming())
    with record() as recorded:
        wsgi.asked(app, "/x", parts=1)
    assert (recorded.trace.error, recorded.trace.route) == ("ClientDisconnect", "/<name>")
    assert sum(recorded.trace.stages.values()) == recorded.trace.wall_ns


def test_a_stream_to_a_head_is_empty_and_whole():
    response, trace = asked(streaming(), "/x", "HEAD")
    assert (response.data, trace.error) == (b"", None)


# The line


def test_a_line_that_stands_twice_makes_one_trace_and_writes_nothing_onto_the_app():
    app = shop()
    before = dict(vars(app))
    assert inprofile.instrument(app) is app
    inprofile.instrument(app)
    assert vars(app) == before
    _, trace = asked(app, "/orders/3")
    assert trace.route == "/orders/<int:pk>"


def test_an_app_in_what_was_wrapped_makes_one_trace():
    app = shop()
    inprofile.instrument(app)
    outside = inprofile.instrument(ProxyFix(app))
    with record() as recorded:
        wsgi.asked(outside, "/orders/3")
    assert recorded.trace.route == "/orders/<int:pk>"


def test_without_its_door_an_app_is_as_before():
    app, other = inprofile.instrument(shop()), inprofile.instrument(shop())
    inprofile.uninstrument(app)
    with record() as recorded:
        wsgi.asked(app, "/orders/3")
        wsgi.asked(other, "/orders/3")
    assert len(recorded.traces) == 1


def test_an_app_that_is_mounted_keeps_its_rules():
    app = inprofile.instrument(shop())
    mounted = DispatcherMiddleware(Flask("outer"), {"/shop": app})
    with record() as recorded:
        wsgi.asked(mounted, "/shop/orders/3")
    assert (recorded.trace.route, recorded.trace.path) == ("/orders/<int:pk>", "/shop/orders/3")


def test_outside_of_a_request_nothing_happens():
    inprofile.instrument()
    app = Flask("shop")
    app.post("/orders/<int:pk>")(order)
    with record() as recorded, app.test_request_context("/orders/3", method="POST", json={}):
        assert app.preprocess_request() is None
        assert app.dispatch_request() == {"pk": 3}
        assert request.get_json() == {}
    assert recorded.traces == []


def test_requests_at_once_keep_apart():
    app = Flask("shop")
    together = threading.Barrier(4)

    @app.get("/<name>")
    def root(name):
        together.wait(10)
        with inprofile.span(name, kind="db"):
            together.wait(10)
        return name

    inprofile.instrument(app)
    with record() as recorded, ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda name: wsgi.asked(app, f"/{name}"), "abcd"))
    assert sorted((trace.path, *names(trace, "db")) for trace in recorded.traces) == [
        (f"/{name}", name) for name in "abcd"
    ]


def test_its_own_types_and_names_stay():
    inprofile.instrument()
    response = Response("x")
    assert type(response) is Response
    assert pickle.loads(pickle.dumps(jsonify)) is jsonify
    assert Flask.__call__.__qualname__ == "Flask.__call__"


# The metrics


def taking_any_path(app):
    app.get("/<path:path>")(lambda path: "the page")


def own_metrics(app):
    app.get("/metrics")(lambda: "theirs")


def posted_metrics(app):
    app.post("/metrics")(lambda: "theirs")


def page_of_a_name(app):
    app.get("/<name>")(lambda name: name)


def numbered(app):
    app.get("/<int:number>")(str)


def login(app):
    app.before_request(lambda: ("log in", 302))


def behind_a_proxy(app):
    app.wsgi_app = ProxyFix(app.wsgi_app)
    login(app)


def mounted(app):
    """How prometheus_client's documentation says it."""

    def theirs(environ, start_response):
        start_response("200 OK", [])
        return [b"theirs"]

    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/metrics": theirs})


def mounted_elsewhere(app):
    app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/other": shop()})


@pytest.mark.parametrize(
    ("declare", "ours"),
    [
        (own_metrics, False),
        (posted_metrics, False),
        (page_of_a_name, False),
        (mounted, False),
        (taking_any_path, True),
        (numbered, True),
        (login, True),
        (behind_a_proxy, True),
        (mounted_elsewhere, True),
    ],
)
def test_what_the_user_has_at_the_path_wins_over_the_metrics(declare, ours):
    app = Flask("shop")
    declare(app)
    without = wsgi.asked(app, "/metrics")
    with_line = wsgi.asked(inprofile.instrument(app), "/metrics")
    assert (b"inprofile_workers 1\n" in with_line[1]) == ours
    assert (with_line == without) != ours


def test_a_static_file_of_that_name_is_the_users(tmp_path):
    app = inprofile.instrument(Flask("shop", static_folder=tmp_path, static_url_path=""))
    assert b"inprofile_workers" in app.test_client().get("/metrics").data
    (tmp_path / "metrics").write_text("theirs")
    with app.test_client().get("/metrics") as response:
        assert response.data == b"theirs"
