"""The tables as they are printed."""

from textwrap import dedent

from benchmarks.overhead.report import compact, detailed, plain
from tests.benchmarks.overhead.runs import run

BARE, ON, CONTRIB = (("nothing", variant) for variant in ("bare", "on", "contrib"))
US = {BARE: [50, 51, 52], ON: [60, 61.5, 1061], CONTRIB: [150, 152, 155]}


def table(text):
    return dedent(text).strip("\n")


def test_the_readmes_table_has_a_row_for_each_variant_and_a_column_for_each_scenario():
    us = US | {("orm", "bare"): [1500], ("orm", "on"): [1498.75]}
    parts = compact(run(us, facts={CONTRIB: {"spans exported per request": 3.04}})).split("\n\n")
    assert parts[0] == table("""
        | added µs per request | Do-nothing JSON route | 10 ORM queries |
        | --- | ---: | ---: |
        | bare | (51 in all) | (1,500 in all) |
        | **inprofile on** | +10 (+10 … +1,009) | -1.25 (-1.25 … -1.25) |
        | OpenTelemetry contrib | +101.0 (+100.0 … +103.0) | n/a |
    """)
    assert parts[1:3] == [
        "**Claims**",
        table("""
            | claim | measured | verdict |
            | --- | ---: | ---: |
            | added to a do-nothing request: at most 20 µs | 10.50 µs (10.00 … 1009.00) | met |
            | added to a do-nothing request: at most 1/15 of OpenTelemetry contrib's | 1/9.6 | **missed** |
            | added per query (orm): at most 2.5 µs | -1.12 µs (-1.12 … -1.12) | met |
            | added per query (core): at most 2.5 µs | n/a | not measured |
            | added per query (looped): at most 3 µs | n/a | not measured |
            | added per query (different): at most 1.5 µs | n/a | not measured |
            | added per query (django_orm): at most 3 µs | n/a | not measured |
            | added per query (django_looped): at most 3 µs | n/a | not measured |
            | added per query (django_different): at most 1.5 µs | n/a | not measured |
            | added when off: at most 1 µs | n/a | not measured |
            | added when paused: at most 1 µs | n/a | not measured |
            | added to a Django JSON view: at most 25 µs | n/a | not measured |
            | added to a list of 100 rows by Django REST framework: at most 3% | n/a | not measured |
            | memory added to a stream does not grow with its chunks | n/a | not measured |
        """),  # noqa: E501 - the line as it is printed
    ]
    assert parts[3] == table("""
        - Rounds: 3, in each a fresh process for every variant; they take turns, batch by batch. \
A figure is the fastest of 30 batches in each process; shown is the median of the rounds \
(least … greatest). Added: over bare in the same round.
        - CPython 3.11.7, a processor (2 logical CPUs), inprofile 0.1.0
        - OpenTelemetry contrib, spans exported per request: nothing 3.0
    """)
    assert len(parts) == 4


def test_each_scenario_has_a_table_of_its_own():
    us = US | {("orm", "bare"): [1500], ("orm", "on"): [1530.5]}
    peaks = {key: {"100": 1024, "1000": 2048} for key in us if key[0] == "orm"}
    parts = detailed(run(us, peaks), "md").split("\n\n")
    assert parts[:5] == [
        "**Do-nothing JSON route**",
        table("""
            |  | µs per request | added µs | × bare | of contrib's added |
            | --- | ---: | ---: | ---: | ---: |
            | bare | 51.0 (50.0 … 52.0) |  | 1.00 |  |
            | **inprofile on** | 62 (60 … 1,061) | +10 (+10 … +1,009) | 1.21 | 0.104 |
            | OpenTelemetry contrib | 152.0 (150.0 … 155.0) | +101.0 (+100.0 … +103.0) | 2.98 | 1.000 |
        """),  # noqa: E501, RUF001 - as it is printed
        "**10 ORM queries**",
        table("""
            |  | µs per request | added µs | × bare | of contrib's added | added µs per query \
| peak KiB, 100 chunks | peak KiB, 1,000 chunks |
            | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
            | bare | 1,500 (1,500 … 1,500) |  | 1.00 |  |  | 1.0 | 2.0 |
            | **inprofile on** | 1,530 (1,530 … 1,530) | +30.5 (+30.5 … +30.5) | 1.02 | n/a \
| +2.05 (+2.05 … +2.05) | 1.0 | 2.0 |
        """),  # noqa: RUF001 - the sign as it is printed
        "**Claims**",
    ]


def test_what_watching_loops_adds_stands_beside_what_is_added():
    us = US | {("nothing", "loopless"): [59, 60, 60]}
    us |= {("steps", "bare"): [900], ("steps", "on"): [950], ("steps", "loopless"): [919]}
    parts = detailed(run(us), "md").split("\n\n")
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in parts[3].splitlines()]
    assert [(line[0], *line[-2:]) for line in cells] == [
        ("", "by watching loops", "by that per step"),
        ("---", "---:", "---:"),
        ("bare", "", ""),
        ("**inprofile on**", "+31.0 (+31.0 … +31.0)", "+0.30 (+0.30 … +0.30)"),
        ("inprofile on, loops not watched", "", ""),
    ]


def test_another_response_than_bares_is_said_aloud():
    said = "**nothing under on gave another response than bare: its figure means nothing.**"
    assert compact(run(US, answers={ON: 8})).endswith(f"\n- {said}")


def test_plain_data_holds_the_same():
    data = plain(run({BARE: [50], ON: [60]}, answers={ON: 8}))
    assert data["rows"][1] == {
        "scenario": "nothing",
        "variant": "on",
        "us": {"median": 60, "low": 60, "high": 60},
        "times_bare": 1.2,
        "added": {"median": 10, "low": 10, "high": 10},
        "of_contrib": None,
        "query": None,
        "peak_bytes": {},
        "watching": None,
        "step": None,
    }
    assert data["claims"][0] == {
        "promise": "added to a do-nothing request: at most 20 µs",
        "measured": "10.00 µs (10.00 … 10.00)",
        "met": True,
        "verdict": "met",
    }
    assert data["disagreements"] == ["nothing under on"]
    assert (data["rounds"], data["batches"], data["figure"]) == (1, 30, "min")
