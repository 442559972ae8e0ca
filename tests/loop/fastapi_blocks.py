"""The blocks behind FastAPI, and those that only it has."""

import asyncio
import time

from fastapi import BackgroundTasks, Depends, FastAPI

from tests.loop.blocks import BLOCKS, LENGTH_S, Expected

app = FastAPI()
for block in BLOCKS:
    app.get(f"/{block.__name__}")(block)


@app.get("/quick")
async def quick():
    for _ in range(40):
        await asyncio.sleep(0.01)


async def dependency():
    time.sleep(LENGTH_S)  # guilty


@app.get("/depends")
async def depends(_: None = Depends(dependency)): ...


async def later():
    time.sleep(LENGTH_S)  # guilty


@app.get("/background")
async def background(tasks: BackgroundTasks):
    tasks.add_task(later)


@app.get("/behind")
async def behind(): ...


@app.middleware("http")
async def middleware(request, call_next):
    if request.url.path == "/behind":
        time.sleep(LENGTH_S)  # guilty
    return await call_next(request)


OWN = {
    "/depends": Expected("blocking_call", "time.sleep"),
    "/background": Expected("blocking_call", "time.sleep"),
    "/behind": Expected("blocking_call", "time.sleep"),
}
ROUTES = {f"/{block.__name__}": expected for block, expected in BLOCKS.items()} | OWN
NAMES = {"/background": "background:later"}
