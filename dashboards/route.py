"""The dashboard of one route: stages, statements, findings, and two versions side by side."""

from grafana_foundation_sdk.models import dashboard

from dashboards import panels, variables
from dashboards.board import board
from dashboards.panels import NUMBER, PER_SECOND, SECONDS, SHARE, WHOLE, Panel
from dashboards.queries import ROUTE, Query, durations, or_none, quantiles, rate, ratio, series
from inprofile.core.metrics import (
    DB,
    FINDINGS,
    FIRST_BYTE,
    HTTP_CLIENT,
    LOOP_WAIT,
    ON_LOOP,
    REQUESTS,
    STAGE,
    VERSIONS,
)
from inprofile.rules.burn_rate import FAILED
from inprofile.rules.promql import Durations, label

REQUEST = durations(REQUESTS, ROUTE)
STATEMENT = ("db.operation.name", "db.collection.name")
STATEMENT_NAME = "{{db_operation_name}} {{db_collection_name}}"


def route() -> dashboard.Dashboard:
    """It."""
    return board(
        "Route",
        "One route: its stages, its statements, its findings, and two versions side by side.",
        (
            variables.route(),
            variables.version("version", "Version"),
            variables.version("before", "Compared with"),
        ),
        {
            "Requests": requests(),
            "Stages": stages(),
            "Database and other services": calls(),
            "Findings": findings(),
            "Before and after": versions(),
        },
    )


def requests() -> list[Panel]:
    """Rate, errors and duration."""
    failed = f"({durations(REQUESTS, ROUTE, FAILED).per_second()})"
    whole = f"({REQUEST.per_second()})"
    return [
        panels.lines(
            "Duration",
            *quantiles(REQUEST),
            unit=SECONDS,
            about="Up to the last byte of the response. Points are exemplars: kept traces, of"
            " whichever worker.",
        ),
        panels.heat("Durations", REQUEST.buckets(), about="Up to the last byte of the response."),
        panels.lines(
            "Requests",
            Query(REQUEST.per_second("http.request.method"), "{{http_request_method}}"),
            unit=PER_SECOND,
            about="Requests answered in a second.",
        ),
        panels.lines(
            "Failed requests",
            Query(ratio(or_none(failed, like=whole), whole), "failed"),
            unit=SHARE,
            about="Answered with a status of 500 or above.",
        ),
        panels.lines(
            "Time to first byte",
            *quantiles(durations(FIRST_BYTE, ROUTE)),
            unit=SECONDS,
            about="Of responses that are streamed: until the response begins.",
        ),
        panels.lines(
            "Time on the event loop",
            *quantiles(durations(ON_LOOP, ROUTE)),
            unit=SECONDS,
            about="What one request takes on the event loop, while nobody else can run.",
        ),
    ]


def stages() -> list[Panel]:
    """Where the time goes."""
    observed = durations(STAGE, ROUTE)
    each = ratio(observed.seconds_per_second("stage"), f"scalar(({REQUEST.per_second()}))")
    return [
        panels.lines(
            "Time of a request by stage",
            Query(each, "{{stage}}"),
            unit=SECONDS,
            stacked=True,
            about="The mean of all requests. Exclusive: the stages add up to the whole.",
        ),
        panels.lines(
            "p95 by stage",
            Query(observed.quantile(0.95, "stage"), "{{stage}}"),
            unit=SECONDS,
            about="Of 20 requests 19 spend no more in the stage.",
        ),
    ]


def calls() -> list[Panel]:
    """What it asks databases, caches and other services."""
    statements = durations(DB, ROUTE)
    outbound = durations(HTTP_CLIENT, ROUTE)
    return [
        panels.lines(
            "Queries of a request",
            Query(ratio(statements.per_second(), REQUEST.per_second()), "queries"),
            Query(
                ratio(statements.per_second(*STATEMENT), f"scalar(({REQUEST.per_second()}))"),
                STATEMENT_NAME,
            ),
            unit=NUMBER,
            about="The mean of all requests: commands of a cache are among them.",
        ),
        panels.lines(
            "p95 of a query",
            Query(statements.quantile(0.95, *STATEMENT), STATEMENT_NAME),
            unit=SECONDS,
            about="By what is done with which table: running it and fetching.",
        ),
        panels.rows(
            "Queries",
            ("Time", SHARE, statements.seconds_per_second("db.system.name", *STATEMENT)),
            ("Queries", PER_SECOND, statements.per_second("db.system.name", *STATEMENT)),
            ("Mean", SECONDS, statements.mean("db.system.name", *STATEMENT)),
            ("p95", SECONDS, statements.quantile(0.95, "db.system.name", *STATEMENT)),
            by={
                "db_system_name": "System",
                "db_operation_name": "Operation",
                "db_collection_name": "Table",
            },
            about="Time: how much of each second the route spends in it.",
            width=WHOLE,
        ),
        panels.lines(
            "p95 of outbound requests",
            Query(
                outbound.quantile(0.95, "server.address", "http.request.method"),
                "{{http_request_method}} {{server_address}}",
            ),
            unit=SECONDS,
            about="To other services, by their address.",
        ),
        panels.lines(
            "Outbound requests of a request",
            Query(ratio(outbound.per_second(), REQUEST.per_second()), "requests"),
            unit=NUMBER,
            about="The mean of all requests.",
        ),
    ]


def findings() -> list[Panel]:
    """What is wrong with it."""
    found = f"sum by (kind) ({rate(FINDINGS, ROUTE)})"
    culprit = "inprofile_culprit_route"
    return [
        panels.lines(
            "Findings",
            Query(found, "{{kind}}"),
            unit=PER_SECOND,
            about="Requests in which something was found, by what it is. `inprofile report` shows"
            " the loop, the query, the line and the fix.",
        ),
        panels.lines(
            "Who holds it up",
            Query(f"sum by ({culprit}) ({rate(LOOP_WAIT, ROUTE)})", f"{{{{{culprit}}}}}"),
            unit=SHARE,
            stacked=True,
            about="How much of each second requests of the route were ready to run while another"
            " held the event loop.",
        ),
    ]


def versions() -> list[Panel]:
    """What changed with the version."""
    names = ("version", "before")
    return [
        panels.lines(
            "p95 by version",
            *(Query(_requests(name).quantile(0.95), f"${name}") for name in names),
            unit=SECONDS,
            width=WHOLE,
            about="Of the instances that run it; while one changes over it has some of both.",
        ),
        *(
            panels.lines(
                f"p95 by stage in ${name}",
                Query(_stages(name).quantile(0.95, "stage"), "{{stage}}"),
                unit=SECONDS,
                about="Exclusive time in each stage, of the instances that run this version.",
            )
            for name in names
        ),
    ]


def _requests(version: str) -> Durations:
    return durations(REQUESTS, ROUTE, among=_running(version))


def _stages(version: str) -> Durations:
    return durations(STAGE, ROUTE, among=_running(version))


def _running(version: str) -> str:
    return series(VERSIONS, label("service.version", f"${version}"))
