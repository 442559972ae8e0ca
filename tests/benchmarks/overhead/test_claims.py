"""What was promised, held against runs whose figures are known."""

from benchmarks.overhead.claims import Claim, claims
from benchmarks.overhead.summary import rows
from tests.benchmarks.overhead.runs import run

NOTHING = ("nothing", "bare")


def verdicts(us, peak_bytes=None):
    return {claim.promise: claim.verdict for claim in claims(rows(run(us, peak_bytes)))}


def test_figures_at_their_limits_are_met():
    us = {NOTHING: [100], ("nothing", "contrib"): [400], ("nothing", "on"): [120]}
    us |= {("nothing", "off"): [101], ("nothing", "paused"): [101]}
    us |= {("orm", "bare"): [1000], ("orm", "on"): [1045]}
    us |= {("core", "bare"): [800], ("core", "on"): [845]}
    us |= {("looped", "bare"): [9000], ("looped", "on"): [9620]}
    us |= {("different", "bare"): [2000], ("different", "on"): [2050]}
    us |= {("django", "bare"): [300], ("django", "on"): [325]}
    us |= {("django_orm", "bare"): [3000], ("django_orm", "on"): [3055]}
    us |= {("django_looped", "bare"): [9000], ("django_looped", "on"): [9625]}
    us |= {("django_different", "bare"): [5000], ("django_different", "on"): [5055]}
    us |= {("drf", "bare"): [4000], ("drf", "on"): [4120]}
    us |= {("stream", "bare"): [50], ("stream", "on"): [60]}
    us |= {("nothing", "loopless"): [118], ("steps", "bare"): [900]}
    us |= {("steps", "on"): [1052], ("steps", "loopless"): [1000]}
    peaks = {
        ("stream", "bare"): {"100": 500, "10000": 600},
        ("stream", "on"): {"100": 900, "10000": 1000 + 2048},
    }
    assert claims(rows(run(us, peaks))) == [
        Claim("added to a do-nothing request: at most 20 µs", "20.00 µs (20.00 … 20.00)", True),
        Claim(
            "added to a do-nothing request: at most 1/15 of OpenTelemetry contrib's", "1/15.0", True
        ),
        Claim("added per query (orm): at most 2.5 µs", "2.50 µs (2.50 … 2.50)", True),
        Claim("added per query (core): at most 2.5 µs", "2.50 µs (2.50 … 2.50)", True),
        Claim("added per query (looped): at most 3 µs", "3.00 µs (3.00 … 3.00)", True),
        Claim("added per query (different): at most 1.5 µs", "1.50 µs (1.50 … 1.50)", True),
        Claim("added per query (django_orm): at most 3 µs", "3.00 µs (3.00 … 3.00)", True),
        Claim("added per query (django_looped): at most 3 µs", "3.00 µs (3.00 … 3.00)", True),
        Claim("added per query (django_different): at most 1.5 µs", "1.50 µs (1.50 … 1.50)", True),
        Claim("added when off: at most 1 µs", "1.00 µs (1.00 … 1.00)", True),
        Claim("added when paused: at most 1 µs", "1.00 µs (1.00 … 1.00)", True),
        Claim("added to a Django JSON view: at most 25 µs", "25.00 µs (25.00 … 25.00)", True),
        Claim("added to a list of 100 rows by Django REST framework: at most 3%", "+3.0%", True),
        Claim(
            "memory added to a stream does not grow with its chunks",
            "+2,048 bytes from 100 to 10,000 chunks",
            True,
        ),
        Claim(
            "added to a do-nothing request by watching loops: at most 2 µs",
            "2.00 µs (2.00 … 2.00)",
            True,
        ),
        Claim("added per step by watching loops: at most 0.5 µs", "0.50 µs (0.50 … 0.50)", True),
    ]


def test_figures_above_their_limits_are_missed():
    us = {NOTHING: [100], ("nothing", "contrib"): [400], ("nothing", "on"): [121]}
    us |= {("nothing", "off"): [102], ("nothing", "paused"): [102]}
    us |= {("orm", "bare"): [1000], ("orm", "on"): [1047]}
    us |= {("core", "bare"): [800], ("core", "on"): [847]}
    us |= {("looped", "bare"): [9000], ("looped", "on"): [9623]}
    us |= {("different", "bare"): [2000], ("different", "on"): [2053]}
    us |= {("django", "bare"): [300], ("django", "on"): [326]}
    us |= {("django_orm", "bare"): [3000], ("django_orm", "on"): [3057]}
    us |= {("django_looped", "bare"): [9000], ("django_looped", "on"): [9628]}
    us |= {("django_different", "bare"): [5000], ("django_different", "on"): [5058]}
    us |= {("drf", "bare"): [4000], ("drf", "on"): [4121]}
    us |= {("stream", "bare"): [50], ("stream", "on"): [60]}
    us |= {("nothing", "loopless"): [118], ("steps", "bare"): [900]}
    us |= {("steps", "on"): [1054], ("steps", "loopless"): [1000]}
    peaks = {
        ("stream", "bare"): {"100": 500, "10000": 600},
        ("stream", "on"): {"100": 900, "10000": 1000 + 2049},
    }
    found = verdicts(us, peaks)
    assert set(found.values()) == {"missed"}
    assert len(found) == 16


def test_what_was_not_measured_is_neither_met_nor_missed():
    assert set(verdicts({NOTHING: [100]}).values()) == {"not measured"}
    only_on = verdicts({NOTHING: [100], ("nothing", "on"): [101]})
    assert [promise for promise, verdict in only_on.items() if verdict == "met"] == [
        "added to a do-nothing request: at most 20 µs"
    ]


def test_of_watching_loops_nothing_is_said_where_it_was_not_measured():
    us = {NOTHING: [100], ("nothing", "on"): [101], ("steps", "bare"): [900]}
    us |= {("steps", "on"): [950], ("steps", "loopless"): [910]}
    assert [promise for promise in verdicts(us) if "loops" in promise] == []


def test_a_stream_of_one_length_says_nothing_about_growth():
    us = {("stream", "bare"): [50], ("stream", "on"): [60]}
    peaks = {("stream", "bare"): {"100": 500, "10000": 600}, ("stream", "on"): {"100": 900}}
    assert set(verdicts(us, peaks).values()) == {"not measured"}


def test_adding_less_than_nothing_is_met():
    us = {NOTHING: [100], ("nothing", "on"): [99], ("nothing", "contrib"): [400]}
    share = claims(rows(run(us)))[1]
    assert (share.measured, share.verdict) == ("nothing", "met")
