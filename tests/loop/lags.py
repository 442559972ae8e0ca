"""What the metrics say of the lag of loops."""

from tests.exporters.exposed import buckets

LAG = "inprofile_event_loop_lag_seconds_bucket"

BLOCK_S = 2.5
LATE_S = 0.1
EXPECTED = (BLOCK_S - LATE_S) / 0.05
"""Beats that are so late for one block: one is due each 50 ms."""


def lags(text, kind, above_s=None):
    """How many beats came in a loop of that kind, or how many were so late."""
    found = buckets(text, LAG, inprofile_event_loop_type=kind)
    late = 0 if above_s is None else found.get(repr(above_s), 0)
    return int(found.get("+Inf", 0) - late)
