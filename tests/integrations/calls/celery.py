"""Celery."""

KINDS = {"handler", "other"}


def call(_):
    from celery import Celery

    app = Celery("call", broker="memory://", set_as_current=False)
    app.conf.task_default_queue = "call"

    @app.task(name="add", shared=False)
    def add(a, b):
        return a + b

    return type(add.delay(1, 2)).__name__, add.apply([3, 4]).get()
