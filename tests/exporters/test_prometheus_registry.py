"""Our collector in a registry of the user's own, beside what is there already."""

import os

import pytest
from prometheus_client import REGISTRY, CollectorRegistry, Gauge, ProcessCollector, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics_exposition

import inprofile
from inprofile.core.exemplars import noted
from inprofile.exporters.prometheus.collector import Collector
from inprofile.process import running
from tests import asgi
from tests.exporters.exposed import COUNT, families, total, values
from tests.exporters.sources import linux, shop


@pytest.fixture
def registered():
    """Our collector among prometheus_client's own in its global registry."""
    app = inprofile.instrument(shop())
    collector = inprofile.collector()
    REGISTRY.register(collector)
    yield app
    REGISTRY.unregister(collector)


def test_beside_the_defaults_of_the_global_registry_nothing_comes_twice(registered):
    asgi.asked(registered, "/items/1")
    for write in (generate_latest, openmetrics_exposition.generate_latest):
        body = write(REGISTRY)
        assert total(body, COUNT) == total(body, "python_info") == 1
        assert values(body, "inprofile_workers") == [({}, 1)]


@linux
def test_what_prometheus_clients_own_collector_says_of_the_process_stays_its_own():
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    inprofile.instrument()
    registry.register(inprofile.collector())
    body = generate_latest(registry)
    assert [labels for labels, _ in values(body, "process_resident_memory_bytes")] == [{}]
    assert [labels for labels, _ in values(body, "inprofile_worker_resident_memory_bytes")] == [
        {"pid": str(os.getpid())}
    ]


def test_registering_reads_nothing_and_opens_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("INPROFILE_DIR", str(tmp_path / "base"))
    inprofile.instrument()
    CollectorRegistry(auto_describe=True).register(inprofile.collector())
    assert not (tmp_path / "base").exists()


def test_registering_twice_is_refused_as_for_any_collector():
    registry = CollectorRegistry()
    inprofile.instrument()
    registry.register(inprofile.collector())
    with pytest.raises(ValueError, match="Duplicated timeseries"):
        registry.register(inprofile.collector())


def test_a_clash_with_a_metric_of_the_users_is_told_at_the_start():
    registry = CollectorRegistry()
    Gauge("inprofile_workers", "Mine.", registry=registry)
    inprofile.instrument()
    with pytest.raises(ValueError, match="inprofile_workers"):
        registry.register(inprofile.collector())


def test_a_scrape_may_ask_for_some_names_alone(registered):
    asgi.asked(registered, "/items/1")
    body = generate_latest(REGISTRY.restricted_registry([COUNT, "inprofile_workers"]))
    assert families(body).keys() == {"http_server_request_duration_seconds", "inprofile_workers"}
    assert total(body, COUNT) == 1


def test_a_collector_reads_anew_at_each_scrape(fed):
    registry = CollectorRegistry()
    registry.register(Collector(fed.snapshot))
    fed.request()
    assert total(generate_latest(registry), COUNT) == 1
    fed.request()
    assert total(generate_latest(registry), COUNT) == 2


def test_a_collector_that_outlives_the_line_starts_nothing_again():
    registry = CollectorRegistry()
    inprofile.instrument()
    registry.register(inprofile.collector())
    with inprofile.job("mail"):
        pass
    former = running()
    assert former is not None
    inprofile.uninstrument()
    try:
        body = generate_latest(registry)
        assert (former.meter, former.pipeline) == (None, None)
        assert values(body, "inprofile_workers") == [({}, 0)]
        inprofile.instrument()
        with inprofile.job("mail"):
            pass
        assert values(generate_latest(registry), "inprofile_workers") == [({}, 1)]
    finally:
        former.close()


def test_before_the_line_there_is_no_collector():
    with pytest.raises(RuntimeError, match=r"call inprofile\.instrument\(app\) first"):
        inprofile.collector()


def test_exemplars_are_in_openmetrics_and_nowhere_else(fed):
    trace = fed.recorder.begin("http", "GET", "https")
    trace.route, trace.status = "/orders/{id}", 200
    fed.clock.advance(30_000_000)
    fed.recorder.keep = lambda kept: noted(fed.cells, kept, "7".zfill(32), "9".zfill(16))
    fed.recorder.sample_rate = 1.0
    fed.recorder.finish(trace)
    registry = CollectorRegistry()
    registry.register(Collector(fed.snapshot))
    body = openmetrics_exposition.generate_latest(registry)
    found = [
        (sample.labels["le"], sample.exemplar.labels, sample.exemplar.value)
        for sample in families(body)["http_server_request_duration_seconds"].samples
        if sample.exemplar
    ]
    assert found == [("0.035", {"trace_id": "7".zfill(32)}, 0.03)]
    assert b"trace_id" not in generate_latest(registry)
