"""The user's own MeterProvider, whose exports take ours along."""

import subprocess
from itertools import pairwise

import pytest
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.resources import Resource

import inprofile
from inprofile.core.role import Role
from tests.child import LIMIT_S, command
from tests.one_process import work
from tests.otlp import points, until

DURATION = "inprofile.job.duration"


@pytest.fixture
def provided():
    """Makes a provider that exports through us; they end before the receiver does."""
    providers = []

    def provide(**attributes):
        exporter = inprofile.MetricExporter(OTLPMetricExporter())
        reader = PeriodicExportingMetricReader(exporter)
        of = Resource.create({"service.name": "shop", **attributes})
        providers.append(MeterProvider([reader], of, shutdown_on_exit=False))
        return providers[-1]

    yield provide
    for each in providers:
        each.shutdown()


def orders(provider, amount=1):
    provider.get_meter("theirs").create_counter("orders").add(amount)


def ours(arrivals):
    return [point for arrival in arrivals for point in points(arrival, DURATION)]


def test_ours_are_in_the_exports_of_theirs(otlp, group, provided):
    inprofile.instrument()
    orders(provided())
    work()
    point = until(lambda: ours(otlp.metrics))[-1]
    (theirs,) = points(otlp.metrics[-1], "orders")
    assert (point.scope, point.temporality, point.data.count) == ("inprofile", "CUMULATIVE", 1)
    assert (theirs.scope, theirs.data.as_int) == ("theirs", 1)
    instances = [each.resource.pop("service.instance.id", "") for each in (point, theirs)]
    assert instances[0] != instances[1]
    assert point.resource == theirs.resource
    assert point.resource["service.name"] == "shop"


def test_where_the_environment_names_the_instance_there_is_one_resource(
    otlp, group, provided, monkeypatch
):
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "service.instance.id=pod-1")
    inprofile.instrument()
    orders(provided())
    work()
    until(lambda: ours(otlp.metrics))
    (of,) = otlp.metrics[-1].message.resource_metrics
    assert [each.scope.name for each in of.scope_metrics] == ["theirs", "inprofile"]


def test_ours_are_as_the_exporter_prefers(otlp, group, provided, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    monkeypatch.setenv(
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        "base2_exponential_bucket_histogram",
    )
    provider = provided()
    inprofile.instrument()
    for turn in range(3):
        orders(provider)
        work()
        until(lambda: len(ours(otlp.metrics)) > turn)  # noqa: B023 - called at once
        found = ours(otlp.metrics)[turn:]
        assert [point.data.count for point in found] == [1]
        assert (found[0].kind, found[0].temporality) == ("exponential_histogram", "DELTA")
    windows = [
        (point.data.start_time_unix_nano, point.data.time_unix_nano) for point in ours(otlp.metrics)
    ]
    for before, after in pairwise(windows):
        assert before[0] < before[1] <= after[0] < after[1]


def test_what_did_not_arrive_comes_with_the_next(otlp, group, provided, monkeypatch):
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta")
    otlp.status = 400
    provider = provided()
    inprofile.instrument()
    orders(provider)
    work()
    until(lambda: otlp.refused)
    otlp.status = 200
    orders(provider)
    work()
    until(lambda: sum(point.data.count for point in ours(otlp.metrics)) == 2)


def test_exports_are_as_ever_where_nothing_is_measured(otlp, provided):
    orders(provided())
    arrival = until(lambda: otlp.metrics)[0]
    assert {point.metric.name for point in points(arrival)} >= {"orders"}
    assert ours([arrival]) == []


def test_of_two_pipelines_in_one_process_each_has_its_name(otlp, group):
    inprofile.instrument()
    work()
    exporters = [inprofile.MetricExporter(OTLPMetricExporter(), name) for name in ("a", "b")]
    readers = [PeriodicExportingMetricReader(each) for each in exporters]
    provider = MeterProvider(readers, shutdown_on_exit=False)
    orders(provider)
    provider.force_flush()
    provider.shutdown()
    assert len(ours(otlp.metrics)) >= 2


def test_it_is_otherwise_the_exporter_that_it_has(group):
    inner = OTLPMetricExporter(endpoint="http://127.0.0.1:1")
    assert inprofile.MetricExporter(inner)._endpoint == "http://127.0.0.1:1"


def test_of_several_workers_one_takes_ours_along(otlp, group, provided):
    inprofile.instrument()
    work()
    other = Role(group / "carried.lock")
    assert other.held()
    orders(provided())
    until(lambda: len(otlp.metrics) > 2)
    assert ours(otlp.metrics) == []
    other.forget()
    assert until(lambda: ours(otlp.metrics))[0].data.count == 1


EXITS = """
import inprofile
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader

def provide():
    exporter = inprofile.MetricExporter(OTLPMetricExporter())
    provider = MeterProvider([PeriodicExportingMetricReader(exporter, 3600000)])
    provider.get_meter("theirs").create_counter("orders").add(1)

"""


@pytest.mark.parametrize(
    "lines", [("provide()", "inprofile.instrument()"), ("inprofile.instrument()", "provide()")]
)
def test_the_export_at_exit_has_ours_whichever_was_first(otlp, group, lines):
    work = "with inprofile.job('mail'): pass"
    program = command(EXITS + "\n".join([*lines, work]))
    subprocess.run(program, check=True, timeout=LIMIT_S)
    (arrival,) = otlp.metrics
    assert [point.data.count for point in ours([arrival])] == [1]
