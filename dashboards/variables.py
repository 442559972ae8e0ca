"""What a reader of a dashboard chooses."""

from grafana_foundation_sdk.builders import dashboard
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import VariableRefresh, VariableSort

from dashboards.queries import JOB
from inprofile.core.metrics import REQUESTS, VERSIONS
from inprofile.rules.promql import metric, selected

METRICS = DataSourceRef(type_val="prometheus", uid="${metrics}")


def datasource(name: str, kind: str, label: str) -> dashboard.DatasourceVariable:
    """Which of the data sources of one kind."""
    return dashboard.DatasourceVariable(name).label(label).type(kind)


def job() -> dashboard.QueryVariable:
    """Which service."""
    return _values("job", "Service", "label_values(inprofile_workers, job)")


def route() -> dashboard.QueryVariable:
    """Which route: a name of either form of the histogram has it."""
    name = f'__name__=~"{metric(REQUESTS)}(_count)?"'
    return _values("route", "Route", f"label_values({{{name},{JOB}}}, http_route)")


def version(name: str, label: str) -> dashboard.QueryVariable:
    """Which version of the service."""
    return _values(name, label, f"label_values({selected(VERSIONS, JOB)}, service_version)")


def _values(name: str, label: str, query: str) -> dashboard.QueryVariable:
    return (
        dashboard.QueryVariable(name)
        .label(label)
        .datasource(METRICS)
        .query({"query": query, "refId": name})
        .definition(query)
        .refresh(VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(VariableSort.ALPHABETICAL_ASC)
    )
