"""All rules for the settings of an app."""

from collections.abc import Iterator, Sequence

from inprofile.rules import burn_rate, regression, symptoms
from inprofile.rules.rule import Group
from inprofile.settings import Settings


def groups(settings: Settings) -> Sequence[Group]:
    """Those about its objectives, then those about what slows it down."""
    return tuple(_groups(settings))


def _groups(settings: Settings) -> Iterator[Group]:
    per_route = settings.slo_file.routes if settings.slo_file else ()
    for route, objectives in (("", settings.slo), *per_route):
        if objectives:
            name = " ".join(filter(None, ["inprofile objectives", route]))
            rules = [rule for each in objectives for rule in burn_rate.records(each, route)]
            yield Group(name, rules)
    if settings.slo or per_route:
        yield Group("inprofile burn rates", tuple(burn_rate.alerts()))
    yield Group("inprofile symptoms", tuple(symptoms.alerts(settings.loop_block_ms)))
    yield Group("inprofile versions", (*regression.records(), *regression.alerts()))
