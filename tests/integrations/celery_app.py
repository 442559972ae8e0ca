"""A Celery application with its one line, for real workers; without where $LAUNCHED is set.

$BROKER is a Valkey's Unix socket, and $RESULTS a directory, whose name is the queue's, too.
"""

import json
import os
import time

from celery import Celery
from celery.exceptions import Ignore, Reject

import inprofile


def configured(broker, results):
    """An application without tasks."""
    broker = broker.replace("unix:", "redis+socket:")
    app = Celery("shop", broker=broker, backend=f"file://{results}", set_as_current=False)
    app.conf.update(task_default_queue=str(results), worker_prefetch_multiplier=1)
    return app


app = configured(os.environ.get("BROKER", ""), os.environ.get("RESULTS", ""))
if "BROKER" in os.environ and "LAUNCHED" not in os.environ:
    inprofile.instrument(app)


@app.task(name="work", shared=False)
def work(seconds=0.0):
    with inprofile.span("part", kind="db"):
        time.sleep(seconds)
    return os.getpid()


@app.task(name="hang", bind=True, shared=False)
def hang(self, seconds):
    self.update_state(state="HANGS", meta=os.getpid())
    time.sleep(seconds)


@app.task(name="fail", shared=False)
def fail():
    raise KeyError("own")


@app.task(name="try_again", bind=True, shared=False)
def try_again(self, times):
    if self.request.retries < times:
        raise self.retry(countdown=0.01, max_retries=times)
    return self.request.retries, self.request.headers


@app.task(name="ignore", bind=True, shared=False)
def ignore(self):
    self.update_state(state="IGNORES")
    raise Ignore


@app.task(name="reject", bind=True, acks_late=True, shared=False)
def reject(self):
    self.update_state(state="REJECTS")
    raise Reject("own", requeue=False)


@app.task(name="limited", soft_time_limit=1, shared=False)
def limited():
    while True:
        json.dumps(1)  # recorded, so that the limit strikes in our code as often as not


@app.task(name="killed", time_limit=1, shared=False)
def killed():
    time.sleep(60)
