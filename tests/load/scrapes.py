"""Scrapes one after the other, of which none may say less than the one before."""

import httpx

from tests.exporters.client_model import GAUGE, samples
from tests.exporters.exposed import families

PROTO = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FORMATS = ("text/plain", "application/openmetrics-text; version=1.0.0", PROTO)

OF_A_WORKER = "inprofile_worker_"
"""What is known of one process alone ends with it."""

Series = tuple[str, frozenset[tuple[str, str]]]
Values = dict[Series, float]


def scrape(url: str, accept: str = FORMATS[0]) -> Values:
    """Every sample of one scrape but the gauges. Raises httpx.HTTPError where none is had."""
    with httpx.Client(timeout=30) as client:  # a connection of its own: to any worker
        answer = client.get(f"{url}/metrics", headers={"accept": accept}).raise_for_status()
    if accept == PROTO:
        return {
            key: value for key, (kind, value) in samples(answer.content).items() if kind != GAUGE
        }
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families(answer.content).values()
        if family.type in {"counter", "histogram"}
        for sample in family.samples
        if not sample.name.endswith("_created")
    }


def workers(url: str) -> list[int]:
    """The live workers' process ids, as any of them knows."""
    with httpx.Client(timeout=30) as client:
        body = client.get(f"{url}/metrics").raise_for_status().content
    started = families(body)["inprofile_worker_start_time_seconds"]
    return [int(sample.labels["pid"]) for sample in started.samples]


class Watched:
    """What the scrapes of one server have said so far, in whichever format."""

    def __init__(self) -> None:
        self.scrapes = 0
        self.latest: Values = {}

    def take(self, found: Values) -> None:
        """Hold one scrape against all before it. Raises AssertionError."""
        of_all = {key: n for key, n in found.items() if not key[0].startswith(OF_A_WORKER)}
        less = {
            key: (before, of_all.get(key))
            for key, before in self.latest.items()
            if of_all.get(key, -1.0) < before
        }
        assert not less, f"after {self.scrapes} scrapes these went backwards: {less}"
        self.latest = of_all
        self.scrapes += 1

    def total(self, name: str, **labels: str) -> float:
        """The sum of the series of a name that have these labels."""
        wanted = set(labels.items())
        return sum(n for (of, have), n in self.latest.items() if of == name and wanted <= have)
