"""Asks an ASGI application by hand: every message that it sends is kept."""

import asyncio

REQUEST = {"type": "http.request", "body": b"", "more_body": False}


def scope(path, method="GET", headers=(), **more):
    return {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"test"), *headers],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 8000),
        "state": {},
        **more,
    }


async def exchange(app, scope, incoming=(REQUEST,)):
    """The messages that ``app`` sends, and last the error that came out of it, if any."""
    waiting = list(incoming)
    sent: list = []

    async def receive():
        if waiting:
            return dict(waiting.pop(0))
        return await asyncio.get_running_loop().create_future()

    async def send(message):
        sent.append(dict(message))

    try:
        await app(scope, receive, send)
    except Exception as error:
        sent.append(repr(error))
    return sent


def asked(app, path, method="GET", incoming=(REQUEST,), headers=(), **more):
    return asyncio.run(exchange(app, scope(path, method, headers, **more), incoming))


def exchange_now(app, scope, incoming=(REQUEST,)):
    return asyncio.run(exchange(app, scope, incoming))
