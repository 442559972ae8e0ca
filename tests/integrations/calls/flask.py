"""Flask."""

from tests import wsgi

KINDS = {"handler", "middleware", "serialization", "validation"}


def call(_):
    from flask import Flask, request

    app = Flask("shop")

    @app.before_request
    def user():
        """Somebody."""

    @app.post("/")
    def root():
        return {"got": request.get_json()}

    return wsgi.asked(app, "/", "POST", body=b'{"a": 1}', CONTENT_TYPE="application/json")
