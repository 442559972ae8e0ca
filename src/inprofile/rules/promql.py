"""PromQL over our metrics by their families, whichever form of histogram Prometheus has stored."""

import json
from dataclasses import dataclass, replace

from inprofile.core.metrics import COUNTER, GAUGE, HISTOGRAM, OWN, RATIO, TOTAL, Family
from inprofile.exporters.prometheus.spelling import spelled

SUFFIXES = {
    HISTOGRAM: "_seconds",
    TOTAL: "_seconds_total",
    COUNTER: "_total",
    OWN: "_total",
    RATIO: "_ratio",
    GAUGE: "",
}


def metric(family: Family) -> str:
    """The name under which Prometheus has a family; of a histogram, the native form's."""
    return spelled(family.name) + SUFFIXES[family.type]


def label(name: str, value: str, sign: str = "=") -> str:
    """One condition of a selector."""
    return f"{spelled(name)}{sign}{json.dumps(value, ensure_ascii=False)}"


def selected(family: Family, *conditions: str) -> str:
    """The series of a family for which all conditions hold."""
    return metric(family) + _braces(conditions)


def either(first: str, second: str) -> str:
    """What the first gives, and from the second what the first does not have."""
    return f"{first}\nor\n{second}"


def bound(threshold_ms: float) -> str:
    """The condition of a bucket, however its bound is written: OTLP has ``1``, we have ``1.0``."""
    seconds = threshold_ms / 1e3
    written = {repr(seconds), f"{seconds:.9f}".rstrip("0").rstrip(".")}
    if len(written) == 1:
        return label("le", written.pop())
    return label("le", "|".join(sorted(each.replace(".", r"\.") for each in written)), "=~")


@dataclass(frozen=True, slots=True)
class Durations:
    """A histogram over ``window``: those of its series for which all ``conditions`` hold.

    With ``among`` those of the instances alone that this gives. Every query asks for the native
    form and for the classic one. ``by`` are label names.
    """

    family: Family
    window: str
    conditions: tuple[str, ...] = ()
    among: str = ""

    def where(self, *conditions: str) -> "Durations":
        """Those for which these hold too."""
        return replace(self, conditions=(*self.conditions, *conditions))

    def per_second(self, *by: str) -> str:
        """How many there are."""
        return either(f"histogram_count({self._native(by)})", self._classic("_count", by))

    def seconds_per_second(self, *by: str) -> str:
        """How long they take together."""
        return either(f"histogram_sum({self._native(by)})", self._classic("_sum", by))

    def mean(self, *by: str) -> str:
        """Their mean, in seconds."""
        return f"({self.seconds_per_second(*by)})\n/\n({self.per_second(*by)})"

    def quantile(self, q: float, *by: str) -> str:
        """A quantile, in seconds."""
        return either(
            f"histogram_quantile({q}, {self._native(by)})",
            f"histogram_quantile({q}, {self._classic('_bucket', (*by, 'le'))})",
        )

    def buckets(self) -> str:
        """How many there are in each bucket: for a heatmap."""
        native = f"sum ({self._rate('')})"
        return either(native, f"(sum by (le) ({self._rate('_bucket')}) unless on () {native})")

    def share_above(self, threshold_ms: float, *by: str) -> str:
        """Which part takes longer; exact where the threshold is a bound of the classic form."""
        quick = self.where(bound(threshold_ms))._classic("_bucket", by)  # noqa: SLF001 - its own
        classic = f"1 - {quick} / {self._classic('_count', by)}"
        native = f"1 - histogram_fraction(0, {threshold_ms / 1e3}, {self._native(by)})"
        return either(classic, native)

    def _native(self, by: tuple[str, ...]) -> str:
        return _sum(by, self._rate(""))

    def _classic(self, suffix: str, by: tuple[str, ...]) -> str:
        return _sum(by, self._rate(suffix))

    def _rate(self, suffix: str) -> str:
        among = f" and on (job, instance) {self.among}" if self.among else ""
        name = metric(self.family) + suffix
        return f"rate({name}{_braces(self.conditions)}[{self.window}]){among}"


def _sum(by: tuple[str, ...], what: str) -> str:
    return f"sum by ({', '.join(map(spelled, by))}) ({what})" if by else f"sum ({what})"


def _braces(conditions: tuple[str, ...]) -> str:
    return f"{{{','.join(conditions)}}}" if conditions else ""
