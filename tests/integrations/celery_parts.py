"""A Celery application whose broker is in memory, and a worker of it in a thread."""

import logging
from contextlib import contextmanager

from celery import Celery
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject

import inprofile

LIMIT_S = 20


def add(self, a, b):
    with inprofile.span("sum", kind="db"):
        return a + b


def fail(self):
    raise KeyError("own")


def ignore(self):
    raise Ignore


def reject(self):
    raise Reject("own", requeue=False)


def insist(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=0.01, max_retries=times)
    return self.request.retries


def headers(self):
    return self.request.headers


def outer(self):
    tasks = self.app.tasks
    return tasks["add"].apply([1, 2]).result + tasks["insist"].apply([1]).result


def relay(self):
    self.app.tasks["add"].delay(1, 2)


TASKS = (add, fail, ignore, reject, insist, headers, outer, relay)


def application(name="shop", **settings):
    """An application with tasks, in a queue of its own: the broker is one for the process."""
    app = Celery(name, broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(
        task_default_queue=name,
        broker_transport_options={"polling_interval": 0.01},
        **settings,
    )
    for function in TASKS:
        app.task(name=function.__name__, bind=True, shared=False)(function)
    app.task(name="expected", bind=True, throws=(KeyError,), shared=False)(fail)
    return app


@contextmanager
def working(app):
    """A worker of ``app`` in a thread, one task at a time. Celery has room for one per process.

    It takes the root logger for its own, which is taken back.
    """
    root = logging.getLogger()
    level, handlers = root.level, root.handlers[:]
    with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=LIMIT_S):
        root.setLevel(level)
        root.handlers[:] = handlers
        yield


def waited(result):
    """What became of a task: its result, or its error as a value."""
    try:
        return result.get(timeout=LIMIT_S, interval=0.01)
    except Exception as error:
        return type(error), error.args
