"""The kinds of panels that the dashboards are made of."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import (
    bargauge,
    common,
    dashboard,
    heatmap,
    prometheus,
    stat,
    table,
    timeseries,
)
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.common import (
    BarGaugeDisplayMode,
    GraphDrawStyle,
    LegendDisplayMode,
    LegendPlacement,
    ScaleDistribution,
    SortOrder,
    StackingMode,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.dashboard import (
    DataTransformerConfig,
    DynamicConfigValue,
    MatcherConfig,
    Threshold,
    ThresholdsMode,
)
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode, HeatmapColorScale
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

from dashboards import traces, variables
from dashboards.queries import Query

METRICS = variables.METRICS

SECONDS, SHARE, PER_SECOND, NUMBER, BYTES = "s", "percentunit", "reqps", "short", "bytes"
"""Units as Grafana calls them."""

HEIGHT, HALF, WHOLE = 8, 12, 24
LETTERS = "ABCDEFGH"

LATEST = common.ReduceDataOptions().calcs(["lastNotNull"])

Panel = Builder[models.Panel]


def lines(
    title: str, *queries: Query, unit: str, about: str, stacked: bool = False, width: int = HALF
) -> Panel:
    """Series over time, with the exemplars of those that have some."""
    panel = timeseries.Panel()
    _describe(panel, title, about, width)
    (
        panel.unit(unit)
        .min(0)
        .draw_style(GraphDrawStyle.LINE)
        .fill_opacity(60 if stacked else 8)
        .line_width(1)
        .legend(
            common.VizLegendOptions()
            .display_mode(LegendDisplayMode.TABLE)
            .placement(LegendPlacement.BOTTOM)
            .show_legend(show_legend=True)
            .calcs(["mean", "max"])
        )
        .tooltip(
            common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI).sort(SortOrder.DESCENDING)
        )
        .override_by_name("trace_id", [DynamicConfigValue("links", [traces.OF_EXEMPLAR])])
        .targets(_targets(queries))
    )
    if stacked:
        panel.stacking(common.StackingConfig().mode(StackingMode.NORMAL))
    return panel


def numbers(
    title: str,
    *queries: Query,
    unit: str,
    about: str,
    limits: Sequence[float] = (),
    width: int = HALF,
) -> Panel:
    """What something is now; yellow and red from ``limits`` on."""
    colors = ("green", "yellow", "red")
    steps = [
        Threshold(value=value, color=color)
        for value, color in zip((None, *limits), colors, strict=False)
    ]
    thresholds = dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps)
    panel = stat.Panel()
    _describe(panel, title, about, width)
    return panel.unit(unit).thresholds(thresholds).targets(_targets(queries))


def bars(title: str, *queries: Query, unit: str, about: str, width: int = HALF) -> Panel:
    """What some things are now, the largest first."""
    panel = bargauge.Panel()
    _describe(panel, title, about, width)
    return (
        panel.unit(unit)
        .min(0)
        .orientation(VizOrientation.HORIZONTAL)
        .display_mode(BarGaugeDisplayMode.BASIC)
        .reduce_options(LATEST)
        .targets(_targets(queries, instant=True))
    )


def heat(title: str, expression: str, *, about: str, width: int = HALF) -> Panel:
    """How many durations fall into which bucket over time."""
    target = _target(Query(expression, "{{le}}"), "A").format(PromQueryFormat.HEATMAP)
    panel = heatmap.Panel()
    _describe(panel, title, about, width)
    return (
        panel.color(
            heatmap.HeatmapColorOptions()
            .mode(HeatmapColorMode.SCHEME)
            .scheme("Oranges")
            .scale(HeatmapColorScale.EXPONENTIAL)
            .exponent(0.5)
            .steps(64)
        )
        .y_axis(heatmap.YAxisConfig().unit(SECONDS))
        .scale_distribution(common.ScaleDistributionConfig().type(ScaleDistribution.LINEAR))
        .targets([target])
    )


def rows(
    title: str,
    *columns: tuple[str, str, str],
    about: str,
    by: dict[str, str],
    width: int = WHOLE,
) -> Panel:
    """A table: a row for each value of the labels ``by`` and a column for each (name, unit, query).

    ``by`` has the labels with their headings; the first column orders the rows.
    """
    queries = [Query(expression) for _, _, expression in columns]
    values = {
        f"Value #{letter}" if len(columns) > 1 else "Value": column
        for letter, column in zip(LETTERS, columns, strict=False)
    }
    renamed = by | {value: name for value, (name, _, _) in values.items()}
    panel = table.Panel()
    _describe(panel, title, about, width)
    (
        panel.targets(_targets(queries, instant=True, form=PromQueryFormat.TABLE))
        .with_transformation(DataTransformerConfig(id_val="merge", options={}))
        .with_transformation(_organized(renamed))
        .sort_by([common.TableSortByFieldState().display_name(columns[0][0]).desc(desc=True)])
    )
    for name, unit, _ in columns:
        panel.with_override(
            MatcherConfig(id_val="byName", options=name), [DynamicConfigValue("unit", unit)]
        )
    return panel


def matrix(title: str, expression: str, *, row: str, column: str, unit: str, about: str) -> Panel:
    """A table of one label's values against another's."""
    options = {"rowField": row, "columnField": column, "valueField": "Value", "emptyValue": "null"}
    panel = table.Panel()
    _describe(panel, title, about, WHOLE)
    return (
        panel.unit(unit)
        .targets(_targets([Query(expression)], instant=True, form=PromQueryFormat.TABLE))
        .with_transformation(DataTransformerConfig(id_val="groupingToMatrix", options=options))
    )


def _describe(panel: Any, title: str, about: str, width: int) -> None:
    panel.title(title).description(about).datasource(METRICS).height(HEIGHT).span(width)


def _targets(
    queries: Sequence[Query],
    *,
    instant: bool = False,
    form: PromQueryFormat = PromQueryFormat.TIME_SERIES,
) -> list[Any]:
    found = [_target(query, letter) for query, letter in zip(queries, LETTERS, strict=False)]
    return [target.format(form).instant() if instant else target.format(form) for target in found]


def _target(query: Query, letter: str) -> prometheus.Dataquery:
    has_exemplars = "_quantile(" in query.expression
    return (
        prometheus.Dataquery()
        .ref_id(letter)
        .datasource(METRICS)
        .expr(query.expression)
        .legend_format(query.legend or "__auto")
        .exemplar(has_exemplars)
        .range()
    )


def _organized(renamed: dict[str, str]) -> DataTransformerConfig:
    options = {
        "excludeByName": {"Time": True},
        "indexByName": {name: at for at, name in enumerate(renamed)},
        "renameByName": renamed,
    }
    return DataTransformerConfig(id_val="organize", options=options)
