"""What ignores nothing is told at the end of a run, and only what had its chance."""

import sys

import pytest

from inprofile.patterns import KINDS
from tests.testing.project import DB, Project

FAIL = "--inprofile-fail-on=n_plus_one"

watches = pytest.mark.skipif(sys.version_info < (3, 12), reason="Python does not tell its lines")


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.write("conftest.py", "from shop import *\nfrom shop import db")
    project.write("shop.py", DB)
    project.write("pytest.ini", (tmp_path / "pytest.ini").read_text() + "pythonpath = .\n")
    return project


def stale(run):
    lead = "ignores nothing: "
    return [line.removeprefix(lead) for line in run.summary() if line.startswith(lead)]


def test_a_comment_that_silences_something_is_not_stale_nor_one_that_does_not_run(project):
    project.write(
        "test_shop.py",
        """
        from shop import load, load_all

        def unused(db):
            for number in range(4):  # inprofile: ignore
                load(db, number)

        def test_used(db):
            for number in range(4):  # inprofile: ignore[n_plus_one]
                load(db, number)
            for number in []:
                load(db, number)  # inprofile: ignore

        def test_once(db):
            for number in range(1):  # inprofile: ignore
                load(db, number)
        """,
    )
    run = project.run(FAIL)
    assert run.failed == []
    assert stale(run) == []


def test_a_comment_that_silences_in_one_test_is_not_stale_in_another_one(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load

        @pytest.mark.parametrize("is_batched", [False, True])
        def test_it(db, is_batched):
            for number in range(4):  # inprofile: ignore[n_plus_one]
                if not is_batched:
                    load(db, number)
        """,
    )
    for options in ([], ["-n", "2"]):
        run = project.run(FAIL, *options, plugins=["xdist"])
        assert run.outcomes["passed"] == 2, run.text
        assert stale(run) == []


@watches
def test_a_comment_whose_line_runs_and_runs_without_anything_to_silence_is_stale(project):
    project.write(
        "test_shop.py",
        """
        from shop import load

        def test_fixed(db):
            rows = db.execute("SELECT id FROM t WHERE id IN (1, 2, 3)").fetchall()
            for row in rows:  # inprofile: ignore[n_plus_one]
                row[0] + 1

        def test_of_another_kind(db):
            for number in range(4):  # inprofile: ignore[cache_n_plus_one, kind:x]
                load(db, number)
        """,
    )
    run = project.run(FAIL)
    assert run.failed == ["test_of_another_kind"]
    mistake = f"there is no kind 'x': there are {', '.join(KINDS)}"
    assert stale(run) == [
        f"test_shop.py:10: # inprofile: ignore[cache_n_plus_one, kind:x] ({mistake})",
        "test_shop.py:6: # inprofile: ignore[n_plus_one]",
    ]


def test_a_comment_on_a_query_that_is_fine_is_stale_on_every_python(project):
    project.write(
        "test_shop.py",
        """
        from shop import load

        def test_it(db):
            for number in range(4):
                db.execute("SELECT v FROM t WHERE id IN (?, 1)", (number,))  # inprofile: ignore
        """,
    )
    assert stale(project.run(FAIL)) == ["test_shop.py:6: # inprofile: ignore"]


def test_a_block_that_ran_to_its_end_and_silenced_nothing_is_stale(project):
    project.write(
        "test_shop.py",
        """
        import inprofile
        from shop import load, load_all

        def test_used(db):
            with inprofile.ignore("n_plus_one"):
                load_all(db)

        def test_stale(db):
            with inprofile.ignore("n_plus_one"):
                load(db, 1)

        def test_failed(db):
            try:
                with inprofile.ignore():
                    raise KeyError
            except KeyError:
                pass

        @inprofile.ignore("http_n_plus_one")
        def decorated(db):
            load(db, 1)

        def test_decorated(db):
            decorated(db)

        def test_not_run(db):
            if db is None:
                with inprofile.ignore():
                    pass
        """,
    )
    run = project.run(FAIL)
    assert run.failed == []
    assert stale(run) == [
        "test_shop.py:10: inprofile.ignore('n_plus_one')",
        "test_shop.py:20: inprofile.ignore('http_n_plus_one')",
    ]


def test_what_a_marker_allows_is_stale_when_no_run_of_its_test_needs_it(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load, load_all

        @pytest.mark.inprofile(allow=["n_plus_one", "Post.author"])
        def test_loop(db):
            load_all(db)

        @pytest.mark.inprofile(allow=["n_plus_one"])
        @pytest.mark.parametrize("number", [1, 2])
        def test_sometimes(db, number):
            load(db, 1) if number == 1 else load_all(db)

        @pytest.mark.inprofile(allow=["n_plus_one"])
        def test_failed(db):
            raise KeyError

        @pytest.mark.inprofile(allow=["n_plus_one"])
        def test_skipped(db):
            pytest.skip("later")
        """,
    )
    run = project.run(FAIL)
    assert run.failed == ["test_failed"]
    assert stale(run) == ["test_shop.py::test_loop: @pytest.mark.inprofile(allow=['Post.author'])"]
    assert stale(project.run()) == []


def test_a_pattern_of_the_settings_is_stale_when_its_routes_or_files_ran(project, monkeypatch):
    project.write(
        "test_shop.py",
        """
        import inprofile
        from shop import load, load_all

        def test_used(db):
            with inprofile.job("import"):
                load_all(db)

        def test_fine(db):
            with inprofile.job("export"):
                load(db, 1)
        """,
    )
    monkeypatch.setenv(
        "INPROFILE_IGNORE",
        "route:job:import, route:job:export, route:job:mail, file:legacy/*.py, file:test_shop.py,"
        "Post.author, route:job:import kind:repeated_query",
    )
    run = project.run(FAIL)
    assert run.failed == []
    assert stale(run) == [
        "INPROFILE_IGNORE: route:job:export",
        "INPROFILE_IGNORE: route:job:import kind:repeated_query",
    ]
