"""What a benchmark says about where it ran."""

from importlib.metadata import version

from benchmarks.machine import about, sentence


def test_versions_are_those_of_the_libraries_that_are_installed():
    found = about(("pytest", "no-such-library"), "2001-02-03")
    assert list(found) == ["Python", "CPU", "pytest", "date"]
    assert (found["pytest"], found["date"]) == (version("pytest"), "2001-02-03")
    assert "date" not in about(())


def test_a_sentence_names_the_libraries():
    found = {"Python": "CPython 3.11.7", "CPU": "a processor", "inprofile": "0.1.0"}
    assert sentence(found) == "CPython 3.11.7, a processor, inprofile 0.1.0"
