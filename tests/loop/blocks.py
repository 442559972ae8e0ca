"""What holds up an event loop, each in another way: the guilty line of each says so."""

import asyncio
import gc
import hashlib
import json
import re
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import zlib
from contextlib import closing
from typing import NamedTuple

import psycopg
import redis
import requests

LENGTH_S = 0.2

PLACES = {"file": "", "dsn": "", "url": "", "cache": ""}
"""Where the servers and the file are; a fixture fills it in."""


async def sleep():
    time.sleep(LENGTH_S)  # guilty


async def python():
    compute(LENGTH_S)


def compute(seconds):
    until = time.perf_counter() + seconds
    total = 0
    while time.perf_counter() < until:  # guilty
        for i in range(1000):  # guilty
            total += i * i  # guilty
    return total


lock = threading.Lock()


async def held_lock():
    def hold():
        with lock:
            held.set()
            time.sleep(LENGTH_S)

    held = threading.Event()
    threading.Thread(target=hold).start()
    held.wait()
    with lock:  # guilty
        pass


async def event():
    threading.Event().wait(LENGTH_S)  # guilty


async def regex():
    re.match(r"(a+)+$", "a" * 23 + "b")  # guilty


LARGE = [{"id": i, "name": "x" * 20, "parts": [1.5, 2.5, i]} for i in range(150_000)]


async def to_json():
    json.dumps(LARGE)  # guilty


async def digest():
    hashlib.pbkdf2_hmac("sha256", b"x", b"salt", 600_000)  # guilty


CONTENT = bytes(80_000_000)


async def compress():
    zlib.compress(CONTENT, 6)  # guilty


ROWS = [str(i * 7919 % 1_000_003) for i in range(500_000)]


async def in_order():
    sorted(ROWS)  # guilty


async def callbacks():
    loop = asyncio.get_running_loop()
    done = loop.create_future()
    left = [2000]

    def tiny():
        sum(range(20_000))  # guilty: in all longer than between any two beats
        left[0] -= 1  # guilty
        if not left[0]:
            done.set_result(1)

    for _ in range(2000):
        loop.call_soon(tiny)
    await done


async def tasks():
    async def tiny():
        sum(range(20_000))  # guilty: in all longer than between any two beats

    await asyncio.gather(*[asyncio.create_task(tiny()) for _ in range(2000)])


OBJECTS: list = []


async def collect():
    gc.collect()  # guilty


async def threads():
    burning = [asyncio.to_thread(compute, 0.6) for _ in range(4)]
    await asyncio.gather(*burning, answer())


async def answer():
    """Computes for a moment only, which is long: it gets the interpreter a fifth of the time."""
    for _ in range(8):
        await asyncio.sleep(0.005)
        sum(i * i for i in range(400_000))


async def read():
    with open(PLACES["file"], "rb") as file:
        file.read()  # guilty


async def lookup():
    socket.getaddrinfo("localhost", 80)  # guilty


async def process():
    subprocess.run(["sleep", str(LENGTH_S)], check=True)  # guilty


async def sqlite():
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(SLOW_SQL).fetchall()  # guilty


SLOW_SQL = """WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1500000)
SELECT max(i) FROM n"""


async def query():
    with psycopg.connect(PLACES["dsn"]) as connection:
        connection.execute(f"SELECT pg_sleep({LENGTH_S})")  # guilty


async def request():
    requests.get(PLACES["url"], timeout=5)  # guilty


async def cache():
    client = redis.Redis.from_url(PLACES["cache"])
    client.blpop("nothing", LENGTH_S)  # guilty
    client.close()


async def child():
    await asyncio.create_task(after_a_while())


async def grouped():
    await asyncio.gather(asyncio.sleep(0.01), after_a_while())


async def after_a_while():
    await asyncio.sleep(0.01)
    time.sleep(LENGTH_S)  # guilty


async def eager():
    loop = asyncio.get_running_loop()
    loop.set_task_factory(asyncio.eager_task_factory)  # type: ignore[attr-defined] # 3.12
    try:
        await asyncio.create_task(after_a_while())
    finally:
        loop.set_task_factory(None)


class Expected(NamedTuple):
    """What a block is to be called: its class, and what it calls or waits for."""

    cause: str
    says: str = ""


BLOCKS = {
    sleep: Expected("blocking_call", "time.sleep"),
    python: Expected("python_cpu"),
    held_lock: Expected("blocking_call", "with lock"),
    event: Expected("blocking_call", "threading.Event().wait"),
    regex: Expected("gil_held", "re.match"),
    to_json: Expected("gil_held", "json.dumps"),
    digest: Expected("native_call", "hashlib.pbkdf2_hmac"),
    compress: Expected("native_call", "zlib.compress"),
    in_order: Expected("gil_held", "sorted"),
    callbacks: Expected("many_callbacks"),
    tasks: Expected("many_callbacks"),
    collect: Expected("garbage_collection"),
    threads: Expected("gil_contention"),
    read: Expected("blocking_call", "file.read"),
    process: Expected("blocking_call", "subprocess.run"),
    sqlite: Expected("blocking_call", "connection.execute"),
    query: Expected("blocking_call", "connection.execute"),
    request: Expected("blocking_call", "requests.get"),
    cache: Expected("blocking_call", "client.blpop"),
    child: Expected("blocking_call", "time.sleep"),
    grouped: Expected("blocking_call", "time.sleep"),
}
if sys.version_info >= (3, 12):
    BLOCKS[eager] = Expected("blocking_call", "time.sleep")
