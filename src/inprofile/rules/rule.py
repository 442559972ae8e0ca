"""A rule of Prometheus, and groups of them as the file that Prometheus reads."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Record:
    """Under ``name`` is kept what ``expression`` gives."""

    name: str
    expression: str
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """``name`` fires for each series that ``expression`` has given for as long as ``lasting``."""

    name: str
    expression: str
    severity: str
    summary: str
    description: str
    lasting: str = "0m"
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Group:
    """Rules that are looked at one after the other."""

    name: str
    rules: Sequence[Record | Alert]


def written(groups: Sequence[Group]) -> str:
    """The groups as YAML."""
    return "\n".join(["groups:", *(line for group in groups for line in _group(group))]) + "\n"


def _group(group: Group) -> Iterator[str]:
    yield f"  - name: {json.dumps(group.name)}"
    yield "    rules:"
    for rule in group.rules:
        yield from _record(rule) if isinstance(rule, Record) else _alert(rule)


def _record(rule: Record) -> Iterator[str]:
    yield f"      - record: {rule.name}"
    yield from _expression(rule.expression)
    yield from _mapping("labels", rule.labels)


def _alert(rule: Alert) -> Iterator[str]:
    yield f"      - alert: {rule.name}"
    yield from _expression(rule.expression)
    if rule.lasting != "0m":
        yield f"        for: {rule.lasting}"
    yield from _mapping("labels", {"severity": rule.severity, **rule.labels})
    said = {"summary": rule.summary, "description": rule.description}
    yield from _mapping("annotations", said)


def _expression(expression: str) -> Iterator[str]:
    yield "        expr: |-"
    for line in expression.splitlines():
        yield f"          {line}"


def _mapping(name: str, pairs: Mapping[str, str]) -> Iterator[str]:
    if pairs:
        yield f"        {name}:"
    for key, value in pairs.items():
        yield f"          {key}: {json.dumps(value, ensure_ascii=False)}"
