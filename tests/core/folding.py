"""Finished leaf operations folded into one span, and moved time, as the wrappers do it."""

from inprofile.core.recorder import folded_span


def fold(parent, kind, name, start_ns, end_ns, attributes=None, count=1):
    target = folded_span(parent, kind, name, attributes)
    target.count += count
    move(parent, target, end_ns - start_ns)


def move(giver, taker, amount_ns):
    giver.moved_ns -= amount_ns
    taker.moved_ns += amount_ns
