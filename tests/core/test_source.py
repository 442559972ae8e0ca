"""The line of source at a location, and the syntax tree of a text."""

import ast
import gc
import inspect

from inprofile.core.model import Location
from inprofile.core.source import MAX_CHARACTERS, source_line, syntax_tree


def here():
    return inspect.stack()[0].lineno  # this very line


def test_a_line_comes_without_its_indentation():
    location = Location(__file__, here(), "here")
    assert source_line(location) == "return inspect.stack()[0].lineno  # this very line"


CALL = """\
rows = [
    get(
        "/posts",
        timeout=3,
    )
    for _ in range(3)
]
draw({
    (
        [
"""


def test_a_line_that_ends_with_an_open_bracket_has_what_follows_behind_it(tmp_path):
    file = tmp_path / "views.py"
    file.write_text(CALL)
    lines = [source_line(Location(str(file), line, "")) for line in (1, 2, 3, 8, 10)]
    assert lines == ['rows = [get("/posts", …', 'get("/posts", …', '"/posts",', "draw({([ …", "[ …"]


def test_a_template_has_lines_too(tmp_path):
    file = tmp_path / "list.html"
    file.write_text("<ul>\n  {% for post in posts %}\n")
    assert source_line(Location(str(file), 2, "")) == "{% for post in posts %}"


def test_where_nothing_can_be_read_there_is_nothing(tmp_path):
    assert source_line(None) == ""
    assert source_line(Location("<string>", 1, "f")) == ""
    assert source_line(Location(str(tmp_path / "gone.py"), 1, "f")) == ""
    assert source_line(Location("nul\0.py", 1, "f")) == ""
    assert source_line(Location(__file__, 10_000, "f")) == ""


def test_a_line_without_end_is_cut(tmp_path):
    file = tmp_path / "made.py"
    file.write_text("x" * 10_000)
    assert len(source_line(Location(str(file), 1, ""))) == MAX_CHARACTERS


def test_a_text_that_is_no_python_has_no_tree():
    assert syntax_tree("{% for one in all %}") is None
    assert syntax_tree("\0") is None
    tree = syntax_tree("for one in all: one.go()")
    assert tree is not None
    assert ast.unparse(tree) == "for one in all:\n    one.go()"


def test_two_trees_may_grow_at_once():
    """CPython 3.11 counts their depth in one place and raises SystemError."""
    text = inspect.getsource(ast)
    inner: list[ast.Module | None] = []

    def collected(_phase, _info):
        if not inner:
            inner.append(None)
            inner[0] = syntax_tree(text)

    threshold = gc.get_threshold()
    gc.callbacks.append(collected)
    gc.set_threshold(100)
    try:
        outer = syntax_tree(text)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.remove(collected)
    assert outer is not None
    assert inner[0] is not None
    assert ast.dump(outer) == ast.dump(inner[0]) == ast.dump(ast.parse(text))
