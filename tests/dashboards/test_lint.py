"""Dashboards and rules ask for what there is, in the way that is right for it."""

import re

import pytest
import yaml

from tests.dashboards.boards import RULES, boards, queries
from tests.dashboards.promql import known, mistakes, selectors

WINDOWS = frozenset({"$__rate_interval"})


@pytest.mark.parametrize("asked", queries(), ids=str)
def test_a_panel_asks_for_rates_over_grafanas_windows_of_metrics_and_labels_that_there_are(asked):
    assert selectors(asked.expression)
    assert mistakes(asked.expression, windows=WINDOWS) == []


@pytest.mark.parametrize(
    ("query", "said"),
    [
        ("inprofile_findings_total", ["inprofile_findings_total is a counter without a rate"]),
        (
            "sum by (kind) (inprofile_findings_total)",
            ["inprofile_findings_total is a counter without a rate"],
        ),
        (
            "histogram_quantile(0.95, http_server_request_duration_seconds)",
            ["http_server_request_duration_seconds is a counter without a rate"],
        ),
        ("rate(inprofile_findings_total[5m])", ["the window 5m is fixed"]),
        (
            'rate(inprofile_findings_total{route="/"}[$__rate_interval])',
            ["inprofile_findings_total has no label route"],
        ),
        (
            "sum by (route) (rate(inprofile_findings_total[$__rate_interval]))",
            ["nothing here has a label route"],
        ),
        (
            "inprofile_workers and on (pid) inprofile_wrokers",
            ["there is no metric inprofile_wrokers", "nothing here has a label pid"],
        ),
        ('sum (inprofile_workers{job="rate(inprofile_errors_total[5m])"})', []),
    ],
)
def test_the_lint_sees_what_is_wrong(query, said):
    assert mistakes(query, windows=WINDOWS) == said


def rules():
    return [
        rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]
    ]


def said(rule):
    """Its name, and what it has of its own."""
    labels = rule.get("labels", {})
    own = [labels.get("slo", ""), labels.get("window", "")]
    return " ".join(filter(None, [rule.get("record") or rule["alert"], *own]))


@pytest.mark.parametrize("rule", rules(), ids=said)
def test_a_rule_asks_for_metrics_and_labels_that_there_are(rule):
    assert selectors(rule["expr"])
    assert mistakes(rule["expr"], windows=None) == []


def test_what_a_rule_records_is_known_to_the_lint():
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    assert recorded == {name for name in known() if ":" in name}


def test_no_dashboard_is_bound_to_one_grafana():
    for board in boards().values():
        assert board.get("uid") is None
        assert board.get("id") is None
        sources = re.findall(r'"uid": "([^"]*)"', str(board).replace("'", '"'))
        assert set(sources) == {"${metrics}"}
        assert {each["name"]: each["query"] for each in board["templating"]["list"][:2]} == {
            "metrics": "prometheus",
            "traces": "tempo",
        }


def test_every_variable_that_is_used_can_be_chosen():
    for board in boards().values():
        chosen = {each["name"] for each in board["templating"]["list"]}
        used = set(re.findall(r"\$\{?(\w+)", str(board["panels"])))
        assert {name for name in used if not name.startswith("__")} <= chosen
