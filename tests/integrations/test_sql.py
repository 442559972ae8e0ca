"""What leaves the process of a statement: its shape, and never a literal."""

import time
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from psycopg import sql

from inprofile.integrations._sql import CACHED, MAX_TEXT, describe
from inprofile.integrations._sql_mask import mask
from inprofile.integrations._sql_summary import summarise

SECRET = "0123456789ΣΨé٣"
"""Stands in literals and comments alone, so one of these in what is shown is a leak."""

SYSTEMS = ["postgresql", "mysql", "sqlite", "microsoft.sql_server", "oracle.db", "other_sql"]

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
    assert set(mask(text, "mysql")) & set(SECRET) == set(), text


@given(statements(), st.data())
@settings(deadline=None)
def test_statements_that_differ_in_literals_alone_look_the_same(statement, data):
    skeleton, found = statement
    others = data.draw(st.lists(literals, min_size=len(found), max_size=len(found)))
    assert mask(filled(skeleton, found)) == mask(filled(skeleton, others))


@example((" $name -- x", []), "postgresql")
@given(statements(), st.sampled_from(SYSTEMS))
@settings(deadline=None)
def test_masking_what_is_masked_changes_nothing(statement, system):
    once = mask(filled(*statement), system)
    assert mask(once, system) == once


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
        ("select E'a\\'b', U&'d\\0061', N'x', x'1F'", "select ?, ?, ?, ?"),
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
        ("(a, b) IN ((1, 2), (3, 4))", "(a, b) IN ((?))"),
        ("a IN (NULL, TRUE, 'x')", "a IN (?)"),
        (
            "a = ANY (ARRAY[1, 2]) AND f(1, 2) = g (3, 4)",
            "a = ANY (ARRAY[?]) AND f(?, ?) = g (?, ?)",
        ),
        ("a IS NULL AND b IS NOT TRUE AND c = FALSE", "a IS NULL AND b IS NOT TRUE AND c = ?"),
        ("a -> 'k' ->> -1 #> '{x}' @? '$.y' ?| ARRAY['z']", "a -> ? ->> ? #> ? @? ? ?| ARRAY[?]"),
        ("a-1 = b -2 AND (-3) < c - 4", "a-? = b -? AND (?) < c - ?"),
        ("LIMIT -1 OFFSET +5", "LIMIT ? OFFSET ?"),
        ("SAVEPOINT sa_savepoint_1", "SAVEPOINT ?"),
        ('ROLLBACK TO SAVEPOINT "s140_x1"; ', "ROLLBACK TO SAVEPOINT ?"),
        ("rollback to x", "rollback to ?"),
        ("RELEASE `a b`", "RELEASE ?"),
        ("RELEASE SAVEPOINT", "RELEASE SAVEPOINT"),
        ("SAVE TRANSACTION [a b]", "SAVE TRANSACTION ?"),
        ("SAVEPOINT a; DELETE FROM t", "SAVEPOINT ?; DELETE FROM t"),
        ("SELECT savepoint a FROM t", "SELECT savepoint a FROM t"),
        ("a IN (:1, :2)", "a IN (?)"),
        ("a IN ($1::TIMESTAMP(3) WITHOUT TIME ZONE, $2::VARCHAR[])", "a IN (?)"),
        ("(%s, %s::NUMERIC(10, 2))", "(?)"),
        ("INSERT INTO t (a, b) VALUES (?, ?), (?, ?)", "INSERT INTO t (a, b) VALUES (?)"),
        ("INSERT INTO t VALUES (lower(?), 1), (lower(?), 2)", "INSERT INTO t VALUES (lower(?), ?)"),
        ("VALUES (%(a)s::VARCHAR), (%(b)s::VARCHAR) RETURNING t.id", "VALUES (?) RETURNING t.id"),
        ("SELECT 'open", "SELECT ?"),
        ("SELECT $tag$open", "SELECT ?"),
        ("SELECT $ta", "SELECT ?"),
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
        *("VALUES (", "VALUES (()", "VALUES (?), ", "IN ((", "IN ((?), ", "VALUES (NULL, "),
        *("'\\', ", "'\\'", "\\", "\\\\'", '"\\', "$", "$a", "/*/", "*/", "q'[", "q'!!", "`a", "#"),
        *("[a]", "SELECT (", "FROM a, ", "WITH a AS (", ") , a AS (", "a.", "(a ", "a(", ";a "),
    ],
)
def test_hostile_text_takes_time_in_proportion_to_its_length(hostile):
    """Quadratic time would take 16 times as long for four times the length."""
    for system in SYSTEMS:
        assert any(_growth(hostile, system) < 10 for _ in range(3)), system


def _growth(hostile, system):
    """How many times as long four times the length takes."""
    short, long = (hostile * (length // len(hostile)) for length in (3_000, 12_000))
    return _time_s(_shown, long, system) / _time_s(_shown, short, system)


def _shown(text, system):
    summarise(mask(text, system))


def _time_s(call, *args):
    taken = []
    for _ in range(3):
        start_s = time.thread_time()
        call(*args)
        taken.append(time.thread_time() - start_s)
    return min(taken)


def told(operation, collection, summary):
    return {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.collection.name": collection,
        "db.query.summary": summary,
    }


@pytest.mark.parametrize(
    ("text", "name", "about"),
    [
        ("SELECT 1", "SELECT ?", ("SELECT", "", "SELECT")),
        (b"select * from a.b", "select * from a.b", ("SELECT", "a.b", "select a.b")),
        (
            bytearray(b"DELETE FROM only_here"),
            "DELETE FROM only_here",
            ("DELETE", "only_here", "DELETE only_here"),
        ),
        (b"SELECT '\xff'", "SELECT ?", ("SELECT", "", "SELECT")),
        (
            'INSERT INTO "order" VALUES (1)',
            'INSERT INTO "order" VALUES (?)',
            ("INSERT", "order", 'INSERT "order"'),
        ),
        ("/* first */ update t set a = 1", "update t set a = ?", ("UPDATE", "t", "update t")),
        (
            "CREATE TABLE IF NOT EXISTS t (a)",
            "CREATE TABLE IF NOT EXISTS t (a)",
            ("CREATE", "t", "CREATE TABLE t"),
        ),
        ("", "?", ("_OTHER", "", "")),
        ("-- nothing", "?", ("_OTHER", "", "")),
        ("42", "?", ("_OTHER", "", "")),
        (None, "?", ("_OTHER", "", "")),
        (42, "?", ("_OTHER", "", "")),
        (["SELECT 1"], "?", ("_OTHER", "", "")),
        (sql.SQL("SELECT {}").format(sql.Literal("secret")), "?", ("_OTHER", "", "")),
    ],
    ids=repr,
)
def test_whatever_a_driver_is_given_is_described(text, name, about):
    assert describe("postgresql", text) == (name, told(*about))


@pytest.mark.parametrize(
    ("kind", "given", "name", "about"),
    [
        (object, (), "?", ("_OTHER", "", "")),
        (str, ("SELECT 1",), "SELECT ?", ("SELECT", "", "SELECT")),
        (bytes, (b"SELECT 1",), "SELECT ?", ("SELECT", "", "SELECT")),
        (bytearray, (b"SELECT 1",), "SELECT ?", ("SELECT", "", "SELECT")),
    ],
    ids=lambda kind: getattr(kind, "__name__", None),
)
def test_no_code_of_the_users_runs_for_a_name(kind, given, name, about):
    def refuse(*_):
        raise AssertionError("it was looked at")

    asked = ["len", "hash", "eq", "str", "repr", "getitem", "iter"]
    methods: dict[str, Any] = {f"__{one}__": refuse for one in asked}
    methods |= {"__class__": property(refuse), "decode": refuse, "rfind": refuse}
    refuses = type("Refuses", (kind,), methods)(*given)
    assert describe("postgresql", refuses) == (name, told(*about))


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
    about = told("INSERT", "t", "INSERT t")
    assert describe("postgresql", text) == ("INSERT INTO t (a) VALUES (? ...", about)


def test_ten_megabytes_cost_no_more_than_what_is_read_of_them():
    """Reading all of it would take 600 times as long."""
    row = "(1, 'a\\b', NULL), "
    small, large = ("INSERT INTO t VALUES " + row * n for n in (1_000, 600_000))
    assert len(large) > 10_000_000
    for short, long in ((small, large), (small.encode(), large.encode())):
        once = _time_s(describe, "mysql", short)
        assert _time_s(describe, "mysql", long) < 5 * once


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
