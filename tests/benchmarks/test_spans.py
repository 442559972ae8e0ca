"""`python -m benchmarks spans`: every way exports every span, and ours costs less."""

import json

from benchmarks.__main__ import main
from benchmarks.spans import FAST, SDK, STRICT, Row, table


def test_every_way_is_measured(capsys):
    assert main(["spans", "--traces", "30", "--format", "json"]) == 0
    rows = {row["way"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert list(rows) == [SDK, FAST, STRICT]
    assert 0 < rows[FAST]["fastest_us"] < rows[STRICT]["fastest_us"]


def test_the_table_shows_the_part_of_the_sdks():
    assert table([Row("a", 10, 20, 1), Row("b", 5, 7, 0.35)]).rows == [
        ("a", "10.0", "20.0", "1.00 ×"),  # noqa: RUF001 - the sign for times
        ("b", "5.0", "7.0", "0.35 ×"),  # noqa: RUF001 - the sign for times
    ]
