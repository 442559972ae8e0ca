"""No literal of a generated statement survives, whatever the system, and wherever it is cut off.

Literals and comments hold digits and letters that stand nowhere else in a statement, so one of
these in what is shown is a leak. What one system takes for a string is a name for another, so
each is given its own kinds of literals.
"""

import re
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inprofile.integrations._sql import describe
from inprofile.integrations._sql_mask import mask

SECRET = "0123456789ΣΨЖ"
LEAK = re.compile(f"[{SECRET}]")

tricky = st.text(SECRET + "'\"\\ \n;(),-+*/#$[]{}`%:@?!", max_size=10).map("Ж{}".format)
plain = st.text(SECRET + "'\\ x", max_size=10).map("Ж{}".format)
numbers = st.tuples(
    st.sampled_from(["", "-", "+"]),
    st.sampled_from(["7", "42", "3.14", ".5", "5.", "1e9", "2.5E-30", "6.02e+23"]),
).map("".join)
hexadecimal = st.text("0123456789", min_size=1, max_size=6)


def doubled(text, quote="'"):
    return quote + text.replace(quote, quote * 2) + quote


def escaped(text, quote="'"):
    return quote + text.replace("\\", "\\\\").replace(quote, "\\" + quote) + quote


def dollared(text):
    tag = "$Ж$"
    return tag + text.replace("$", "") + tag


def chosen(text):
    return "q'[" + text.replace("]'", "") + "]'"


STRINGS: dict[str, list[Callable[[str], str]]] = {
    "postgresql": [
        doubled,
        lambda text: "E" + escaped(text),
        lambda text: "U&" + doubled(text),
        dollared,
    ],
    "mysql": [
        escaped,
        lambda text: escaped(text, '"'),
        lambda text: doubled(text.replace("\\", "\\\\")),
        lambda text: doubled(text.replace("\\", "\\\\"), '"'),
    ],
    "sqlite": [doubled],
    "microsoft.sql_server": [doubled, lambda text: "N" + doubled(text)],
    "oracle.db": [doubled, chosen, lambda text: "n" + chosen(text)],
    "other_sql": [doubled, escaped],
}
NUMBERS = {
    "postgresql": ["X'{}'", "B'{}'", "1_{}"],
    "mysql": ["0x{}", "x'{}'", "b'{}'"],
    "sqlite": ["0x{}", "X'{}'"],
    "microsoft.sql_server": ["0x{}", "$1{}.5"],
    "oracle.db": [],
    "other_sql": ["0x{}", "X'{}'"],
}
NESTED = {"postgresql", "microsoft.sql_server"}


def literals_of(system, texts):
    strings = [texts.map(form) for form in STRINGS[system]]
    others = [hexadecimal.map(form.format) for form in NUMBERS[system]]
    return st.one_of(numbers, *strings, *others)


def comments_of(system):
    inside = tricky.map(lambda text: re.sub(r"[*/]", "", text))
    kinds = [inside.map("/* it's {} */".format)]
    kinds.append(inside.map(lambda text: "-- it's " + text.replace("\n", "") + "\n"))
    if system == "mysql":
        kinds.append(inside.map(lambda text: "# it's " + text.replace("\n", "") + "\n"))
    if system in NESTED:
        kinds.append(inside.map("/* a /* {0} */ {0} */".format))
    return st.one_of(kinds)


VALUE, LIST, ROWS = "\0v", "\0l", "\0r"
"""Where a literal belongs, a list of any length, rows of any number."""

columns = st.sampled_from(["a", "t.b", "u.name", "total$", "foo_bar"])
comparisons = st.one_of(
    st.tuples(columns, st.sampled_from(["=", " = ", "<>", " >=", " LIKE "]), st.just(VALUE)).map(
        "".join
    ),
    columns.map(f"{{}} IN ({LIST})".format),
    columns.map(f"({{}}, x) IN ({ROWS})".format),
    columns.map(f"{{}} BETWEEN {VALUE} AND {VALUE}".format),
    columns.map(f"lower({{}}, {VALUE}) IS NOT NULL".format),
    columns.map(f"{{}} ->> {VALUE} = {VALUE}".format),
)  # fmt: skip
conditions = st.lists(comparisons, min_size=1, max_size=4).map(" AND ".join)
statements = st.one_of(
    conditions.map(
        f"SELECT a, {VALUE} AS x, CASE WHEN b THEN {VALUE} ELSE {VALUE} END FROM t JOIN u "
        f"ON t.a = u.a WHERE {{}} ORDER BY a LIMIT {VALUE}".format
    ),
    st.just(f"INSERT INTO t (a, b) VALUES {ROWS}"),
    conditions.map(f"INSERT INTO t SELECT a, {VALUE} FROM u WHERE {{}}".format),
    conditions.map(f"UPDATE t SET a = {VALUE}, b={VALUE} WHERE {{}}".format),
    conditions.map("DELETE FROM t WHERE {};".format),
    conditions.map("WITH w AS (SELECT a FROM t WHERE {}) SELECT a FROM w".format),
    st.just(f"CALL p({VALUE}, {VALUE})"),
)


def filled(draw, statement, literals, fillers=None):
    """``statement`` with literals, and with comments for some of its spaces."""

    def many(one, least=1):
        return ", ".join(one() for _ in range(draw(st.integers(least, 4))))

    def slot(match):
        if match.group() == VALUE:
            return draw(literals)
        if match.group() == LIST:
            return many(lambda: draw(literals))
        return many(lambda: f"({draw(literals)}, {draw(literals)})")

    text = statement
    if fillers is not None:
        text = re.sub(
            " ", lambda _: draw(st.sampled_from([" "] * 9 + [None])) or f" {draw(fillers)} ", text
        )
    return re.sub("\0[vlr]", slot, text)


@pytest.mark.parametrize("system", STRINGS)
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_no_literal_and_no_comment_survives(system, data):
    text = filled(
        data.draw, data.draw(statements), literals_of(system, tricky), comments_of(system)
    )
    assert not LEAK.search(mask(text, system)), text
    cut = text[: data.draw(st.integers(0, len(text)))]
    assert not LEAK.search(mask(cut, system)), cut
    name, about = describe(system, cut.encode())
    assert not LEAK.search(name + str(about)), cut


@pytest.mark.parametrize("system", [system for system in STRINGS if system != "other_sql"])
@given(data=st.data())
@settings(max_examples=50, deadline=None)
def test_statements_that_differ_in_literals_and_lengths_look_the_same(system, data):
    statement = data.draw(statements)
    literals = literals_of(system, plain).filter(lambda text: not ("$" in text and "'" in text))
    one, other = (describe(system, filled(data.draw, statement, literals)) for _ in range(2))
    assert one == other


@pytest.mark.parametrize(("system", "form"), [("mysql", doubled), ("postgresql", escaped)])
@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_a_server_that_is_set_to_the_other_kind_of_backslash_leaks_nothing(system, form, data):
    """NO_BACKSLASH_ESCAPES, or standard_conforming_strings turned off."""
    text = filled(data.draw, data.draw(statements), tricky.map(form))
    assert not LEAK.search(mask(text, system)), text
