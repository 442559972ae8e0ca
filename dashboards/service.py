"""The dashboard of a whole service: what it promises, and what each route does."""

from grafana_foundation_sdk.models import dashboard

from dashboards import panels
from dashboards.board import board
from dashboards.panels import NUMBER, PER_SECOND, SECONDS, SHARE, WHOLE, Panel
from dashboards.queries import JOB, Query, durations, or_none, quantiles, rate, ratio, series
from inprofile.core.metrics import ACTIVE, FINDINGS, JOBS, REQUESTS, STAGE
from inprofile.rules.burn_rate import FAILED, PAIRS, RECORDED

REQUEST = durations(REQUESTS)
FAILURES = durations(REQUESTS, FAILED)
ROUTE = "http.route"
TOP = 15


def service() -> dashboard.Dashboard:
    """It."""
    return board(
        "Service",
        "What the service promises, what each route does, and where the time goes.",
        (),
        {
            "Objectives": objectives(),
            "Requests": requests(),
            "Where the time goes": times(),
        },
    )


def objectives() -> list[Panel]:
    """From the rules that ``inprofile rules`` prints."""
    name = "{{slo}} {{http_route}}"
    return [
        panels.numbers(
            "Budget left of three days",
            Query(f"1 - {RECORDED}3d{{{JOB}}}", name),
            unit=SHARE,
            about="Of the requests that may miss an objective, which part has not, at the rate of"
            " the last three days: below 0 the objective is missed.",
        ),
        panels.numbers(
            "Burn rate of an hour",
            Query(f"{RECORDED}1h{{{JOB}}}", name),
            unit=NUMBER,
            limits=(1, PAIRS[0].factor),
            about="1 uses up just what may miss the objective.",
        ),
        panels.lines(
            "Burn rates",
            *(
                Query(f"{RECORDED}{window}{{{JOB}}}", f"{name} {window}")
                for window in ("5m", "1h", "6h")
            ),
            unit=NUMBER,
            about="1 uses up just what may miss the objective; alerts come at 14.4, 6, 3 and 1.",
        ),
        panels.rows(
            "Alerts",
            ("Alerts", NUMBER, f'ALERTS{{alertname=~"Inprofile.*",{JOB}}}'),
            by={"alertname": "Alert", "alertstate": "State", "slo": "Objective"},
            about="Those of the rules that are pending or firing.",
            width=12,
        ),
    ]


def requests() -> list[Panel]:
    """Rate, errors and duration."""
    failed = or_none(f"({FAILURES.per_second(ROUTE)})", like=f"({REQUEST.per_second(ROUTE)})")
    return [
        panels.lines(
            "Requests",
            Query(REQUEST.per_second(ROUTE), "{{http_route}}"),
            unit=PER_SECOND,
            stacked=True,
            about="Requests answered in a second, by route.",
        ),
        panels.lines(
            "Failed requests",
            Query(ratio(failed, REQUEST.per_second(ROUTE)), "{{http_route}}"),
            unit=SHARE,
            about="Which part of a route's requests was answered with a status of 500 or above.",
        ),
        panels.lines(
            "Duration of all requests",
            *quantiles(REQUEST),
            unit=SECONDS,
            about="Up to the last byte of the response. Points are exemplars: kept traces.",
        ),
        panels.heat("Durations", REQUEST.buckets(), about="Of all requests, up to the last byte."),
        panels.lines(
            "p95 by route",
            Query(REQUEST.quantile(0.95, ROUTE), "{{http_route}}"),
            unit=SECONDS,
            about="Of 20 requests 19 take no longer.",
        ),
        panels.lines(
            "Requests under way",
            Query(f"sum ({series(ACTIVE)})", "requests"),
            unit=NUMBER,
            about="Requests that have begun and not ended.",
        ),
        panels.rows(
            "Routes",
            ("Time", SHARE, REQUEST.seconds_per_second(ROUTE)),
            ("Requests", PER_SECOND, REQUEST.per_second(ROUTE)),
            ("Failed", SHARE, ratio(failed, REQUEST.per_second(ROUTE))),
            ("p50", SECONDS, REQUEST.quantile(0.5, ROUTE)),
            ("p95", SECONDS, REQUEST.quantile(0.95, ROUTE)),
            ("p99", SECONDS, REQUEST.quantile(0.99, ROUTE)),
            by={"http_route": "Route"},
            about="Time: how much of each second is spent in requests of the route; 100 % is one"
            " request under way all the time.",
        ),
    ]


def times() -> list[Panel]:
    """Stages, and what takes most."""
    stages = durations(STAGE)
    return [
        panels.lines(
            "Time by stage",
            Query(stages.seconds_per_second("stage"), "{{stage}}"),
            unit=SHARE,
            stacked=True,
            width=WHOLE,
            about="How much of each second all requests together spend in a stage. Exclusive: the"
            " stages add up to the whole.",
        ),
        panels.bars(
            "Routes that take most time",
            Query(f"topk({TOP}, (\n{REQUEST.seconds_per_second(ROUTE)}\n))", "{{http_route}}"),
            unit=SHARE,
            about="How much of each second is spent in requests of a route.",
        ),
        panels.bars(
            "Stages of routes that take most time",
            Query(
                f"topk({TOP}, (\n{stages.seconds_per_second(ROUTE, 'stage')}\n))",
                "{{http_route}} {{stage}}",
            ),
            unit=SHARE,
            about="How much of each second is spent in one stage of a route.",
        ),
        panels.lines(
            "Findings",
            Query(f"sum by (kind) ({rate(FINDINGS)})", "{{kind}}"),
            unit=PER_SECOND,
            about="Requests and jobs in which something was found, by what it is."
            " `inprofile report` shows the lines of code.",
        ),
        panels.lines(
            "p95 of jobs",
            Query(durations(JOBS).quantile(0.95, "inprofile.job"), "{{inprofile_job}}"),
            unit=SECONDS,
            about="Duration of jobs and background tasks.",
        ),
    ]
