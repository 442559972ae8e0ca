"""A launched Celery worker counts every try of every task."""

import pytest

from tests.integrations.celery_app import configured
from tests.integrations.celery_worker import Worker, outcome
from tests.launching.launchers import OPENTELEMETRY, RUN


@pytest.mark.parametrize("launcher", [RUN, OPENTELEMETRY], ids=["run", "opentelemetry"])
def test_every_task_is_counted_once(launcher, group, valkey_address, tmp_path):
    results = tmp_path / "results"
    results.mkdir()
    quiet = {"INPROFILE_OTEL": "", "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "celery,sqlalchemy"}
    options = ("--pool=prefork", "--concurrency=2")
    with configured(valkey_address, results) as app:
        worker = Worker(group, valkey_address, results, *options, launcher=launcher, **quiet)
        try:
            sent = [app.send_task("work") for _ in range(20)] + [app.send_task("fail")]
            ended = [outcome(result)[0] for result in sent]
            assert ended == ["SUCCESS"] * 20 + ["KeyError"]
            assert worker.counted(21) == {("work", ""): 20, ("fail", "KeyError"): 1}
            worker.stop()
        finally:
            worker.kill()
