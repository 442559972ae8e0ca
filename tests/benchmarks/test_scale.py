"""`python -m benchmarks scale`: both sides hold the same series, and the table shows them."""

import json

import pytest

from benchmarks.__main__ import main
from benchmarks.scale import Cost, Row, _in_turns, observations, scrape_ours, table
from benchmarks.scale_dead import Dead
from benchmarks.scale_dead import table as dead_table
from benchmarks.scale_series import OBSERVATIONS, STAGES, series, write_cells


def test_a_route_has_ten_histograms():
    found = list(series(3))
    assert len(found) == len(set(found)) == 30


def test_a_scrape_of_ours_has_the_observations_of_all_workers(tmp_path):
    live = [write_cells(tmp_path / f"{n}.1.{n}.cells", 2, 1 << 20) for n in range(3)]
    scraped = scrape_ours(tmp_path)
    for cells in live:
        cells.close()
    each = 2 * 3 * OBSERVATIONS
    assert observations(scraped) == {
        "http_server_request_duration_seconds_count": each,
        "inprofile_time_to_first_byte_seconds_count": each,
        "inprofile_stage_duration_seconds_count": each * len(STAGES),
    }


def test_scrapes_that_differ_are_not_compared():
    full = b'http_server_request_duration_seconds_count{a="b"} 5.0\n'
    with pytest.raises(RuntimeError, match="the scrapes differ"):
        _in_turns([lambda: full, lambda: b""], 1)
    (fastest_ms, median_ms, size), _ = _in_turns([lambda: full, lambda: full], 3)
    assert 0 < fastest_ms <= median_ms
    assert size == len(full)


def test_both_sides_are_measured_with_the_same_observations(capsys):
    few = ("--routes", "2", "--workers", "2", "--dead", "3", "--repeats", "1")
    assert main(["scale", *few, "--format=json"]) == 0
    out, err = capsys.readouterr()
    assert err == "2 routes, 2 workers\n3 dead workers\n"
    found = json.loads(out)
    (row,) = found["rows"]
    assert (row["routes"], row["workers"], row["histograms"]) == (2, 2, 20)
    assert all(value > 0 for side in ("ours", "theirs") for value in row[side].values())
    assert [(dead["side"], dead["workers"], dead["histograms"]) for dead in found["dead"]] == [
        ("prometheus_client", 3, 60),
        ("ours, in the first five seconds", 3, 60),
        ("ours, folded", 3, 60),
    ]
    assert all(0 < dead["fastest_ms"] <= dead["median_ms"] for dead in found["dead"])


def test_the_table_shows_both_and_their_ratio():
    row = Row(
        500, 16, 5000, 255_000, Cost(20, 21.25, 12_345, 2_000_000), Cost(50, 60, 12_000, 3_100_000)
    )
    assert table([row]).rows == [
        (
            "500 × 16",  # noqa: RUF001 - as it is printed
            "5,000",
            "255,000",
            "20.0 (21.2)",
            "50.0 (60.0)",
            "2.5",
            "12",
            "12",
            "2.0",
            "3.1",
        )
    ]


def test_what_is_promised_of_the_dead_is_held_against_the_fastest_scrape():
    rows = [Dead("theirs", 200, 60, 700, 710), Dead("ours, folded", 200, 60, 20.1, 21)]
    assert dead_table(rows).title == "A scrape after 200 workers of 60 histograms have died"
    assert dead_table(rows).rows == [
        ("theirs", "700.0 (710.0)"),
        ("ours, folded", "20.1 (21.0) (missed: 20)"),
    ]


@pytest.mark.parametrize("numbers", ["", "1,", "0", "x", "1;2"])
def test_numbers_of_routes_are_whole_and_above_zero(numbers, capsys):
    with pytest.raises(SystemExit):
        main(["scale", f"--routes={numbers}"])
    assert "argument --routes: '" in capsys.readouterr().err
