"""What one process pushes to a receiver of OTLP."""

import inprofile
from tests.one_process import work
from tests.otlp import points, until


def test_jobs_arrive_as_they_were_counted(otlp, group, monkeypatch):
    monkeypatch.setenv("INPROFILE_OTEL", "metrics")
    inprofile.instrument()
    for _ in range(7):
        work()
    arrival = until(lambda: otlp.metrics and otlp.metrics[-1])
    (point,) = points(arrival, "inprofile.job.duration")
    assert (point.kind, point.temporality, point.data.count) == ("histogram", "CUMULATIVE", 7)
    assert point.attributes == {"inprofile.job": "job:mail"}
    assert 0 < point.data.start_time_unix_nano < point.data.time_unix_nano <= arrival.at_ns
