"""A dashboard: what is chosen at its top, and its panels in rows."""

from collections.abc import Mapping, Sequence

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models import dashboard as models

from dashboards import variables
from dashboards.panels import Panel

SCHEMA = 41
"""The latest of the classic form that Grafana 11.6 reads too."""

TAG = "inprofile"


def board(
    title: str,
    about: str,
    chosen: Sequence[dashboard.QueryVariable],
    rows: Mapping[str, Sequence[Panel]],
) -> models.Dashboard:
    """The dashboard; below ``chosen`` stand the data sources and the service."""
    made = (
        dashboard.Dashboard(f"inprofile / {title}")
        .description(about)
        .tags([TAG])
        .time("now-1h", "now")
        .refresh("30s")
        .timezone("browser")
        .tooltip(models.DashboardCursorSync.CROSSHAIR)
        .link(
            dashboard.DashboardLink("inprofile")
            .type(models.DashboardLinkType.DASHBOARDS)
            .tags([TAG])
            .include_vars(include_vars=True)
            .keep_time(keep_time=True)
        )
        .with_variable(variables.datasource("metrics", "prometheus", "Metrics"))
        .with_variable(variables.datasource("traces", "tempo", "Traces"))
        .with_variable(variables.job())
    )
    for variable in chosen:
        made.with_variable(variable)
    for name, panels in rows.items():
        made.with_row(dashboard.Row(name))
        for panel in panels:
            made.with_panel(panel)
    built = made.build()
    built.schema_version = SCHEMA
    for number, placed in enumerate(built.panels or (), 1):
        placed.id_val = number
    return built
