"""Every option once: its name, environment variable, type, default and one-line doc."""

import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from inprofile import objectives
from inprofile.objectives import BadObjective, Objective, RouteObjectives
from inprofile.patterns import GRAMMAR, BadPattern, Pattern, parse_all

PREFIX = "INPROFILE_"
RESOURCE = "OTEL_RESOURCE_ATTRIBUTES"
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
SIGNALS = {"metrics", "spans"}
MAX_THRESHOLDS = 20


class SettingsError(ValueError):
    """A setting that cannot be: names the variable, the value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How the text of one setting is read: ``parse`` raises ValueError unless ``allowed``."""

    parse: Callable[[str], Any]
    allowed: str


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in TRUE | FALSE:
        raise ValueError
    return lowered in TRUE


def _number(low: float, high: float) -> Rule:
    def parse(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return Rule(parse, f"a number from {low:g} to {high:g}")


def _integer(low: int, high: int) -> Rule:
    def parse(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError
        return value

    return Rule(parse, f"a whole number from {low} to {high}")


def _milliseconds(text: str) -> tuple[float, ...]:
    values = tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    if len(values) > MAX_THRESHOLDS or any(not 0 < value <= 1e6 for value in values):  # noqa: PLR2004 - see allowed
        raise ValueError
    return values


def _path(text: str) -> str:
    if text and not text.startswith("/"):
        raise ValueError
    return text.rstrip("/") or text


def _host(text: str) -> str:
    if not text.strip() or len(text.split()) > 1:
        raise ValueError
    return text.strip()


def _beginnings(text: str) -> tuple[str, ...]:
    try:
        paths = [str(Path(part.strip()).expanduser()) for part in text.split(",") if part.strip()]
    except RuntimeError as error:  # ~ of a user that there is not
        raise ValueError from error
    if not all(map(os.path.isabs, paths)):
        raise ValueError
    return tuple(paths)


def _directory(text: str) -> Path | None:
    if "\0" in text:
        raise ValueError
    try:
        return Path(text).expanduser() if text else None
    except RuntimeError as error:  # ~ of a user that there is not
        raise ValueError from error


def _signals(text: str) -> tuple[str, ...]:
    names = {part.strip().lower() for part in text.split(",")} - {""}
    if not names <= SIGNALS:
        raise ValueError
    return tuple(sorted(names))


BOOLEAN = Rule(_boolean, "1, true, yes, on, 0, false, no or off")
TEXT = Rule(str, "any text")
DIRECTORY = Rule(_directory, "a path")
URL_PATH = Rule(_path, "a path that starts with /, or nothing")
HOST = Rule(_host, "an address or the name of one")
BEGINNINGS = Rule(_beginnings, "absolute paths, separated by commas")
PATTERNS = Rule(parse_all, GRAMMAR)
OBJECTIVES = Rule(objectives.parse_all, objectives.GRAMMAR)
OBJECTIVES_FILE = Rule(objectives.read, objectives.FILE_GRAMMAR)
WAYS = Rule(_signals, "metrics, spans, both separated by a comma, or nothing")
THRESHOLDS = Rule(
    _milliseconds,
    f"up to {MAX_THRESHOLDS} numbers of milliseconds above 0, separated by commas",
)


def option(default: object, rule: Rule, doc: str) -> Any:
    """Declare one option of Settings."""
    return field(default=default, metadata={"rule": rule, "doc": doc})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The options of inprofile.

    Each can be given to ``instrument(app, name=value)`` or as the environment variable
    ``INPROFILE_NAME``; the environment wins, so that production can be changed without code.
    """

    enabled: bool = option(True, BOOLEAN, "Measure. Off: no thread, no patch, no file.")  # noqa: FBT003
    sample_rate: float = option(0.01, _number(0, 1), "Share of traces kept by chance.")
    tracing: bool = option(False, BOOLEAN, "Read and send W3C traceparent headers.")  # noqa: FBT003
    slow_ms: float = option(1000.0, _number(0, 1e9), "Keep every trace that takes this long.")
    log_findings: bool = option(True, BOOLEAN, "Log findings, each place once an hour.")  # noqa: FBT003
    service: str = option("", TEXT, "Name of the service; default OTEL_SERVICE_NAME.")
    service_version: str = option(
        "", TEXT, "Version of the service; default service.version of OTEL_RESOURCE_ATTRIBUTES."
    )
    group: str = option("", TEXT, "Name of the group of workers; default: found out by itself.")
    dir: Path | None = option(None, DIRECTORY, "Where groups live; default: below the temp dir.")
    metrics_path: str = option("/metrics", URL_PATH, "Where to serve metrics; empty turns it off.")
    metrics_port: int = option(
        0, _integer(0, 65_535), "A port of their own that serves the metrics; 0: none."
    )
    metrics_host: str = option("127.0.0.1", HOST, "The address at which that port is open.")
    slo_ms: tuple[float, ...] = option((), THRESHOLDS, "Thresholds whose counts must be exact.")
    slo: tuple[Objective, ...] = option((), OBJECTIVES, "What is promised of all requests.")
    slo_file: RouteObjectives | None = option(
        None, OBJECTIVES_FILE, "What is promised of single routes."
    )
    otel: tuple[str, ...] = option(
        (), WAYS, "What is sent by OpenTelemetry's exporters, as its variables say: metrics, spans."
    )
    otel_strict: bool = option(False, BOOLEAN, "Make spans by OpenTelemetry's interface alone.")  # noqa: FBT003
    nplusone_min: int = option(
        0,
        _integer(0, 1_000_000),
        "Least runs in a loop that are reported; 0: 2 for a relation, 3 for others, 5 equal ones.",
    )
    ignore: tuple[Pattern, ...] = option((), PATTERNS, "Findings that are not reported.")
    app_paths: tuple[str, ...] = option(
        (), BEGINNINGS, "Installed code that is yours all the same: beginnings of its paths."
    )
    loop: bool = option(True, BOOLEAN, "Watch event loops: lag, who blocks whom, and GC.")  # noqa: FBT003
    loop_block_ms: float = option(
        50.0, _number(5, 60_000), "A step of the event loop that takes this long blocks it."
    )
    max_spans: int = option(1000, _integer(1, 100_000), "Spans held for a trace; more are folded.")
    max_traces: int = option(2000, _integer(1, 1_000_000), "Kept traces stored for the group.")
    max_route_traces: int = option(100, _integer(1, 1_000_000), "Kept traces stored for one route.")
    max_store_mb: int = option(64, _integer(1, 100_000), "Size of the group's SQLite file.")
    max_cells_mb: int = option(24, _integer(4, 1024), "Largest size of a worker's cells file.")
    strict: bool = option(True, BOOLEAN, "Raise on a bad setting; off: warn once and go on.")  # noqa: FBT003

    @classmethod
    def load(cls, environment: Mapping[str, str] | None = None, **given: object) -> "Settings":
        """Read the settings: defaults, then ``given``, then the environment.

        Raises SettingsError that names every unknown variable and bad value with what is
        allowed, unless INPROFILE_STRICT is off: then it warns once and uses the defaults.
        """
        environment = os.environ if environment is None else environment
        values, problems = _given(given)
        for name, text in environment.items():
            if name.startswith(PREFIX):
                _from_environment(name, text, values, problems)
        _join_thresholds(values, problems)
        strict = values.get("strict", True)
        if problems:
            message = "inprofile: " + "; ".join(problems)
            if strict:
                raise SettingsError(message)
            warnings.warn(message, RuntimeWarning, stacklevel=2)
        values.setdefault("service", environment.get("OTEL_SERVICE_NAME", ""))
        values.setdefault("service_version", _resource(environment).get("service.version", ""))
        return cls(**values)

    @classmethod
    def lenient(cls, **given: object) -> "Settings":
        """What ``load`` reads, without a word about what cannot be. Never raises."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return cls.load({**os.environ, variable("strict"): "off"}, **given)

    def plain(self) -> dict[str, Any]:
        """Every option by its name, as plain data (JSON-ready)."""
        return {name: _plain(getattr(self, name)) for name in OPTIONS}


OPTIONS = {option.name: option for option in fields(Settings)}


def variable(name: str) -> str:
    """The environment variable of an option."""
    return PREFIX + name.upper()


def _resource(environment: Mapping[str, str]) -> dict[str, str]:
    """https://opentelemetry.io/docs/specs/otel/resource/sdk/: percent-encoded, with commas."""
    pairs = [pair.partition("=") for pair in environment.get(RESOURCE, "").split(",")]
    return {name.strip(): unquote(value.strip()) for name, _, value in pairs}


def _plain(value: Any) -> Any:
    if isinstance(value, Path | RouteObjectives):
        return str(value)
    if isinstance(value, tuple) and any(isinstance(each, Pattern | Objective) for each in value):
        return tuple(map(str, value))
    return value


def _given(given: Mapping[str, object]) -> tuple[dict[str, Any], list[str]]:
    values: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in given.items():
        if name not in OPTIONS:
            problems.append(f"instrument() has no setting {name!r}{_similar(name)}")
            continue
        text = ",".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
        _parse(name, f"{name}={value!r}", "" if value is None else text, values, problems)
    return values, problems


def _join_thresholds(values: dict[str, Any], problems: list[str]) -> None:
    """What objectives promise about is counted exactly, like the thresholds that were given."""
    per_route = values.get("slo_file")
    promised = [*values.get("slo", ())]
    for _, said in per_route.routes if per_route else ():
        promised += said
    wanted = {each.threshold_ms for each in promised if each.threshold_ms is not None}
    given = values.get("slo_ms", ())
    if len(wanted.union(given)) > MAX_THRESHOLDS:
        problems.append(
            f"{variable('slo')}, {variable('slo_file')} and {variable('slo_ms')} have "
            f"{len(wanted.union(given))} different thresholds: {MAX_THRESHOLDS} are allowed"
        )
    elif wanted:
        values["slo_ms"] = tuple(sorted(wanted.union(given)))


def _from_environment(name: str, text: str, values: dict[str, Any], problems: list[str]) -> None:
    key = name.removeprefix(PREFIX).lower()
    if key not in OPTIONS:
        problems.append(f"{name} is not a setting{_similar(key)}")
        return
    _parse(key, f"{name}={text!r}", text, values, problems)


def _parse(name: str, said: str, text: str, values: dict[str, Any], problems: list[str]) -> None:
    rule: Rule = OPTIONS[name].metadata["rule"]
    try:
        values[name] = rule.parse(text)
    except (ValueError, OverflowError) as error:
        why = f" ({error})" if isinstance(error, (BadPattern, BadObjective)) else ""
        problems.append(f"{said} is not allowed: {variable(name)} takes {rule.allowed}{why}")


def _similar(name: str) -> str:
    close = get_close_matches(re.sub(r"\W", "_", name.lower()), OPTIONS, n=1)
    if close:
        return f" (did you mean {variable(close[0])}?)"
    return f" (there are {', '.join(map(variable, OPTIONS))})"
