"""Tables as Markdown and as text."""

from benchmarks.table import Table, rendered

# ruff: noqa: RUF001 - the sign for times is what the tables print

TABLE = Table("A `title`", ("", "µs", "× bare"), [("**ours**", "1.5", "1.00"), ("b", "+10", "")])


def test_markdown_keeps_its_marks_and_aligns_numbers_right():
    assert TABLE.markdown().splitlines() == [
        "**A `title`**",
        "",
        "|  | µs | × bare |",
        "| --- | ---: | ---: |",
        "| **ours** | 1.5 | 1.00 |",
        "| b | +10 |  |",
    ]


def test_text_has_aligned_columns_and_no_marks():
    assert TABLE.text().splitlines() == [
        "A title",
        "       µs  × bare",
        "-----------------",
        "ours  1.5    1.00",
        "b     +10        ",
    ]


def test_tables_and_remarks_are_rendered_in_order_and_empty_remarks_left_out():
    small = Table("", ("a",), [("1",)])
    parts: list[Table | list[str]] = [["**one**", "two"], [], small]
    assert rendered(parts, "md") == "- **one**\n- two\n\n| a |\n| --- |\n| 1 |"
    assert rendered(parts, "text") == "- one\n- two\n\na\n-\n1"
