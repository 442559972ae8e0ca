"""How fast objectives are missed, and when somebody is told, played to Prometheus' own rules."""

import pytest

from tests.rules.ruled import ruled

COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
PER_MINUTE = 1000
DAYS_4 = 4 * 24 * 60
BURN = 'inprofile:slo_burn:rate5m{job="shop",slo="errors<1%"}'

PAIRS = {"1h": ("5m", "14.4"), "6h": ("30m", "6"), "1d": ("2h", "3"), "3d": ("6h", "1")}
SEVERITY = {"1h": "page", "6h": "page", "1d": "ticket", "3d": "ticket"}


def counter(*parts):
    """A counter that grows by so much for so many minutes, then by so much ..."""
    text, value = [], 0
    for growth, minutes in parts:
        text.append(f"{value + growth}+{growth}x{minutes - 1}")
        value += growth * minutes
    return " ".join(text)


def told(window, burn, slo="errors<1%", **labels):
    """The alert of a window about a burn rate, as it is sent."""
    short, factor = PAIRS[window]
    where = {"job": "shop", "slo": slo, **labels}
    said = (
        f"For {window} it has used up what it may {burn} times as fast as it is allowed to, and "
        f"over the last {short} it still does ({factor} is too much)."
    )
    about = {
        "summary": f"shop {labels.get('http_route', '')} misses {slo}",
        "description": said,
    }
    return {"severity": SEVERITY[window], "window": window, **where}, about


@pytest.mark.parametrize(
    ("burn", "minutes", "expected"),
    [
        (15, 70, {"1h": "15"}),
        (7, 370, {"6h": "7"}),
        (3.5, 25 * 60, {"1d": "3.5", "3d": "1.215"}),
        (1.2, 73 * 60, {"3d": "1.2"}),
        (0.9, 73 * 60, {}),
    ],
    ids=["an hour", "six hours", "a day", "three days", "what is allowed"],
)
def test_each_pair_of_windows_tells_of_what_its_long_one_has_burned(
    promtool, burn, minutes, expected
):
    failing = round(PER_MINUTE * burn / 100)
    series = {
        f'{COUNT}{{job="shop",http_response_status_code="200"}}': counter(
            (PER_MINUTE, DAYS_4), (PER_MINUTE - failing, minutes)
        ),
        f'{COUNT}{{job="shop",http_response_status_code="503"}}': counter(
            (0, DAYS_4), (failing, minutes)
        ),
    }
    found = [told(window, said) for window, said in expected.items()]
    at = f"{DAYS_4 + minutes - 1}m"
    alerts = [(at, "InprofileBudgetBurn", found)]
    promtool.play(ruled(slo="errors<1%"), series, look=at, alerts=alerts)


def test_once_the_short_window_is_well_again_nobody_is_told(promtool):
    series = {
        f'{COUNT}{{job="shop",http_response_status_code="200"}}': counter(
            (PER_MINUTE, DAYS_4), (850, 70), (PER_MINUTE, 10)
        ),
        f'{COUNT}{{job="shop",http_response_status_code="503"}}': counter(
            (0, DAYS_4), (150, 70), (0, 10)
        ),
    }
    at = f"{DAYS_4 + 79}m"
    values = [(at, "inprofile:slo_burn:rate5m", {BURN: 0})]
    promtool.play(
        ruled(slo="errors<1%"),
        series,
        look=at,
        alerts=[(at, "InprofileBudgetBurn", [])],
        values=values,
    )


def test_requests_slower_than_promised_use_up_what_may_be(promtool):
    series = {
        f'{BUCKET}{{job="shop",http_route="/a",le="0.3"}}': counter((900, 70)),
        f'{BUCKET}{{job="shop",http_route="/a",le="1.0"}}': counter((PER_MINUTE, 70)),
        f'{COUNT}{{job="shop",http_route="/a"}}': counter((PER_MINUTE, 70)),
        f'{BUCKET}{{job="shop",http_route="/b",le="0.3"}}': counter((PER_MINUTE, 70)),
        f'{BUCKET}{{job="shop",http_route="/b",le="1.0"}}': counter((PER_MINUTE, 70)),
        f'{COUNT}{{job="shop",http_route="/b"}}': counter((PER_MINUTE, 70)),
    }
    expected = {'{job="shop",slo="p95<300ms"}': 1, '{job="shop",slo="p99<1s"}': 0}
    values = [("69m", "round(inprofile:slo_burn:rate1h, 0.001)", expected)]
    promtool.play(ruled(slo="p95<300ms,p99<1s"), series, look="69m", values=values)


def test_a_route_burns_its_own_budget(promtool, tmp_path):
    file = tmp_path / "slo.toml"
    file.write_text('[routes]\n"/orders/{id}" = "p50<0.25s"')
    labels = 'job="shop",http_route="/orders/{id}"'
    series = {
        f'{BUCKET}{{{labels},le="0.25"}}': counter((250, 70)),
        f"{COUNT}{{{labels}}}": counter((PER_MINUTE, 70)),
        f'{COUNT}{{job="shop",http_route="/b"}}': counter((PER_MINUTE, 70)),
    }
    where = {"http_route": "/orders/{id}"}
    name = f'inprofile:slo_burn:rate3d{{{labels},slo="p50<0.25s"}}'
    promtool.play(
        ruled(slo_file=file),
        series,
        look="69m",
        values=[("69m", "inprofile:slo_burn:rate3d", {name: 1.5})],
        alerts=[("69m", "InprofileBudgetBurn", [told("3d", "1.5", "p50<0.25s", **where)])],
    )


def test_where_nothing_has_ever_failed_nothing_burns(promtool):
    series = {f'{COUNT}{{job="shop",http_response_status_code="200"}}': counter((PER_MINUTE, 70))}
    values = [("69m", "inprofile:slo_burn:rate5m", {BURN: 0})]
    promtool.play(ruled(slo="errors<1%"), series, look="69m", values=values)


def test_a_bound_that_prometheus_has_never_stored_gives_no_number(promtool):
    series = {
        f'{BUCKET}{{job="shop",le="1.0"}}': counter((PER_MINUTE, 70)),
        f'{COUNT}{{job="shop"}}': counter((PER_MINUTE, 70)),
    }
    values: list = [("69m", "inprofile:slo_burn:rate5m", {})]
    promtool.play(ruled(slo="p95<300ms"), series, look="69m", values=values)


@pytest.mark.parametrize("slo", ["errors<1%", "p95<300ms"])
def test_while_there_are_no_requests_there_is_no_number(promtool, slo):
    series = {
        f'{BUCKET}{{job="shop",le="0.3"}}': "5x70",
        f'{COUNT}{{job="shop",http_response_status_code="200"}}': "5x70",
        f'{COUNT}{{job="shop",http_response_status_code="500"}}': "5x70",
    }
    values: list = [("69m", "inprofile:slo_burn:rate5m", {})]
    promtool.play(ruled(slo=slo), series, look="69m", values=values)
