"""The measured applications that the WSGI load tests run under real servers."""

import os
from importlib import import_module

from flask import Flask, send_file

import inprofile
from tests.load.bare import FILE, bare

sent_as_files: list = []


def _notice_sendfile():
    """Note what gunicorn could send without reading it, in the worker that did."""
    response = import_module("gunicorn.http.wsgi").Response
    original = response.sendfile

    def sendfile(self, file):
        sent = original(self, file)
        sent_as_files.append(bool(sent))
        return sent

    response.sendfile = sendfile


app = Flask(__name__)
inprofile.instrument(app)


@app.get("/pid")
def pid():
    return str(os.getpid())


@app.get("/job")
def job():
    with inprofile.job(str(os.getpid())):
        return str(os.getpid())


@app.get("/orders/<int:pk>")
def order(pk):
    return {"pk": pk}


@app.get("/file")
def file():
    return send_file(FILE)


@app.get("/sent")
def sent():
    return sent_as_files.copy()


@app.get("/endless")
def endless():
    def parts():
        while True:
            yield b"x" * 65_536

    return parts()


@app.get("/broken")
def broken():
    def parts():
        yield "half"
        raise RuntimeError("half way")

    return parts()


measured = inprofile.instrument(bare)

if "gunicorn" in os.environ.get("SERVER_SOFTWARE", ""):
    _notice_sendfile()
