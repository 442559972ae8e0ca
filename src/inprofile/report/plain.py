"""The facts as JSON: all of them, for programs."""

import json
from dataclasses import asdict

from inprofile.analysis.facts import Facts

SCHEMA = 1
"""Goes up when a field changes its meaning or goes; new fields leave it alone."""


def render(facts: Facts, version: str) -> str:
    """One object, with the ``version`` of inprofile that wrote it.

    Times are whole nanoseconds (``_ns``), moments seconds since the epoch (``_s``), shares
    parts of 1, ``percent`` parts of 100, and null is what is not known.
    """
    plain = {"schema": SCHEMA, "inprofile": version, **asdict(facts)}
    return json.dumps(plain, indent=2, ensure_ascii=False) + "\n"
