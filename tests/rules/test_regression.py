"""Whether a slower version is told, played to Prometheus' own rules."""

from tests.rules.ruled import ruled

REQUESTS = 'http_server_request_duration_seconds_%s{job="shop",instance="a:80",http_route="/orders"'
NAME = "InprofileRegression"
CHANGE_MIN = 60


def requests(before, after, per_minute=60):
    """Two hours of requests in a bucket of this bound, at half time in one of another."""
    total = 2 * CHANGE_MIN
    series = {REQUESTS % "count" + "}": f"0+{per_minute}x{total}"}
    for bound in ("0.1", "0.2", "0.4", "+Inf"):
        first = per_minute if float(bound) >= before else 0
        then = per_minute if float(bound) >= after else 0
        series[REQUESTS % "bucket" + f',le="{bound}"}}'] = (
            f"0+{first}x{CHANGE_MIN} {first * CHANGE_MIN + then}+{then}x{CHANGE_MIN - 1}"
        )
    return series


def versions(*names):
    """Each runs for an hour, one after the other."""
    return {
        f'inprofile_service_workers{{job="shop",instance="a:80",service_version="{name}"}}': (
            f"{'_x' + str(i * CHANGE_MIN) + ' ' if i else ''}2x{CHANGE_MIN - 1} stale"
        )
        for i, name in enumerate(names)
    }


def slower(p95, version="2"):
    said = {
        "summary": f"/orders of shop is slower in {version}",
        "description": (
            f"Its p95 is {p95}, a quarter more than that of the version before."
            " The dashboard Route compares the stages of both."
        ),
    }
    labels = {"job": "shop", "http_route": "/orders", "service_version": version}
    return {**labels, "severity": "ticket"}, said


def test_a_version_whose_p95_is_a_quarter_more_than_that_of_the_one_before_is_told(promtool):
    series = requests(0.2, 0.4) | versions("1", "2")
    alerts = [("59m", NAME, []), ("70m", NAME, []), ("110m", NAME, [slower("390ms")])]
    promtool.play(ruled(), series, alerts=alerts)


def test_a_version_that_is_as_fast_or_faster_is_not_told(promtool):
    for after in (0.2, 0.1):
        series = requests(0.2, after) | versions("1", "2")
        promtool.play(ruled(), series, alerts=[("110m", NAME, [])])


def test_without_a_version_before_there_is_nothing_to_compare_with(promtool):
    series = requests(0.2, 0.4) | {
        'inprofile_service_workers{job="shop",instance="a:80"}': f"2x{2 * CHANGE_MIN}"
    }
    promtool.play(ruled(), series, alerts=[("110m", NAME, [])])


def test_a_few_requests_say_nothing_about_a_version(promtool):
    series = requests(0.2, 0.4, per_minute=6) | versions("1", "2")
    values: list = [("110m", "inprofile:request_duration:p95_15m", {})]
    promtool.play(ruled(), series, alerts=[("110m", NAME, [])], values=values)


def test_the_version_before_is_the_one_seen_last_of_those_that_are_gone(promtool):
    name = 'inprofile:previous_version:seen{job="shop",service_version="2"}'
    values = [("170m", "inprofile:previous_version:seen", {name: 119 * 60})]
    promtool.play(ruled(), versions("1", "2", "3"), values=values)
