"""The application that the load tests run under real servers."""

import asyncio
import os

from fastapi import FastAPI

import inprofile

app = FastAPI()
inprofile.instrument(app)


@app.get("/pid")
async def pid():
    await asyncio.sleep(0.002)
    return os.getpid()


@app.get("/job")
async def job():
    with inprofile.job(str(os.getpid())):
        return os.getpid()
