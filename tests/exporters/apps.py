"""Applications that have something, or nothing, where the metrics are served, and who answered."""

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse


def theirs(request):
    return PlainTextResponse("theirs")


def answering(status, body=b"theirs"):
    """An ASGI callable that says one thing whatever it is asked."""

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": status, "headers": []})
        await send({"type": "http.response.body", "body": body[:3], "more_body": True})
        await send({"type": "http.response.body", "body": body[3:]})

    return app


def starlette(*routes, **more):
    return lambda: Starlette(routes=list(routes), **more)


def fastapi(*declarations):
    """A FastAPI application on which these have declared their routes."""

    def make():
        app = FastAPI()
        for declare in declarations:
            declare(app)
        return app

    return make


def get_metrics(app):
    @app.get("/metrics")
    async def metrics():
        return "theirs"


def post_metrics(app):
    @app.post("/metrics")
    async def metrics():
        return "theirs"


def get_item(app):
    @app.get("/{number}")
    async def item(number: int):
        return number


def get_page(app):
    @app.get("/{name}")
    async def page(name: str):
        return name


def is_ours(sent):
    return len(sent) == 2 and b"inprofile_workers 1\n" in sent[1]["body"]
