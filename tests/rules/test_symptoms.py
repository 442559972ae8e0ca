"""Alerts about what slows an app down, played to Prometheus' own rules."""

from tests.rules.ruled import ruled

LAG = "inprofile_event_loop_lag_seconds_bucket"
FOUND = "inprofile_findings_total"
LIVE = {'inprofile_workers{job="shop"}': "2x2000"}
DAY = 24 * 60


def lag(late):
    """100 timers a minute, of which so many are later than 50 ms and none later than 0.1 s."""
    return {
        f'{LAG}{{job="shop",le="0.05"}}': f"0+{100 - late}x60",
        f'{LAG}{{job="shop",le="0.1"}}': "0+100x60",
        f'{LAG}{{job="shop",le="+Inf"}}': "0+100x60",
    }


def test_an_event_loop_that_is_late_for_five_minutes_is_blocked(promtool):
    said = {
        "summary": "The event loop of shop is blocked",
        "description": (
            "One timer in a hundred is 75ms late, and so is whatever else is ready. The dashboard"
            " Runtime says which route holds up which others, the findings blocked_event_loop and"
            " sync_io_on_loop say by which line."
        ),
    }
    name = "InprofileEventLoopBlocked"
    found = [({"job": "shop", "severity": "ticket"}, said)]
    promtool.play(ruled(), lag(2), alerts=[("5m", name, []), ("15m", name, found)])
    promtool.play(ruled(), lag(1), alerts=[("15m", name, [])])
    promtool.play(ruled(loop_block_ms=80), lag(2), alerts=[("15m", name, [])])


def findings(kind, values):
    return {f'{FOUND}{{job="shop",http_route="/orders",kind="{kind}"}}': values}


def new(kind, times):
    """The alert about an N+1 that was not there."""
    said = {
        "summary": "/orders of shop has an N+1 that it did not have",
        "description": (
            f"{kind}, {times} times in a quarter of an hour, and not once in the day before."
            " `inprofile report` shows the loop, the query and the fix."
        ),
    }
    return {"job": "shop", "http_route": "/orders", "kind": kind, "severity": "ticket"}, said


def test_an_n_plus_one_that_was_not_there_is_told(promtool):
    name, look, at = "InprofileNPlusOne", f"{DAY + 35}m", f"{DAY + 35}m"
    for kind in ("n_plus_one", "cache_n_plus_one"):
        series = LIVE | findings(kind, f"0x{DAY + 24} 0+2x20")
        promtool.play(ruled(), series, look=look, alerts=[(at, name, [new(kind, "20")])])
    slow = LIVE | findings("slow_query", f"0x{DAY + 24} 0+2x20")
    promtool.play(ruled(), slow, look=look, alerts=[(at, name, [])])


def test_an_n_plus_one_that_was_there_before_is_no_news(promtool):
    at = f"{DAY + 35}m"
    series = LIVE | findings("n_plus_one", f"0x600 0+1x3 3x{DAY - 580} 3+2x20")
    promtool.play(ruled(), series, look=at, alerts=[(at, "InprofileNPlusOne", [])])


def test_a_service_that_was_not_there_an_hour_ago_has_no_news(promtool):
    series = {'inprofile_workers{job="shop"}': "2x60"} | findings("n_plus_one", "0+2x50")
    promtool.play(ruled(), series, look="40m", alerts=[("40m", "InprofileNPlusOne", [])])


POOL = 'job="shop",instance="a:80",db_client_connection_pool_name="main"'


def pool(used, most, pending, timeouts="0x60"):
    return {
        f'db_client_connection_count{{{POOL},db_client_connection_state="used"}}': f"{used}x60",
        f"db_client_connection_max{{{POOL}}}": f"{most}x60",
        f"db_client_connection_pending_requests{{{POOL}}}": f"{pending}x60",
        f"db_client_connection_timeouts_total{{{POOL}}}": timeouts,
    }


LABELS = {"job": "shop", "instance": "a:80", "db_client_connection_pool_name": "main"}


def test_a_pool_in_which_all_is_used_and_somebody_waits_is_exhausted(promtool):
    said = {
        "summary": "All connections of main at a:80 are in use",
        "description": (
            "3 wait for one. The dashboard Runtime says for how long a connection is held."
        ),
    }
    name = "InprofilePoolExhausted"
    found = [({**LABELS, "severity": "ticket"}, said)]
    promtool.play(ruled(), pool(10, 10, 3), alerts=[("1m", name, []), ("3m", name, found)])
    promtool.play(ruled(), pool(10, 10, 0), alerts=[("3m", name, [])])
    promtool.play(ruled(), pool(9, 10, 3), alerts=[("3m", name, [])])


def test_a_pool_that_gives_no_connection_in_time_is_told_at_once(promtool):
    said = {
        "summary": "Requests at a:80 get no connection of main",
        "description": "5 gave up in five minutes.",
    }
    name = "InprofilePoolTimeout"
    found = [({**LABELS, "severity": "page"}, said)]
    series = pool(1, 10, 0, "0x5 0+1x20")
    promtool.play(ruled(), series, alerts=[("4m", name, []), ("15m", name, found)])
