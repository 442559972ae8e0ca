"""What a WSGI server's threads and greenlets do: wait for each other, or hold everybody up."""

import os
import threading
import time

from flask import Flask

import inprofile
from tests.loop.lags import BLOCK_S

app = Flask(__name__)
inprofile.instrument(app)

released = threading.Event()


@app.get("/pid")
def pid():
    return str(os.getpid())


@app.get("/hold")
def hold():
    return str(released.wait(30))


@app.get("/release")
def release():
    released.set()
    return "released"


@app.get("/nap")
def nap():
    time.sleep(BLOCK_S)
    return "rested"


@app.get("/block")
def block():
    until = time.perf_counter() + BLOCK_S
    while time.perf_counter() < until:
        pass
    return "computed"
