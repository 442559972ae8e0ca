"""Applications of several frameworks whose libraries go through rows, with middleware around."""

import sqlite3
from typing import Annotated

from fastapi import Depends, FastAPI
from flask import Flask
from pydantic import BaseModel, ConfigDict
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

ROWS = 4


def asking(db, number):
    query = "SELECT name FROM writer WHERE id = ?"
    return db.execute(query, (number,)).fetchone()[0]  # Q


LIBRARY = """
def asking(db, number):
    query = "SELECT name FROM writer WHERE id = ?"
    return db.execute(query, (number,)).fetchone()[0]

class Row:
    def __init__(self, db, number):
        self.db = db
        self.title = str(number)
        self.number = number

    @property
    def writer(self):
        return asking(self.db, self.number)

def through(rows):
    return [row.writer for row in rows]
"""
"""What a library would have: code that is not the application's."""

library: dict = {"__name__": "library"}
exec(compile(LIBRARY, "<library>", "exec"), library)
Row, through = library["Row"], library["through"]


def opened():
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE writer (id INTEGER, name TEXT)")
    for n in range(ROWS):
        db.execute("INSERT INTO writer VALUES (?, ?)", (n, f"writer {n}"))
    return db


class Book(BaseModel):
    model_config = ConfigDict(from_attributes=True)

    title: str
    writer: str


def fastapi_app(db):
    app = FastAPI()

    @app.middleware("http")
    async def around(request, call_next):
        return await call_next(request)

    def rows():
        return [Row(db, n) for n in range(ROWS)]

    @app.get("/sync", response_model=list[Book])
    def sync(found: Annotated[list, Depends(rows)]):  # L1 Q1
        return found

    @app.get("/async", response_model=list[Book])
    async def awaited(found: Annotated[list, Depends(rows)]):  # L2 Q2
        return found

    @app.get("/loop")
    def loop():
        return [asking(db, n) for n in range(ROWS)]  # L3 Q3

    return app


def starlette_app(db):
    async def page(request):
        return JSONResponse(through([Row(db, n) for n in range(ROWS)]))  # L4 Q4

    class Around:
        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            await self.app(scope, receive, send)

    app = Starlette(routes=[Route("/", page)])
    app.add_middleware(Around)
    return app


def flask_app(db):
    app = Flask(__name__)

    @app.get("/")
    def page():
        return through([Row(db, n) for n in range(ROWS)])  # L5 Q5

    return app
