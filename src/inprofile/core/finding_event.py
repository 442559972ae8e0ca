"""A finding as an event of a span, in OpenTelemetry's shape."""

from collections.abc import Iterator

from inprofile.core.model import Finding, Location

NAME = "inprofile.finding"


def attributes(finding: Finding) -> dict[str, str | int | float]:
    """Plain values alone; ``code.*`` is the line of the query. What is not known is left out.

    Source of ``code.*``: https://opentelemetry.io/docs/specs/semconv/registry/attributes/code/
    """
    return dict(_attributes(finding))


def _attributes(finding: Finding) -> Iterator[tuple[str, str | int | float]]:
    yield f"{NAME}.kind", finding.kind
    yield f"{NAME}.count", finding.count
    yield f"{NAME}.duration_ns", finding.total_ns
    facts: dict[str, str | int | float] = {
        "severity": finding.severity,
        "statement": finding.statement,
        "relation": finding.relation,
        "operation": finding.operation,
        "elements": finding.elements,
        "share": finding.share,
        "evidence": finding.evidence,
        "cause": finding.cause,
        "victims": finding.victims,
        "delayed_ns": finding.delayed_ns,
        "fix": finding.fix,
    }
    for name, fact in facts.items():
        if fact:
            yield f"{NAME}.{name}", fact
    if finding.saving_ns is not None:
        least, most = finding.saving_ns
        yield f"{NAME}.saving.min_ns", least
        yield f"{NAME}.saving.max_ns", most
    yield from _place("code", finding.query)
    yield from _place(f"{NAME}.loop", finding.loop)
    yield from _place(f"{NAME}.where", finding.where)


def _place(prefix: str, location: Location | None) -> Iterator[tuple[str, str | int]]:
    if location is not None:
        yield f"{prefix}.file.path", location.file
        yield f"{prefix}.line.number", location.line
        yield f"{prefix}.function.name", location.function
