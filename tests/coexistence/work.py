"""What a request of the sites does: something with every library that OpenTelemetry also times."""

import asyncio
import json
import logging
import os
import sqlite3
from typing import Any

import aiohttp
import celery
import httpx
import psycopg
import psycopg2
import pymongo
import redis
import requests
import sqlalchemy
import urllib3

POSTGRES = os.environ["SITE_POSTGRES"]
VALKEY = os.environ["SITE_VALKEY"]
MONGODB = os.environ.get("SITE_MONGODB")

engine = sqlalchemy.create_engine(
    "sqlite://", poolclass=sqlalchemy.StaticPool, connect_args={"check_same_thread": False}
)
with engine.connect():
    pass  # the one connection of its pool is there from the beginning

queue = celery.Celery("site", broker="memory://localhost/")
log = logging.getLogger("site")


@queue.task(name="site.mail")
def mail(number):
    """Something for a worker."""


def statements(number):
    """The same question to every driver."""
    asked = f"SELECT 7 * {number}"
    with sqlite3.connect(":memory:") as lite:
        yield "sqlite3", lite.execute(asked).fetchone()
    lite.close()
    with engine.connect() as connection:
        yield "sqlalchemy", tuple(connection.execute(sqlalchemy.text(asked)).one())
    with psycopg.connect(POSTGRES) as three, three.cursor() as cursor:
        yield "psycopg", cursor.execute(asked).fetchone()
    two: Any = psycopg2.connect(POSTGRES)
    with two.cursor() as cursor:
        cursor.execute(asked)
        yield "psycopg2", cursor.fetchone()
    two.close()


def commands(number):
    with redis.Redis.from_url(VALKEY) as cache:
        cache.set("number", number)
        yield "redis", cache.get("number").decode()
    if MONGODB:
        client: Any
        with pymongo.MongoClient(MONGODB) as client:
            numbers = client.site.numbers
            numbers.replace_one({"_id": number}, {"_id": number}, upsert=True)
            yield "pymongo", numbers.find_one({"_id": number})


def requested(carrier):
    """Which span each client's request says that it came from."""
    with requests.Session() as session:
        session.trust_env = False
        yield "requests", session.get(carrier).json()
    with urllib3.PoolManager() as pool:
        yield "urllib3", pool.request("GET", carrier).json()
    with httpx.Client(trust_env=False) as client:
        yield "httpx", client.get(carrier).json()


async def requested_later(carrier):
    async with httpx.AsyncClient(trust_env=False) as client:
        yield "httpx later", (await client.get(carrier)).json()
    async with aiohttp.ClientSession() as session, session.get(carrier) as answer:
        yield "aiohttp", await answer.json(content_type=None)


async def gathered(carrier):
    return [pair async for pair in requested_later(carrier)]


def everything(number, carrier):
    """What all of that came to, as JSON."""
    found = dict(statements(number)) | dict(commands(number)) | dict(requested(carrier))
    found |= dict(asyncio.run(gathered(carrier)))
    log.warning("order %s", number)
    mail.apply_async([number], task_id=f"mail-{number}")
    return json.dumps(found, sort_keys=True)
