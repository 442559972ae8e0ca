"""What the tests of FastAPI build applications of, and the spans that these parts leave."""

import asyncio
import time

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from pydantic import BaseModel, field_validator

SOLVING = ("dependencies", "(solving)", "http", 1)
FIELD = ("serialization", "serialize_response", "http", 1)
RENDER = ("serialization", "render JSONResponse", "http", 1)


def in_field(verb):
    return ("serialization", verb, "serialize_response", 1)


def app_of(endpoint, method="GET", **options):
    """An application with one route; the response class is one whose rendering all versions do."""
    app = FastAPI(default_response_class=JSONResponse)
    app.api_route("/", methods=[method], **options)(endpoint)
    return app


async def in_loop():
    await asyncio.sleep(0.003)
    return "in_loop"


def in_thread():
    time.sleep(0.003)
    return "in_thread"


class Page:
    def __init__(self, number: int = 1):
        self.number = number


class Service:
    async def method(self):
        return "method"

    @classmethod
    async def from_class(cls):
        return "from_class"


class Order(BaseModel):
    name: str
    price: float

    @field_validator("name")
    @classmethod
    def is_slow(cls, value):
        time.sleep(0.004)
        return value


ORDER = b'{"name": "tea", "price": 2.5}'


async def takes_order(order: Order):
    return [order.name]


class Item(BaseModel):
    name: str
    secret: str = "hidden"
