"""``python -m tests.integrations.sql_conformance FILE``: OpenTelemetry's own cases, from a copy.

FILE is docs/non-normative/database-test-cases/db-sql-test-cases.json of
https://github.com/open-telemetry/semantic-conventions.
"""

import json
import sys
from pathlib import Path

from inprofile.integrations._sql import describe


def failed(cases: list[dict]) -> list[str]:
    """The names of those whose text (layout aside) or summary is not one of the expected."""
    return [case["name"] for case in cases if not _is_met(case)]


def _is_met(case: dict) -> bool:
    name, about = describe(case["input"]["db.system.name"], case["input"]["query"])
    expected = case["expected"]
    texts = [" ".join(text.split()).rstrip("; ") for text in expected["db.query.text"]]
    return name in texts and about["db.query.summary"] == expected["db.query.summary"]


if __name__ == "__main__":
    wanted = json.loads(Path(sys.argv[1]).read_text())
    missed = failed(wanted)
    print(f"{len(wanted) - len(missed)} of {len(wanted)} cases", *missed, sep="\n")
    sys.exit(bool(missed))
