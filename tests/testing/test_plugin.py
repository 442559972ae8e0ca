"""The pytest plugin, by pytest runs of small projects: what fails, and what is said."""

import re

import pytest

from tests.testing.project import DB, Project

FAIL = "--inprofile-fail-on=n_plus_one"


@pytest.fixture
def project(tmp_path):
    project = Project(tmp_path)
    project.write("conftest.py", "from shop import *\nfrom shop import db")
    project.write("shop.py", DB)
    project.write("pytest.ini", (tmp_path / "pytest.ini").read_text() + "pythonpath = .\n")
    return project


# What fails


def test_a_loop_fails_its_test_and_no_other_one(project):
    project.write(
        "test_shop.py",
        """
        from shop import load, load_all

        def test_clean(db):
            assert load(db, 1) == (1,)

        def test_loop(db):
            assert load_all(db) == [(1,)] * 4
        """,
    )
    run = project.run(FAIL)
    assert run.outcomes == {"passed": 1, "failed": 1}
    assert run.failed == ["test_loop"]


def test_a_failure_shows_what_where_and_how_to_ignore_it(project):
    project.write(
        "test_shop.py",
        """
        from shop import load_all

        def test_loop(db):
            load_all(db)
        """,
    )
    text = project.run(FAIL).text
    loop, query = project.line("shop.py", "L"), project.line("shop.py", "Q")
    said = f"""\
n_plus_one: 4 x SELECT v FROM t WHERE id = ?
  4 runs for 4 different elements
  loop      shop.py:{loop} in load_all
            |   return [load(db, number) for number in range(4)]  # L
  query     shop.py:{query} in load
            |   return db.execute("SELECT v FROM t WHERE id = ?", (number,)).fetchone()  # Q
"""
    assert said in text
    assert "  ignore    # inprofile: ignore[n_plus_one] on the line of the loop or of the" in text
    assert '@pytest.mark.inprofile(allow=["n_plus_one file:shop.py"])' in text
    assert "INPROFILE_IGNORE='n_plus_one file:shop.py'" in text


def test_an_error_that_the_test_swallows_does_not_swallow_the_finding(project):
    project.write(
        "test_shop.py",
        """
        from shop import load_all

        def test_swallowed(db):
            try:
                load_all(db)
                raise RuntimeError
            except BaseException:
                pass

        def test_swallowed_limit(db, max_queries):
            try:
                with max_queries(1):
                    load_all(db)
            except BaseException:
                pass
        """,
    )
    run = project.run(FAIL)
    assert run.failed == ["test_swallowed", "test_swallowed_limit"]
    assert "4 queries, at most 1 allowed" in run.text


def test_a_test_that_fails_by_itself_shows_its_own_failure_and_the_finding_beside_it(project):
    project.write(
        "test_shop.py",
        """
        from shop import load_all

        def test_wrong(db):
            assert load_all(db) == []
        """,
    )
    text = project.run(FAIL).text
    assert "assert [(1,), (1,), (1,), (1,)] == []" in text
    assert "Captured inprofile call" in text
    assert "n_plus_one: 4 x SELECT v FROM t WHERE id = ?" in text


def test_fixtures_are_not_judged(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load_all

        @pytest.fixture
        def loaded(db):
            yield load_all(db)
            load_all(db)

        def test_fixture(loaded):
            assert len(loaded) == 4
        """,
    )
    assert project.run(FAIL).outcomes == {"passed": 1}


def test_only_the_kinds_that_are_asked_for_fail(project):
    project.write(
        "test_shop.py",
        """
        from shop import load, load_all

        def test_n_plus_one(db):
            load_all(db)

        def test_repeated(db):
            for _ in range(8):
                load(db, 1)
        """,
    )
    assert project.run("--inprofile-fail-on=repeated_query").failed == ["test_repeated"]
    both = "--inprofile-fail-on=repeated_query, n_plus_one"
    assert project.run(both).failed == ["test_n_plus_one", "test_repeated"]


def test_the_ini_file_says_it_for_every_run_and_the_option_wins(project):
    project.write("test_shop.py", "from shop import load_all\ndef test_loop(db): load_all(db)")
    ini = (project.path / "pytest.ini").read_text()
    project.write("pytest.ini", ini + "inprofile_fail_on = n_plus_one\n")
    assert project.run().failed == ["test_loop"]
    assert project.run("--inprofile-fail-on=").failed == []


def test_a_kind_that_there_is_not_ends_the_run_and_says_which_there_are(project):
    there_are = "is no kind of finding (did you mean n_plus_one?): there are n_plus_one, repeated_"
    text = project.run("--inprofile-fail-on=nplusone").text
    assert f"--inprofile-fail-on: 'nplusone' {there_are}" in text
    text = project.run("-o", "inprofile_fail_on=N_PLUS_ONE").text
    assert f"ERROR: inprofile_fail_on: 'N_PLUS_ONE' {there_are}" in text


def test_a_bad_setting_ends_the_run_and_says_what_is_allowed(project, monkeypatch):
    monkeypatch.setenv("INPROFILE_IGNORE", "Post")
    project.write("test_shop.py", "def test_nothing(): pass")
    text = project.run(FAIL).text
    assert "INPROFILE_IGNORE='Post' is not allowed" in text
    assert "Traceback" not in text


def test_where_inprofile_is_switched_off_it_says_that_nothing_was_judged(project, monkeypatch):
    monkeypatch.setenv("INPROFILE_ENABLED", "0")
    project.write("test_shop.py", "from shop import load_all\ndef test_loop(db): load_all(db)")
    run = project.run(FAIL)
    assert run.outcomes == {"passed": 1}
    assert run.summary() == ["switched off by INPROFILE_ENABLED: no test was judged"]


def test_classes_parameters_and_skips_are_as_they_were(project):
    project.write(
        "test_shop.py",
        """
        import unittest
        import pytest
        from shop import load, load_all

        class TestMethods:
            def test_method(self, db):
                load_all(db)

            @pytest.mark.parametrize("number", [1, 2])
            def test_parameters(self, db, number):
                assert load(db, number)

            def test_skipped(self, db):
                pytest.skip("later")

            @pytest.mark.xfail(strict=True)
            def test_expected(self, db):
                load_all(db)
        """,
    )
    run = project.run(FAIL)
    assert run.outcomes == {"failed": 1, "passed": 2, "skipped": 1, "xfailed": 1}
    assert run.failed == ["test_method"]


def test_unittest_is_judged_without_its_set_up(project):
    project.write(
        "test_shop.py",
        """
        import sqlite3
        import unittest
        from shop import load, load_all

        class Test(unittest.TestCase):
            def setUp(self):
                self.db = sqlite3.connect(":memory:")
                self.addCleanup(self.db.close)
                self.db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
                load_all(self.db)

            def test_clean(self):
                load(self.db, 1)

            def test_loop(self):
                with self.subTest("swallowed"):
                    load_all(self.db)

        class Async(unittest.IsolatedAsyncioTestCase):
            async def asyncSetUp(self):
                self.db = sqlite3.connect(":memory:")
                self.addCleanup(self.db.close)
                self.db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
                load_all(self.db)

            async def test_clean(self):
                load(self.db, 1)

            async def test_loop(self):
                load_all(self.db)
        """,
    )
    run = project.run(FAIL)
    assert run.outcomes["failed"] == 2, run.text
    assert run.outcomes["passed"] >= 2
    assert "FAILED test_shop.py::Test::test_loop" in run.text
    assert "FAILED test_shop.py::Async::test_loop" in run.text


ASYNC = """
    import asyncio
    from shop import load, load_all

    {mark}
    async def test_loop(db):
        await asyncio.sleep(0)
        load_all(db)

    {mark}
    async def test_clean(db):
        await asyncio.gather(*(asyncio.sleep(0) for _ in range(3)))
        load(db, 1)
"""


@pytest.mark.parametrize(
    ("plugin", "mark"), [("asyncio", "@pytest.mark.asyncio"), ("anyio", "@pytest.mark.anyio")]
)
def test_async_tests_are_judged_whoever_runs_their_loop(plugin, mark, project):
    project.write(
        "test_shop.py", "import pytest\n" + ASYNC.format(mark=mark).replace("\n    ", "\n")
    )
    if plugin == "anyio":
        conftest = (project.path / "conftest.py").read_text()
        fixture = "\nimport pytest\n@pytest.fixture\ndef anyio_backend(): return 'asyncio'\n"
        project.write("conftest.py", conftest + fixture)
    run = project.run(FAIL, plugins=[plugin])
    assert run.outcomes == {"passed": 1, "failed": 1}, run.text
    assert run.failed == ["test_loop"]


def test_the_examples_of_hypothesis_are_judged_each_by_itself(project):
    project.write(
        "test_shop.py",
        """
        import sqlite3
        from hypothesis import given, settings, strategies as st
        from shop import load, load_all

        db = sqlite3.connect(":memory:", check_same_thread=False)
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")

        @settings(max_examples=20, deadline=None, database=None)
        @given(st.integers(0, 1000))
        def test_clean(number):
            load(db, number)

        @settings(max_examples=5, deadline=None, database=None)
        @given(st.integers(0, 1000))
        def test_loop(number):
            load_all(db)
        """,
    )
    run = project.run(FAIL, plugins=["hypothesispytest"])
    assert run.failed == ["test_loop"], run.text


# Requests to the application under test

APP = """
    import asyncio
    import httpx
    import inprofile
    from fastapi import FastAPI
    from fastapi.testclient import TestClient
    from shop import load, load_all
    import sqlite3

    app = FastAPI()
    inprofile.instrument(app, slow_ms=5)
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")

    @app.get("/one/{number}")
    def one(number: int):
        return load(db, number)

    @app.get("/all")
    async def every():
        return load_all(db)

    client = TestClient(app)

    def test_loop():
        for _ in range(2):
            assert client.get("/all").status_code == 200

    def test_a_client_in_a_loop():
        for number in range(6):
            assert client.get(f"/one/{number}").status_code == 200

    def test_an_async_client_in_a_loop():
        async def main():
            there = httpx.ASGITransport(app)
            async with httpx.AsyncClient(transport=there, base_url="http://shop") as client:
                for number in range(6):
                    assert (await client.get(f"/one/{number}")).status_code == 200

        asyncio.run(main())

    def test_record(inprofile_record):
        client.get("/one/1")
        assert inprofile_record.trace.route == "/one/{number}"
        assert inprofile_record.findings == []
"""


def test_requests_of_a_test_client_are_judged_each_by_itself(project):
    project.write("test_shop.py", APP)
    run = project.run("--inprofile-fail-on=all", "-W", "ignore")
    assert run.failed == ["test_loop"], run.text
    assert "4 runs for 4 different elements in /all, in 2 requests or recordings" in run.text


# max_queries


def test_too_many_queries_are_listed_with_their_counts_and_lines(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load, load_all

        def test_block(db, max_queries):
            load_all(db)
            with max_queries(2):
                load(db, 1)
                db.execute("SELECT v FROM t WHERE id IN (1, 2)").fetchall()  # B
                db.executemany("INSERT INTO t VALUES (?, ?)", [(7, 7), (8, 8)])
                db.commit()

        def test_enough(db, max_queries):
            with max_queries(2), max_queries(4):
                load(db, 1)
                load(db, 2)

        def test_called(db, max_queries):
            load(db, 0)
            max_queries(1)
            load(db, 1)
            load(db, 2)

        @pytest.mark.inprofile(max_queries=3)
        def test_marker(db):
            load_all(db)

        @pytest.mark.inprofile(max_queries=4)
        def test_marker_enough(db):
            load_all(db)

        @pytest.fixture
        def checked(db, max_queries):
            with max_queries(0):
                load(db, 1)

        def test_in_a_fixture(checked):
            pass

        @pytest.fixture
        def limited(max_queries):
            return max_queries(2)

        def test_limited_by_a_fixture(limited, db):
            load_all(db)

        def test_limited_later(limited, db):
            load_all(db)
            with limited:
                load(db, 1)

        def test_limited_on_demand(db, request):
            with request.getfixturevalue("max_queries")(2):
                load_all(db)

        @pytest.mark.parametrize("most", ["5", -1, None, 1.5])
        def test_impossible(db, max_queries, most):
            load_all(db)
            max_queries(most)
        """,
    )
    run = project.run()
    assert run.outcomes == {"failed": 9, "passed": 3, "error": 1}, run.text
    assert run.failed == [
        "test_block",
        "test_called",
        "test_impossible",
        "test_limited_by_a_fixture",
        "test_limited_on_demand",
        "test_marker",
    ]
    assert "3 queries, at most 2 allowed:" in run.text
    assert "1 x SELECT v FROM t WHERE id IN (?)" in run.text
    assert f"test_shop.py:{project.line('test_shop.py', 'B')} in test_block" in run.text
    assert "1 x INSERT INTO t VALUES (?)" in run.text
    assert "4 queries, at most 3 allowed:\n  4 x SELECT v FROM t WHERE id = ?" in run.text
    assert "1 query, at most 0 allowed:" in run.text
    for most in ("'5'", "-1", "None", "1.5"):
        assert f"ValueError: max_queries({most}): it takes how many queries may run at" in run.text


def test_a_recording_that_is_asked_for_by_name_is_there_or_says_that_it_is_too_late(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load_all

        @pytest.fixture
        def recorded(request):
            return request.getfixturevalue("inprofile_record")

        def test_in_time(recorded, db):
            load_all(db)
            assert [finding.kind for finding in recorded.findings] == ["n_plus_one"]

        def test_too_late(request, db):
            request.getfixturevalue("inprofile_record")
        """,
    )
    run = project.run()
    assert run.outcomes == {"passed": 1, "failed": 1}, run.text
    assert "test_too_late - Failed: inprofile_record records a test" in run.text


def test_a_limit_says_nothing_about_a_block_that_fails_by_itself(project):
    project.write(
        "test_shop.py",
        """
        from shop import load_all

        def test_wrong(db, max_queries):
            with max_queries(1):
                load_all(db)
                raise KeyError("own")
        """,
    )
    text = project.run().text
    assert "KeyError: 'own'" in text
    assert "at most" not in text.replace("at most so many", "")


IMPOSSIBLE = {
    "max_queries='x'": "max_queries='x'): it takes how many queries may run at most",
    "max_queries=-1": "max_queries=-1): it takes how many",
    "max_queries=True": "max_queries=True): it takes how many",
    "allow=['Post']": "allow=['Post']): 'Post' is neither a kind nor a relation",
    "5": "it was given (5,)",
    "": "it was given nothing",
    "most=3": "it was given ['most']",
    "fail_on=['n1']": "'n1' is no kind of finding",
}


def test_a_marker_that_cannot_be_fails_its_test_and_says_why(project):
    tests = [
        f"@pytest.mark.inprofile({marker})\ndef test_{n}(): pass"
        for n, marker in enumerate(IMPOSSIBLE)
    ]
    project.write("test_shop.py", "\n".join(["import pytest", *tests]))
    run = project.run()
    assert run.outcomes == {"error": len(IMPOSSIBLE)}
    said = dict(re.findall(r"ERROR at setup of test_(\d+) _+\n(.*?)\n(?=_|=)", run.text, re.DOTALL))
    assert all(why in said[str(n)] for n, why in enumerate(IMPOSSIBLE.values())), run.text


def test_a_marker_may_say_what_to_fail_on(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load_all

        @pytest.mark.inprofile(fail_on="n_plus_one")
        def test_strict(db):
            load_all(db)

        @pytest.mark.inprofile(fail_on=[])
        def test_lax(db):
            load_all(db)

        def test_other(db):
            load_all(db)
        """,
    )
    assert project.run().failed == ["test_strict"]
    assert project.run(FAIL).failed == ["test_other", "test_strict"]


# The end of the run


def test_the_summary_has_each_place_once(project):
    project.write(
        "test_shop.py",
        """
        import pytest
        from shop import load_all

        @pytest.mark.parametrize("number", range(3))
        def test_loop(db, number):
            load_all(db)

        def test_again(db):
            load_all(db)
        """,
    )
    loop, query = project.line("shop.py", "L"), project.line("shop.py", "Q")
    expected = [
        f"n_plus_one: loop shop.py:{loop}, query shop.py:{query}, SELECT v FROM t WHERE id = ?",
        "    fix: WHERE id IN (?, ?, ...)",
        "    up to 4 x in test_shop.py::test_again and 3 more",
    ]
    assert project.run(FAIL).summary() == expected
    shared = project.run(FAIL, "-n", "2", plugins=["xdist"])
    assert shared.outcomes["failed"] == 4, shared.text
    assert shared.summary() == expected


# Unused


def test_unused_it_loads_nothing_and_patches_nothing(project):
    project.write(
        "test_shop.py",
        """
        import sqlite3, sys

        connect = sqlite3.connect

        def test_nothing(pytestconfig):
            assert pytestconfig.pluginmanager.has_plugin("inprofile-hooks")
            loaded = {name for name in sys.modules if name.startswith("inprofile")}
            assert loaded == {
                "inprofile",
                "inprofile.testing",
                "inprofile.testing.hooks",
                "inprofile.testing.plugin",
            }
            assert not {name for name in sys.modules if name.startswith(("opentel", "wrapt"))}
            assert connect.__module__ == "_sqlite3"
        """,
    )
    project.write("conftest.py", "")
    run = project.run()
    assert run.outcomes == {"passed": 1}, run.text


@pytest.mark.parametrize("first", ["entry", "module"])
def test_it_may_be_loaded_by_its_entry_point_and_by_name(first, project):
    """As where the package is installed and a conftest or a command line names the module."""
    project.write(
        "both.py",
        """
        from inprofile.testing import plugin

        def pytest_addoption(parser, pluginmanager):
            pluginmanager.register(plugin.entry, "inprofile")
        """,
    )
    project.write("test_shop.py", "from shop import load_all\ndef test_loop(db): load_all(db)")
    names = ["both", "inprofile.testing.plugin"]
    if first == "module":
        names.reverse()
    options = [part for name in names for part in ("-p", name)]
    run = project.run(FAIL, *options)
    assert run.failed == ["test_loop"], run.text
