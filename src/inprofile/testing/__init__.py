"""For tests: what a block of code spent its time on, as plain traces and findings."""

from inprofile.testing.record import Recorded, record

__all__ = ["Recorded", "record"]
