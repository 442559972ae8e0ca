"""Processes that take turns: what they are given, and what becomes of those that die."""

import pytest

from benchmarks.overhead.rounds import Plan, _worker, environment
from benchmarks.process import Failed

PLAN = Plan(["nothing", "orm"], ["bare", "on"], rounds=2, batches=3, seed=1)


def test_each_round_goes_through_all_scenarios():
    assert list(PLAN.turns()) == [(1, "nothing"), (1, "orm"), (2, "nothing"), (2, "orm")]


def test_no_setting_of_ours_reaches_a_process_but_the_variants_own(monkeypatch, tmp_path):
    for name in ("INPROFILE_SAMPLE_RATE", "OTEL_SERVICE_NAME", "PROMETHEUS_MULTIPROC_DIR"):
        monkeypatch.setenv(name, "ours")
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    monkeypatch.setenv("LANG", "C.UTF-8")
    found = environment("kept", 4, tmp_path)
    assert {
        name: text
        for name, text in found.items()
        if name.startswith(("INPROFILE", "OTEL", "PROMETHEUS", "FASTAPI", "PYTHONHASH", "LANG"))
        and name != "LANGUAGE"
    } == {
        "INPROFILE_DIR": str(tmp_path),
        "INPROFILE_SAMPLE_RATE": "1",
        "PYTHONHASHSEED": "4",
        "LANG": "C.UTF-8",
    }


def test_a_process_measures_a_batch_each_time_it_is_asked(tmp_path):
    with _worker(PLAN, 1, "nothing", "bare", tmp_path) as worker:
        assert worker.ask(None) == {"ready": True}
        for _ in range(2):
            taken = worker.ask("batch")
            assert set(taken) == {"wall_us", "cpu_us"}
            assert taken["wall_us"] > 0
        last = worker.ask("end")
        assert worker.process.wait() == 0
    assert last == {"answer": last["answer"], "peak_bytes": {}, "facts": {}}
    assert worker.stderr.read_text() == ""


def test_a_process_that_died_between_its_turns_is_named(tmp_path):
    with _worker(PLAN, 1, "nothing", "bare", tmp_path) as worker:
        worker.ask(None)
        worker.process.kill()
        worker.process.wait()
        with pytest.raises(Failed, match="nothing under bare ended with exit code -9"):
            worker.ask("batch")
