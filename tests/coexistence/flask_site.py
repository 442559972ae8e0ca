"""A Flask application that does everything."""

from flask import Flask, Response, request

from tests.coexistence.work import everything


def site(carrier):
    """The application; ``carrier`` is the URL of a service that it calls."""
    app = Flask("site")

    @app.before_request
    def begin():
        request.environ["begun"] = True

    @app.get("/orders/<int:number>")
    def order(number):
        response = Response(everything(number, carrier), mimetype="application/json")
        response.headers["x-order"] = str(number)
        response.set_cookie("seen", "yes")
        return response

    @app.get("/broken")
    def broken():
        raise RuntimeError("broken")

    @app.get("/stream")
    def stream():
        return Response((part for part in ("one ", "two")), mimetype="text/plain")

    return app
