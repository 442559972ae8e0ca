"""Jinja2's templates: their code is generated, the lines said are those of the templates."""

import asyncio
import sqlite3
from pathlib import Path
from typing import NamedTuple

import pytest
from jinja2 import DictLoader, Environment, FileSystemLoader, ModuleLoader
from jinja2.sandbox import SandboxedEnvironment

import inprofile
from tests.nplusone.judging import findings, marked, place

TEMPLATES = Path(__file__).with_name("templates") / "jinja"
ROWS = 4
WIRE: list[str] = []
"""What the database was asked for."""


class Writer(NamedTuple):
    pk: int
    name: str


class Book(NamedTuple):
    db: sqlite3.Connection
    pk: int
    title: str
    writer_id: int

    @property
    def writer_name(self):
        return writer_of(self).name


class Shelf(NamedTuple):
    db: sqlite3.Connection
    pk: int

    @property
    def books(self):
        query = "SELECT * FROM book WHERE id % 4 = ?"
        return [Book(self.db, *row) for row in self.db.execute(query, (self.pk,))]  # Q2


def writer_of(book):
    row = book.db.execute("SELECT * FROM writer WHERE id = ?", (book.writer_id,))  # Q
    return Writer(*row.fetchone())


@pytest.fixture
def db():
    inprofile.instrument()
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE writer (id INTEGER, name TEXT)")
        db.execute("CREATE TABLE book (id INTEGER, title TEXT, writer_id INTEGER)")
        for n in range(ROWS):
            db.execute("INSERT INTO writer VALUES (?, ?)", (n, f"writer {n}"))
            db.execute("INSERT INTO book VALUES (?, ?, ?)", (n, f"book {n}", n))
        db.set_trace_callback(WIRE.append)
        yield db
    db.close()


def looked_up(db):
    """A function for templates that is a library's: no line of the application's is below them."""
    scope = {"Writer": Writer, "db": db}
    source = """
def writer(book):
    query = "SELECT * FROM writer WHERE id = ?"
    return Writer(*db.execute(query, (book.writer_id,)).fetchone())
"""
    exec(compile(source, "<library>", "exec"), scope)
    return scope["writer"]


def books(db):
    return [Book(db, *row) for row in db.execute("SELECT * FROM book ORDER BY id")]


KINDS = {"plain": Environment, "sandboxed": SandboxedEnvironment}


@pytest.fixture(params=[*KINDS, "async", "before"])
def environment(request):
    kind = KINDS.get(request.param, Environment)
    found = kind(loader=FileSystemLoader(TEMPLATES), enable_async=request.param == "async")
    if request.param == "before":  # loaded when nobody looked
        inprofile.uninstrument()
        for name in found.list_templates():
            found.get_template(name)
        inprofile.instrument()
    return found


def a_page(environment, name, db):
    """A call that renders a template which has everything."""
    rows = books(db)

    def render():
        values = {"books": rows, "these": rows, "shelves": [rows[:2], rows[2:]]}
        values |= dict(zip("abcd", rows, strict=True))
        values["writer"] = looked_up(db)
        return environment.get_template(name).render(values)

    return render


def judged(run, *templates, query="Q"):
    """The only finding of a call, whose lines are those marked in the templates."""
    marks = marked(*[TEMPLATES / name if isinstance(name, str) else name for name in templates])
    WIRE.clear()
    (finding,) = findings(run)
    within = WIRE[:]
    WIRE.clear()
    run()
    assert within == WIRE
    assert len(WIRE) >= ROWS
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert place(finding.loop) == marks["L"]
    assert place(finding.query) == marks[query]
    return finding


@pytest.mark.parametrize("name", ["for.html", "filtered.html", "inner.html", "set.html"])
def test_a_line_in_a_loop_is_the_query_and_the_loop_is_where_it_stands(name, environment, db):
    finding = judged(a_page(environment, name, db), name)
    assert finding.loop.function == finding.query.function == name


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("imports.html", "macro.html"),
        ("include.html", "part.html"),
        ("extends_row.html", "base.html"),
    ],
)
def test_what_stands_in_another_file_is_named_by_it(name, other, environment, db):
    judged(a_page(environment, name, db), name, other)


def test_a_loop_in_a_block_of_a_child(environment, db):
    def render():
        rows = books(db)
        values = {"these": rows, "writer": looked_up(db)}
        return environment.get_template("extends_loop.html").render(values)

    judged(render, "extends_loop.html")


def test_the_applications_function_below_a_line_is_the_query(environment, db):
    judged(a_page(environment, "method.html", db), "method.html", writer_of)


def test_a_filter_that_goes_through_rows_is_driven_by_its_line(environment, db):
    judged(a_page(environment, "mapped.html", db), "mapped.html", writer_of)


def test_the_rows_that_an_inner_loop_asks_for_are_of_the_outer_one(environment, db):
    def render():
        values = {"shelves": [Shelf(db, n) for n in range(ROWS)]}
        return environment.get_template("outer.html").render(values)

    (finding,) = findings(render)
    assert (finding.count, place(finding.loop)) == (ROWS, marked(TEMPLATES / "outer.html")["L"])
    assert place(finding.query) == marked(Shelf)["Q2"]


def test_one_part_in_two_loops_is_two_findings(environment, db):
    marks = marked(TEMPLATES / "include_two.html", TEMPLATES / "part.html")
    found = findings(a_page(environment, "include_two.html", db))
    assert [place(one.loop) for one in found] == [marks["L1"], marks["L2"]]
    assert [place(one.query) for one in found] == [marks["Q"]] * 2
    assert [one.count for one in found] == [ROWS] * 2


@pytest.mark.parametrize("name", ["straight.html", "straight_include.html"])
def test_lines_without_a_loop_are_silent(name, environment, db):
    assert findings(a_page(environment, name, db)) == []


def test_rows_that_came_with_all_they_need_are_silent(environment, db):
    def render():
        query = "SELECT * FROM writer WHERE id IN (0, 1, 2, 3)"
        known = {row[0]: Writer(*row) for row in db.execute(query)}
        values = {"books": books(db), "writer": lambda book: known[book.writer_id]}
        return environment.get_template("for.html").render(values)

    assert findings(render) == []


def test_a_template_of_a_string_has_lines_all_the_same(environment, db):
    text = "\n{% for book in books %}\n\n{{ writer(book).name }}{% endfor %}"
    template = environment.from_string(text)
    values = {"books": books(db), "writer": looked_up(db)}
    (finding,) = findings(lambda: template.render(values))
    assert finding.loop == ("<template>", 2, "")
    assert finding.query == ("<template>", 4, "")


def test_a_template_in_a_loop_of_pythons(environment, db):
    def render():
        for book in books(db):  # L
            environment.get_template("part.html").render(book=book, writer=looked_up(db))

    judged(render, render, "part.html")


def test_a_template_that_is_awaited(db):
    environment = Environment(loader=FileSystemLoader(TEMPLATES), enable_async=True)
    values = {"books": books(db), "writer": looked_up(db)}

    async def work():
        return await environment.get_template("include.html").render_async(values)

    judged(lambda: asyncio.run(work()), "include.html", "part.html")


def test_a_coroutine_that_a_template_awaits(db):
    environment = Environment(loader=FileSystemLoader(TEMPLATES), enable_async=True)
    writer = looked_up(db)

    async def waiting(book):
        await asyncio.sleep(0)
        return writer(book)  # Q

    async def work():
        page = environment.from_string("{% for book in books %}\n{{ writer(book) }}{% endfor %}")
        return await page.render_async(books=books(db), writer=waiting)

    (finding,) = findings(lambda: asyncio.run(work()))
    assert (finding.count, finding.loop) == (ROWS, ("<template>", 1, ""))
    assert place(finding.query) == marked(waiting)["Q"]


def test_a_template_that_is_streamed(environment, db):
    values = {"books": books(db), "writer": looked_up(db)}
    page = environment.get_template("for.html")
    judged(lambda: list(page.generate(values)), "for.html")


def test_templates_that_were_compiled_before_have_lines(db, tmp_path):
    Environment(loader=FileSystemLoader(TEMPLATES)).compile_templates(tmp_path, zip=None)
    environment = Environment(loader=ModuleLoader(tmp_path))
    (finding,) = findings(a_page(environment, "for.html", db))
    marks = marked(TEMPLATES / "for.html")
    assert finding.loop is not None
    assert finding.query is not None
    assert (finding.loop.line, finding.query.line) == (marks["L"][1], marks["Q"][1])
    assert finding.loop.function == finding.query.function == "for.html"


def test_templates_of_a_dictionary_have_lines(db):
    text = (TEMPLATES / "for.html").read_text()
    environment = Environment(loader=DictLoader({"for.html": text}))
    (finding,) = findings(a_page(environment, "for.html", db))
    marks = marked(TEMPLATES / "for.html")
    assert finding.loop == ("<template>", marks["L"][1], "for.html")
    assert finding.query == ("<template>", marks["Q"][1], "for.html")


def test_a_recursive_loop_is_named_by_its_own_line(environment, db):
    db.execute("CREATE TABLE node (id INTEGER, parent INTEGER)")
    for n in range(2, 16):
        db.execute("INSERT INTO node VALUES (?, ?)", (n, n // 2))
    scope = {"Writer": Writer, "db": db}
    source = """
def children(n):
    rows = db.execute("SELECT id, parent FROM node WHERE parent = ?", (n,)).fetchall()
    return [Writer(*row) for row in rows]
"""
    exec(compile(source, "<library>", "exec"), scope)
    page = environment.get_template("recursive.html")
    (finding,) = findings(lambda: page.render(children=scope["children"]))
    marks = marked(TEMPLATES / "recursive.html")
    assert finding.kind == "n_plus_one"
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) in (marks["L"], marks["Q"])
