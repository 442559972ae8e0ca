"""``inprofile rules`` prints what Prometheus reads."""

import pytest

from tests.promtool import promtool

__all__ = ["promtool"]

ALERTS = (
    "InprofileEventLoopBlocked",
    "InprofileNPlusOne",
    "InprofilePoolExhausted",
    "InprofilePoolTimeout",
    "InprofileRegression",
)


def test_the_rules_for_the_settings_given_are_ones_that_prometheus_takes(
    inprofile, promtool, monkeypatch, tmp_path
):
    file = tmp_path / "slo.toml"
    file.write_text('[routes]\n"/orders/{id}" = "p95<1s"\n\'/a"b\\c ü\' = "errors<0.1%"\n')
    monkeypatch.setenv("INPROFILE_SLO", "p95<300ms,p99<800ms,errors<1%")
    monkeypatch.setenv("INPROFILE_SLO_FILE", str(file))
    code, out, err = inprofile("rules")
    assert (code, err) == (0, "")
    records, alerts = 5 * 7 + 3, 4 + len(ALERTS)
    assert f"SUCCESS: {records + alerts} rules found" in promtool.check("rules", out)


def test_without_objectives_there_are_the_other_alerts_and_a_word_about_it(inprofile, promtool):
    code, out, err = inprofile("rules")
    assert code == 0
    assert [line.split()[-1] for line in out.splitlines() if "alert:" in line] == list(ALERTS)
    assert err == (
        "inprofile: there are no objectives, so there is nothing about burn rates: "
        "INPROFILE_SLO='p95<300ms,errors<1%' sets some\n"
    )
    promtool.check("rules", out)


@pytest.mark.parametrize("text", ["p95", "p95<300ms,p95<1s"])
def test_objectives_that_make_no_sense_are_wrong_usage(inprofile, monkeypatch, text):
    monkeypatch.setenv("INPROFILE_SLO", text)
    code, out, err = inprofile("rules")
    assert (code, out) == (2, "")
    assert err.startswith(f"inprofile: INPROFILE_SLO={text!r} is not allowed: INPROFILE_SLO takes")
