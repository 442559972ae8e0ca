"""Grafana's published schema, in the form of the classes that Grafana makes of it for Python.

The SDK reads JSON without a look at it; here each field must be known to its class, and its value
of the type that the class declares.
"""

import enum
import re
import types
import typing

from grafana_foundation_sdk.cog.variants import Dataquery
from grafana_foundation_sdk.models import (
    bargauge,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)

PANELS = {
    "bargauge": bargauge,
    "heatmap": heatmap,
    "stat": stat,
    "table": table,
    "timeseries": timeseries,
}


def mistakes(board):
    """What a dashboard's JSON has that the schema does not allow, and lacks that it demands."""
    return list(_object(board, dashboard.Dashboard, ""))


def _object(said, model, at):
    if not isinstance(said, dict):
        yield f"{at}: {said!r} is no {model.__name__}"
        return
    hints = {_key(name, said): hint for name, hint in typing.get_type_hints(model).items()}
    for key, value in said.items():
        if key in hints:
            yield from _value(value, hints[key], f"{at}.{key}".strip("."))
        else:
            yield f"{at}.{key}: there is no such field".strip(".")
    yield from (
        f"{at}.{key}: is missing".strip(".")
        for key, hint in hints.items()
        if key not in said and type(None) not in typing.get_args(hint)
    )
    if model is dashboard.Panel:
        yield from _plugin(said, at)


def _plugin(panel, at):
    """What the kind of panel says of its options and of how it draws a field."""
    plugin = PANELS[panel["type"]]
    yield from _object(panel["options"], plugin.Options, f"{at}.options")
    custom = panel.get("fieldConfig", {}).get("defaults", {}).get("custom")
    if custom:
        yield from _object(custom, plugin.FieldConfig, f"{at}.fieldConfig.defaults.custom")


def _value(said, hint, at):
    allowed = typing.get_args(hint)
    origin = typing.get_origin(hint)
    if said is None and type(None) in allowed:
        return
    if origin in {typing.Union, types.UnionType}:
        yield from _one_of(said, [each for each in allowed if each is not type(None)], at)
    elif origin is list and isinstance(said, list):
        for number, each in enumerate(said):
            yield from _value(each, allowed[0], f"{at}.{number}")
    elif origin is dict and isinstance(said, dict):
        for key, each in said.items():
            yield from _value(each, allowed[1], f"{at}.{key}")
    elif origin is typing.Literal and said in allowed:
        return
    elif origin is not None:
        yield f"{at}: {said!r} is no {hint}"
    else:
        yield from _plain(said, hint, at)


def _plain(said, hint, at):
    if hint is Dataquery:
        yield from _object(said, prometheus.Dataquery, at)
    elif hint is float:
        if isinstance(said, bool) or not isinstance(said, int | float):
            yield f"{at}: {said!r} is no number"
    elif hint in {int, str, bool}:
        if type(said) is not hint:
            yield f"{at}: {said!r} is no {hint.__name__}"
    elif issubclass(hint, enum.Enum):
        if said not in {each.value for each in hint}:
            yield f"{at}: {said!r} is no {hint.__name__}"
    elif hint is not object:
        yield from _object(said, hint, at)


def _one_of(said, hints, at):
    if dashboard.RowPanel in hints:
        hints = [dashboard.RowPanel if said["type"] == "row" else dashboard.Panel]
    tried = [list(_value(said, hint, at)) for hint in hints]
    if all(tried):
        yield from tried[0]


def _key(name, said):
    """How JSON has a field: ``type_val`` is a word of Python's, and ``auto_min`` is Grafana's."""
    if name in said:
        return name
    return re.sub(r"_(\w)", lambda found: found[1].upper(), name.removesuffix("_val"))
