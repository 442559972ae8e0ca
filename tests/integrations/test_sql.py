"""What leaves the process of a statement: its shape, and never a literal."""

import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from inprofile.integrations._sql import CACHED, MAX_TEXT, describe, mask

SECRET = "0123456789ΣΨé٣"
"""Stands in literals and comments alone, so one of these in what is shown is a leak."""

inside = st.text(SECRET + " \n;(),-*/$[]`%:@?", max_size=8)


def quoted(prefix, quote):
    """A literal between quotes, with doubled quotes in it."""
    return st.lists(inside, min_size=1, max_size=3).map(
        lambda parts: prefix + quote + (quote * 2).join(parts) + quote
    )


numbers = st.sampled_from(
    ["0", "7", "42", "3.14", ".5", "5.", "1e9", "2.5E-3", "0x1F", "0b101", "0o17", "1_000", "٣"]
)
strings = st.one_of(
    st.sampled_from(["'", "E'", "n'", "U&'"]).flatmap(lambda open_: quoted(open_[:-1], "'")),
    st.text("0123456789", max_size=4).map("X'{}'".format),
    st.text("01", max_size=4).map("b'{}'".format),
    inside.map(lambda text: "e'" + text + r"\'Σ\\" + "'"),
    st.tuples(st.sampled_from(["", "tag", "é"]), st.text(SECRET + " '\"(\n", max_size=8)).map(
        "${0[0]}${0[1]}${0[0]}$".format
    ),
)
literals = numbers | strings

words = st.sampled_from(
    [
        *(
            "select",
            "from",
            "where",
            "and",
            "not in",
            "like",
            "limit",
            "case when",
            "array",
            "date",
        ),
        *("users", "t.name", '"user name"', '"a""b"', "`order`", "[order details]", "_a$b"),
        *("?", "%s", "%(name)s", ":name", "@name", "$name", "::text"),
    ]
)
marks = st.sampled_from(
    [",", "=", "<", ">=", "||", "+", "%", "->>", "@>", "&", "|", "!", "^", "(", ")", "[", "]"]
)
spaces = st.sampled_from([" ", "\n", "\t  "]) | inside.map(
    lambda text: " -- '" + text.replace("\n", "") + "\n"
)
comments = inside.map(lambda text: "/* it's " + text.replace("*/", "") + "*/")


@st.composite
def statements(draw, literals=literals):
    """The skeleton of a statement, with {} wherever a literal belongs, and its literals.

    A literal follows a mark directly or a word after a space or a comment, as in SQL.
    """
    skeleton, found = [], []
    for _ in range(draw(st.integers(1, 12))):
        skeleton.append(draw(marks.map(str) | words.map(" {} ".format)))
        skeleton.append(draw(st.just("") | spaces | comments))
        if draw(st.booleans()):
            skeleton.append("\0")
            found.append(draw(literals))
            skeleton.append(draw(spaces | comments | st.just(",")))
    return "".join(skeleton), found


def filled(skeleton, found):
    parts = skeleton.split("\0")
    return "".join(part + literal for part, literal in zip(parts, [*found, ""], strict=True))


@given(statements())
@settings(max_examples=600, deadline=None)
def test_no_literal_of_a_statement_survives(statement):
    text = filled(*statement)
    assert set(mask(text)) & set(SECRET) == set(), text


@given(statements(literals=quoted("", '"')))
@settings(deadline=None)
def test_no_double_quoted_string_of_mysql_survives(statement):
    text = filled(*statement).replace('"user name"', "users").replace('"a""b"', "users")
    assert set(mask(text, double_quotes=True)) & set(SECRET) == set(), text


@given(statements(), st.data())
@settings(deadline=None)
def test_statements_that_differ_in_literals_alone_look_the_same(statement, data):
    skeleton, found = statement
    others = data.draw(st.lists(literals, min_size=len(found), max_size=len(found)))
    assert mask(filled(skeleton, found)) == mask(filled(skeleton, others))


@given(statements(), st.booleans())
@settings(deadline=None)
def test_masking_what_is_masked_changes_nothing(statement, double_quotes):
    once = mask(filled(*statement), double_quotes=double_quotes)
    assert mask(once, double_quotes=double_quotes) == once


@given(st.text(st.sampled_from("'\"\\$`[](){}?%:@;,.-*/ \neEx1_avalues") | st.characters()))
@settings(max_examples=600, deadline=None)
@example("; ;")
@example("VALUES (((?, ?))), (((1)))")
@example("$'a'$ $é$")
def test_any_text_is_masked_once_and_for_all(text):
    once = mask(text)
    assert mask(once) == once


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("SELECT * FROM t WHERE a = 'it''s' AND b = 5", "SELECT * FROM t WHERE a = ? AND b = ?"),
        ("select E'a\\'b', U&'d\\0061', N'x', x'1F'", "select ?, ?"),
        ("SELECT $$it's$$, $q$ $$ $q$, $1, $2", "SELECT ?, ?, $1, $2"),
        ("SELECT a%7, b[1:2], @5, 1_000, 0b101, 0o17", "SELECT a%?, b[?:?], @?, ?, ?, ?"),
        ("SELECT ARRAY[lower('x'), 5], c[2]", "SELECT ARRAY[lower(?), ?], c[?]"),
        ("SELECT ARRAY[1, 2, 3] || ARRAY['a']", "SELECT ARRAY[?] || ARRAY[?]"),
        (
            "SELECT [Order Details].[id] FROM [dbo].[x]",
            "SELECT [Order Details].[id] FROM [dbo].[x]",
        ),
        ('SELECT "user 1"."b""c" FROM t2', 'SELECT "user 1"."b""c" FROM t2'),
        ("SELECT `user 1` FROM t2", "SELECT `user 1` FROM t2"),
        ("SELECT a -- why\n, b /* it's\nlong */ ; ", "SELECT a , b"),
        ("SELECT 1; ;", "SELECT ?"),
        ("UPDATE t SET a = ?1, b = :b WHERE c = @c", "UPDATE t SET a = ?1, b = :b WHERE c = @c"),
        ("a IN (?, ?, ?)", "a IN (?)"),
        ("a IN (1, 'x', 2.5)", "a IN (?)"),
        ("a IN ($1, $2)", "a IN (?)"),
        ("a IN (%(a_1)s::INTEGER, %(a_2)s::INTEGER)", "a IN (?)"),
        ("a IN (%(a_1)s)", "a IN (?)"),
        ("a IN (:1, :2)", "a IN (?)"),
        ("a IN ($1::TIMESTAMP(3) WITHOUT TIME ZONE, $2::VARCHAR[])", "a IN (?)"),
        ("(%s, %s::NUMERIC(10, 2))", "(?)"),
        ("INSERT INTO t (a, b) VALUES (?, ?), (?, ?)", "INSERT INTO t (a, b) VALUES (?)"),
        ("INSERT INTO t VALUES (lower(?), 1), (lower(?), 2)", "INSERT INTO t VALUES (lower(?), ?)"),
        ("VALUES (%(a)s::VARCHAR), (%(b)s::VARCHAR) RETURNING t.id", "VALUES (?) RETURNING t.id"),
        ("SELECT 'open", "SELECT ?"),
        ("SELECT $tag$open", "SELECT ?"),
        ("SELECT 'a\\' FROM t WHERE b = 'c'", "SELECT ?"),
        ("", ""),
    ],
)
def test_a_statement_keeps_its_shape(text, masked):
    assert mask(text) == masked


@pytest.mark.parametrize(
    "hostile",
    [
        *(
            "'",
            "''",
            "'\\",
            "e'\\",
            "x'",
            '"',
            "`",
            "[a",
            "[a ",
            "$a$ $b",
            "$$",
            "--",
            "/*",
            "/**/",
        ),
        *("1.", ".5e", "1_", "(?,", "(?::a ", "(?, ?)", "(((((", "%(a", ":a", "a "),
        *("VALUES (", "VALUES (()", "VALUES (?), "),
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(hostile):
    """Quadratic time would take 16 times as long for four times the length."""
    short, long = (_time_s(hostile * (length // len(hostile))) for length in (20_000, 80_000))
    assert long < 10 * short


def _time_s(text):
    taken = []
    for _ in range(5):
        start_s = time.thread_time()
        mask(text)
        taken.append(time.thread_time() - start_s)
    return min(taken)


def told(operation, collection, system="postgresql"):
    return {
        "db.system.name": system,
        "db.operation.name": operation,
        "db.collection.name": collection,
    }


@pytest.mark.parametrize(
    ("text", "name", "operation", "collection"),
    [
        ("SELECT 1", "SELECT ?", "SELECT", ""),
        (b"select * from a.b", "select * from a.b", "SELECT", "a.b"),
        (bytearray(b"DELETE FROM only_here"), "DELETE FROM only_here", "DELETE", "only_here"),
        (b"SELECT '\xff'", "SELECT ?", "SELECT", ""),
        ('INSERT INTO "order" VALUES (1)', 'INSERT INTO "order" VALUES (?)', "INSERT", "order"),
        ("/* first */ update t set a = 1", "update t set a = ?", "UPDATE", "t"),
        ("CREATE TABLE IF NOT EXISTS t (a)", "CREATE TABLE IF NOT EXISTS t (a)", "CREATE", "t"),
        ("", "?", "_OTHER", ""),
        ("-- nothing", "?", "_OTHER", ""),
        ("42", "?", "_OTHER", ""),
        (None, "?", "_OTHER", ""),
        (42, "?", "_OTHER", ""),
        (["SELECT 1"], "?", "_OTHER", ""),
        (sql.SQL("SELECT {}").format(sql.Literal("secret")), "?", "_OTHER", ""),
    ],
    ids=repr,
)
def test_whatever_a_driver_is_given_is_described(text, name, operation, collection):
    assert describe("postgresql", text) == (name, told(operation, collection))


@pytest.mark.parametrize(
    ("kind", "given", "name", "operation"),
    [
        (object, (), "?", "_OTHER"),
        (str, ("SELECT 1",), "SELECT ?", "SELECT"),
        (bytes, (b"SELECT 1",), "SELECT ?", "SELECT"),
        (bytearray, (b"SELECT 1",), "SELECT ?", "SELECT"),
    ],
    ids=lambda kind: getattr(kind, "__name__", None),
)
def test_no_code_of_the_users_runs_for_a_name(kind, given, name, operation):
    def refuse(*_):
        raise AssertionError("it was looked at")

    asked = ["len", "hash", "eq", "str", "repr", "getitem", "iter"]
    methods: dict[str, Any] = {f"__{one}__": refuse for one in asked}
    methods |= {"__class__": property(refuse), "decode": refuse, "rfind": refuse}
    refuses = type("Refuses", (kind,), methods)(*given)
    assert describe("sqlite", refuses) == (name, told(operation, "", "sqlite"))


def test_dialects_are_named_as_opentelemetry_names_them():
    systems = ["sqlite", "mssql", "oracle", "mysql"]
    assert [describe(system, "SELECT 1")[1]["db.system.name"] for system in systems] == [
        "sqlite",
        "microsoft.sql_server",
        "oracle.db",
        "mysql",
    ]


@pytest.mark.parametrize("quote", ["'", "$$", "E'\\'\""])
def test_a_huge_statement_is_cut_and_nothing_of_an_open_literal_is_shown(quote):
    text = f"INSERT INTO t (a) VALUES ({quote}" + "secret " * MAX_TEXT
    assert describe("postgresql", text) == ("INSERT INTO t (a) VALUES (? ...", told("INSERT", "t"))


def bulk(size):
    rows = ", ".join(f"(%(a__{n})s::VARCHAR, {n})" for n in range(size))
    return f"INSERT INTO t (a, b) VALUES {rows}"


def search(size):
    return f"SELECT a FROM t WHERE a IN ({', '.join(f'${n}' for n in range(size))})"


@pytest.mark.parametrize(
    ("statement", "whole", "cut"),
    [
        (bulk, "INSERT INTO t (a, b) VALUES (?)", "INSERT INTO t (a, b) VALUES (?) ..."),
        (search, "SELECT a FROM t WHERE a IN (?)", "SELECT a FROM t WHERE a IN (? ..."),
    ],
)
def test_lists_of_any_length_look_the_same(statement, whole, cut):
    assert {describe("postgresql", statement(size))[0] for size in (1, 2, 100)} == {whole}
    assert {describe("postgresql", statement(size))[0] for size in (3000, 3001, 9000)} == {cut}


def test_a_known_statement_is_described_once():
    assert describe("sqlite", "SELECT 'once'") is describe("sqlite", "SELECT 'once'")


def test_what_is_remembered_is_bounded():
    first = describe("sqlite", "SELECT 'first'")
    for number in range(CACHED):
        describe("sqlite", f"SELECT {number}")
    assert describe("sqlite", "SELECT 'first'") is not first
