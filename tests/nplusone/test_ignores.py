"""What may be ignored, and how: comments, blocks, settings; and that nothing else is."""

import asyncio
import contextlib
import importlib.util
import sqlite3
import threading

import pytest

import inprofile
from inprofile.core.application import application
from inprofile.testing import record
from tests.nplusone.judging import findings


@pytest.fixture
def db():
    inprofile.instrument()
    db = sqlite3.connect(":memory:", check_same_thread=False)
    db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
    yield db
    db.close()


def get(db, i):
    return db.execute("SELECT v FROM t WHERE id = ?", (i,)).fetchone()


def loop(db, times=4):
    for i in range(times):
        get(db, i)


def kinds(run, *args):
    return [finding.kind for finding in findings(run, *args)]


# Comments


def on_the_loop(db):
    for i in range(4):  # inprofile: ignore[n_plus_one]
        get(db, i)


def on_the_query(db):
    for i in range(4):
        db.execute("SELECT v FROM t WHERE id = ?", (i,))  # inprofile: ignore[n_plus_one]


def of_all_kinds(db):
    for i in range(4):  # inprofile: ignore
        get(db, i)


def of_several_kinds(db):
    for i in range(
        4
    ):  # pragma: no branch  # inprofile: ignore[cache_n_plus_one, n_plus_one] - small
        get(db, i)


def on_a_line_above(db):
    # inprofile: ignore[n_plus_one]
    # These are three.
    for i in range(4):
        get(db, i)


def on_another_line_of_the_statement(db):
    for i in range(4):
        db.execute(
            "SELECT v FROM t WHERE id = ?",
            (i,),  # inprofile: ignore[n_plus_one]
        )


def on_a_comprehension(db):
    return [
        get(db, i)
        for i in range(4)  # inprofile: ignore
    ]


def between_the_loop_and_the_query(db):
    for i in range(4):
        # inprofile: ignore
        get(db, i)


def in_a_decorator(db):
    @decorated_with(
        [get(db, i) for i in range(4)],
        "rows",  # inprofile: ignore
    )
    def decorated():
        pass


def decorated_with(*_values):
    return lambda function: function


def of_a_file(db):
    for i in range(4):  # inprofile: ignore[Post.*, n_plus_one file:*/nplusone/*]
        get(db, i)


def of_another_relation(db):
    for i in range(4):  # inprofile: ignore[Post.*]
        get(db, i)


def of_another_kind(db):
    for i in range(4):  # inprofile: ignore[http_n_plus_one]
        get(db, i)


def of_no_kind(db):
    for i in range(4):  # inprofile: ignore[n_plus_on]
        get(db, i)


def on_a_line_before(db):
    assert db  # inprofile: ignore
    for i in range(4):
        get(db, i)


def in_a_string(db):
    for i in range(4) if "# inprofile: ignore" else ():
        get(db, i)


def of_another_word(db):
    for i in range(4):  # inprofile: ignored until June
        get(db, i)


def on_the_function(db):  # inprofile: ignore
    for i in range(4):
        get(db, i)


@pytest.mark.parametrize(
    "run",
    [
        on_the_loop,
        on_the_query,
        of_all_kinds,
        of_several_kinds,
        on_a_line_above,
        on_another_line_of_the_statement,
        on_a_comprehension,
        in_a_decorator,
        of_a_file,
    ],
)
def test_a_comment_on_the_loop_or_the_query_is_heeded(run, db):
    assert findings(run, db) == []


@pytest.mark.parametrize(
    "run",
    [
        loop,
        between_the_loop_and_the_query,
        of_another_kind,
        of_another_relation,
        of_no_kind,
        on_a_line_before,
        in_a_string,
        of_another_word,
        on_the_function,
    ],
)
def test_a_comment_elsewhere_or_about_something_else_is_not(run, db):
    assert kinds(run, db) == ["n_plus_one"]


def test_a_comment_about_one_loop_says_nothing_about_another_one_with_the_same_query(db):
    def both():
        on_the_loop(db)
        loop(db)

    (finding,) = findings(both)
    assert finding.loop is not None
    assert finding.loop.function == "loop"


TEMPLATE = """\
{% for i in numbers %}{{ get(i) }}{% endfor %}
{% for i in numbers %}{# inprofile: ignore[n_plus_one] #}{{ get(i) }}{% endfor %}
{# inprofile: ignore #}
{% for i in numbers %}{{ get(i) }}{% endfor %}
"""


def test_a_template_has_comments_of_its_own(tmp_path):
    from inprofile.core.model import Finding, Location
    from inprofile.detectors import ignores

    file = tmp_path / "list.html"
    file.write_text(TEMPLATE)

    def silenced(line):
        place = Location(str(file), line, "")
        finding = Finding("n_plus_one", "/", "SELECT 1", 3, 0, "", "", query=place, loop=place)
        return bool(list(ignores.silencing(finding)))

    assert [silenced(line) for line in (1, 2, 3, 4)] == [False, True, True, True]
    file.write_text(TEMPLATE.replace("inprofile: ignore", "TODO: do not ignore"))
    assert [silenced(line) for line in (1, 2, 3, 4)] == [False] * 4


@pytest.mark.parametrize(
    "text", ["", "\0", "# inprofile: ignore\nx = (", "# inprofile: ignore\n  x = 1\n y = 2\n"]
)
def test_a_file_that_is_no_source_does_no_harm(text, tmp_path):
    from inprofile.core.model import Location
    from inprofile.detectors import ignores

    for name in ("broken.py", "broken.html", "missing.py"):
        if name.startswith("broken"):
            (tmp_path / name).write_text(text)
        list(ignores.about(Location(str(tmp_path / name), 1, "")))


# Blocks


def test_what_runs_in_a_block_is_not_judged_and_what_runs_outside_of_it_is(db):
    def both():
        with inprofile.ignore("n_plus_one"):
            loop(db)
        loop(db, times=5)

    (finding,) = findings(both)
    assert (finding.kind, finding.count) == ("n_plus_one", 5)


def test_a_block_may_be_inside_of_the_loop(db):
    def run():
        for i in range(4):
            with inprofile.ignore():
                get(db, i)

    assert findings(run) == []


def test_a_block_is_about_its_kinds_alone_and_inner_blocks_add_theirs(db):
    def other():
        with inprofile.ignore("http_n_plus_one"):
            loop(db)

    def fitting():
        with inprofile.ignore("Post.*", "file:test_ignores.py"):
            loop(db)

    def nested():
        with inprofile.ignore("n_plus_one"), inprofile.ignore("http_n_plus_one"):
            loop(db)

    def after():
        with inprofile.ignore("http_n_plus_one"):
            with inprofile.ignore("n_plus_one"):
                pass
            loop(db)

    assert [kinds(run) for run in (other, after)] == [["n_plus_one"], ["n_plus_one"]]
    assert [kinds(run) for run in (fitting, nested)] == [[], []]


def test_a_block_ends_with_an_error_as_well(db):
    def run():
        with pytest.raises(KeyError), inprofile.ignore():
            raise KeyError
        loop(db)

    assert kinds(run) == ["n_plus_one"]


def test_functions_are_decorated_sync_and_async(db):
    @inprofile.ignore("n_plus_one")
    def plain():
        loop(db)
        return "plain"

    @inprofile.ignore("n_plus_one")
    async def coroutine():
        await asyncio.sleep(0)
        loop(db)
        return "coroutine"

    async def block():
        async with inprofile.ignore():
            loop(db)

    with record() as recording:
        assert plain() == "plain"
        assert asyncio.run(coroutine()) == "coroutine"
        asyncio.run(block())
    assert recording.findings == []
    with pytest.raises(TypeError, match="is a generator"):

        @inprofile.ignore()
        def numbers():
            yield 1


def loop_alone(times=4):
    """On a connection of its own, as threads at once must have."""
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        loop(db, times)


def test_a_block_holds_for_its_task_and_what_that_starts_and_for_nobody_else(db):
    async def ignored():
        with inprofile.ignore():
            await asyncio.sleep(0)
            await asyncio.to_thread(loop_alone)
            await asyncio.create_task(asyncio.to_thread(loop_alone))

    async def judged():
        await asyncio.sleep(0)
        loop_alone(times=5)

    async def main():
        with record() as recording:
            await asyncio.gather(ignored(), judged(), ignored())
        return recording

    (finding,) = asyncio.run(main()).findings
    assert finding.count == 5


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("n_plus_on", r"'n_plus_on' is neither a kind \(did you mean n_plus_one\?\)"),
        ("slow_query", "a block can ignore n_plus_one, repeated_query, .* INPROFILE_IGNORE="),
    ],
)
def test_a_kind_that_a_block_cannot_ignore_is_refused_with_what_it_can(kind, said):
    with pytest.raises(ValueError, match=said):
        inprofile.ignore("n_plus_one", kind)


def test_outside_of_a_trace_and_without_inprofile_a_block_does_nothing():
    with inprofile.ignore("n_plus_one"):
        pass
    thread = threading.Thread(target=inprofile.ignore("n_plus_one")(int))
    thread.start()
    thread.join()


# Settings


def in_a_job(db):
    with inprofile.job("import/authors"):
        loop(db)


@pytest.mark.parametrize(
    "patterns",
    [
        "n_plus_one",
        "kind:*n_plus_one",
        "cache_n_plus_one, n_plus_one",
        "route:job:import/*",
        "route:job:import/author?",
        "file:*/nplusone/*.py",
        "file:nplusone/test_ignores.py",
        "route:job:* kind:n_plus_one file:test_ignores.py",
    ],
)
def test_a_pattern_ignores_what_it_fits(patterns):
    inprofile.instrument(ignore=patterns)
    with sqlite3.connect(":memory:") as fresh:
        fresh.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        assert findings(in_a_job, fresh) == []
    fresh.close()


@pytest.mark.parametrize(
    "patterns",
    [
        "http_n_plus_one",
        "Post.*",
        "route:import/*",
        "route:job:import",
        "file:*/legacy/*.py",
        "file:ignores.py",
        "route:job:* kind:repeated_query",
        "route:job:[a-z]*",
    ],
)
def test_a_pattern_ignores_nothing_else(patterns):
    inprofile.instrument(ignore=patterns)
    with sqlite3.connect(":memory:") as fresh:
        fresh.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        assert kinds(in_a_job, fresh) == ["n_plus_one"]
    fresh.close()


def test_relations_are_matched_with_wildcards():
    from inprofile.core.model import Finding
    from inprofile.detectors import ignores
    from inprofile.patterns import parse

    def fits(pattern, relation):
        finding = Finding("n_plus_one", "/", "", 3, 0, "", "", relation=relation)
        return ignores.fits(parse(pattern), finding)

    assert fits("Post.author", "Post.author")
    assert fits("relation:Post.*", "Post.author")
    assert fits("*.author", "Post.author")
    assert not fits("Post.author", "Post.author_id")
    assert not fits("Post.*", "BlogPost.author")
    assert not fits("relation:*", "")


def test_the_least_count_can_be_raised():
    inprofile.instrument(nplusone_min=5)
    with sqlite3.connect(":memory:") as fresh:
        fresh.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        counts = [len(findings(loop, fresh, times)) for times in (2, 4, 5, 6)]
    fresh.close()
    assert counts == [0, 0, 1, 1]


def test_installed_code_can_be_declared_ones_own(tmp_path):
    package = tmp_path / "site-packages" / "shop"
    package.mkdir(parents=True)
    (package / "views.py").write_text(
        "def run(db):\n    for i in range(4):\n"
        "        db.execute('SELECT v FROM t WHERE id = ?', (i,))\n"
    )
    spec = importlib.util.spec_from_file_location("shop_views", package / "views.py")
    assert spec is not None
    views = importlib.util.module_from_spec(spec)
    assert spec.loader is not None
    spec.loader.exec_module(views)

    def files():
        with sqlite3.connect(":memory:") as fresh:
            fresh.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
            (finding,) = findings(views.run, fresh)
        fresh.close()
        return [place.file for place in (finding.loop, finding.query) if place is not None]

    inprofile.instrument()
    assert str(package / "views.py") not in files()
    inprofile.uninstrument()
    inprofile.instrument(app_paths=[str(package)])
    assert files() == [str(package / "views.py")] * 2
    inprofile.uninstrument()
    assert application.prefixes == ()


def test_what_is_ignored_is_neither_a_reason_to_keep_a_trace_nor_stored(group):
    from inprofile import process
    from inprofile.storage.store import Store

    inprofile.instrument(sample_rate=1, ignore="n_plus_one")
    with sqlite3.connect(":memory:") as fresh:
        fresh.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        in_a_job(fresh)
    fresh.close()
    running = process.running()
    assert running is not None
    assert running.pipeline is not None
    assert running.pipeline.flush()
    assert [trace.route for trace in Store(group).traces()] == ["job:import/authors"]
    assert Store(group).findings() == []
    assert inprofile.status()["settings"]["ignore"] == ("n_plus_one",)
    assert inprofile.status()["errors"] == 0
