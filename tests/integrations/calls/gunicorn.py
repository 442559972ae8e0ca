"""gunicorn: nothing of it is timed."""

from importlib import import_module

KINDS = set[str]()


def call(_):
    return import_module("gunicorn.util").parse_address("127.0.0.1:8000")
