"""`python -m benchmarks table`: prints the README's table, or puts it in its place."""

import pytest

from benchmarks.__main__ import main
from benchmarks.overhead.readme import write
from benchmarks.overhead.report import compact, detailed
from tests.benchmarks.overhead.runs import run

BEGIN, END = "<!-- overhead:begin -->", "<!-- overhead:end -->"
RESULTS = run({("nothing", "bare"): [50, 51], ("nothing", "on"): [60, 62]})


@pytest.fixture
def saved(tmp_path):
    RESULTS.save(tmp_path / "run.json")
    return str(tmp_path / "run.json")


def test_the_table_of_saved_measurements_is_printed(saved, capsys):
    assert main(["table", saved]) == 0
    assert capsys.readouterr().out == compact(RESULTS) + "\n"
    assert main(["table", saved, "--full"]) == 0
    assert capsys.readouterr().out == detailed(RESULTS, "md") + "\n"


def test_another_figure_of_the_same_measurements_can_be_shown(saved, capsys):
    assert main(["table", saved, "--figure", "cpu"]) == 0
    printed = capsys.readouterr().out
    assert "(152 in all)" in printed
    assert "CPU time of the whole process, the median of 30 batches" in printed


def test_what_stands_between_the_marks_is_replaced_and_nothing_else(saved, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(f"# A\n\n{BEGIN}\nold\n{END}\n\nrest\n")
    for _ in range(2):
        assert main(["table", saved, "--write", str(readme)]) == 0
        assert readme.read_text() == f"# A\n\n{BEGIN}\n{compact(RESULTS)}\n{END}\n\nrest\n"


@pytest.mark.parametrize(
    "text", ["", "# A\n", f"{BEGIN}\n", f"{END}\n", f"{END}\n{BEGIN}\n"], ids=repr
)
def test_a_document_without_both_marks_is_refused_and_left_as_it_is(text, tmp_path):
    readme = tmp_path / "README.md"
    readme.write_text(text)
    message = rf"README\.md has no place for the table: the lines {BEGIN} and {END}"
    with pytest.raises(ValueError, match=message):
        write(readme, "| table |")
    assert readme.read_text() == text


def test_mistakes_are_told_in_one_line(saved, tmp_path, capsys):
    readme = tmp_path / "README.md"
    readme.write_text("# A\n")
    for words, told in (
        ([saved, "--write", str(readme)], "has no place for the table"),
        ([str(readme)], "README.md was not written by `overhead --save`"),
        ([str(tmp_path / "nothing.json")], "No such file or directory"),
    ):
        assert main(["table", *words]) == 2
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("benchmarks: ")
        assert told in err
