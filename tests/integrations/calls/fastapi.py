"""FastAPI."""

import asyncio
from typing import Annotated

from tests import asgi

KINDS = {"dependencies", "validation", "handler", "serialization"}


def call(_):
    from fastapi import Depends, FastAPI

    app = FastAPI()

    async def number(q: int = 1):
        return q

    @app.get("/")
    async def root(n: Annotated[int, Depends(number)]) -> list[int]:
        return [n]

    return asyncio.run(asgi.exchange(app, asgi.scope("/") | {"inprofile": True}))
