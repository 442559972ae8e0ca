"""What a query asks for: its metrics with their labels and windows, as far as we write PromQL."""

import re
from typing import NamedTuple

from inprofile.core.metrics import COUNTER, FAMILIES, HISTOGRAM, OWN, TOTAL
from inprofile.exporters.prometheus.spelling import spelled
from inprofile.rules.promql import metric

SELECTOR = re.compile(
    r"(?<![\w:$\"])(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\{[^}]*\})?(?P<window>\[[^\]]*\])?(?!\s*[\w(])"
)
LABEL = re.compile(r"(\w+)\s*(?:=~|!=|!~|=)\s*\"")
GROUPED = re.compile(r"\b(?:by|on|group_left|without|ignoring)\s*\(([^)]*)\)")
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
WORDS = {"or", "and", "unless", "by", "on", "group_left", "offset"}

TARGET = {"job", "instance"}
"""Labels that Prometheus gives to everything."""

OTHERS = {
    "inprofile_worker_resident_memory_bytes": {"pid"},
    "inprofile_worker_cpu_seconds_total": {"pid"},
    "inprofile_worker_start_time_seconds": {"pid"},
    "inprofile_workers": set(),
    "scrape_duration_seconds": set(),
    "ALERTS": {"alertname", "alertstate", "slo", "severity", "window"},
    "inprofile:request_duration:p95_15m": {"http_route", "service_version"},
    "inprofile:service_version:seen": {"service_version"},
    "inprofile:previous_version:seen": {"service_version"},
} | {
    f"inprofile:slo_burn:rate{window}": {"slo", "http_route"}
    for window in ("5m", "30m", "1h", "2h", "6h", "1d", "3d")
}
"""What is no family of the cells: of processes, of Prometheus itself, of rules."""


class Selector(NamedTuple):
    """One of a query: ``before`` is what stands in front of it."""

    name: str
    labels: frozenset[str]
    window: str
    before: str


def known() -> dict[str, set[str]]:
    """Every metric that there is, with its labels."""
    found = dict(OTHERS)
    for family in FAMILIES:
        if family.type == "exemplars":
            continue
        labels = {spelled(label) for label in family.labels} - {"db_query_text"}
        found[metric(family)] = labels
        if family.type == HISTOGRAM:
            for suffix in ("_bucket", "_count", "_sum"):
                found[metric(family) + suffix] = labels | ({"le"} if suffix == "_bucket" else set())
    return found


def counters() -> set[str]:
    """Those that grow for ever; a histogram's parts do."""
    found = {name for name in OTHERS if name.endswith("_total")}
    for family in FAMILIES:
        if family.type == HISTOGRAM:
            found |= {metric(family) + suffix for suffix in ("", "_bucket", "_count", "_sum")}
        elif family.type in {COUNTER, OWN, TOTAL}:
            found.add(metric(family))
    return found


COUNTERS = counters()


def selectors(query: str) -> list[Selector]:
    """Those of a query."""
    hidden = GROUPED.sub(lambda found: " " * len(found[0]), query)
    return [
        Selector(
            found["name"],
            frozenset(LABEL.findall(found["labels"] or "")),
            (found["window"] or "")[1:-1],
            hidden[: found.start()],
        )
        for found in SELECTOR.finditer(hidden)
        if found["name"] not in WORDS and not _is_in_string(hidden, found.start())
    ]


def grouped(query: str) -> set[str]:
    """The labels by which it puts together, or matches."""
    found = ",".join(GROUPED.findall(query)).split(",")
    return {each.strip() for each in found} - {""}


def mistakes(query: str, *, windows: frozenset[str] | None) -> list[str]:
    """What is wrong with a query; ``windows`` are those allowed, None allows all."""
    metrics = known()
    said = []
    for each in selectors(query):
        if each.name not in metrics:
            said.append(f"there is no metric {each.name}")
            continue
        unknown = each.labels - metrics[each.name] - TARGET
        said += [f"{each.name} has no label {label}" for label in sorted(unknown)]
        if each.name in COUNTERS and not re.search(r"(rate|increase)\($", each.before):
            said.append(f"{each.name} is a counter without a rate")
        if windows is not None and each.window and each.window not in windows:
            said.append(f"the window {each.window} is fixed")
    names = {each.name for each in selectors(query)}
    labels = set().union(TARGET, *(metrics.get(name, set()) for name in names))
    said += [f"nothing here has a label {label}" for label in sorted(grouped(query) - labels)]
    return said


def _is_in_string(query: str, at: int) -> bool:
    return any(found.start() < at < found.end() for found in STRING.finditer(query))
