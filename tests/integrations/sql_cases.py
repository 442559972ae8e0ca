"""What public test suites ask of masked SQL, as statements of our own.

``OPENTELEMETRY`` has one statement for each of the 24 cases, by its name, of
docs/non-normative/database-test-cases/db-sql-test-cases.json of the semantic conventions;
``python -m tests.integrations.sql_conformance FILE`` runs a copy of that file itself.
``PERCONA`` covers the points of pt-fingerprint's and go-mysql's tests (query/query_test.go)
that are not about MySQL's own dumps. ``DEVIATIONS`` says where we do otherwise, and why.
"""

from typing import NamedTuple


class Case(NamedTuple):
    """A statement, and what is expected to be shown of it."""

    point: str
    text: str
    masked: str
    summary: str


class Deviation(NamedTuple):
    """A statement that looks different with us, and the reason."""

    source: str
    system: str
    text: str
    theirs: str
    ours: str
    reason: str


OPENTELEMETRY = (
    Case("numeric_literal_integers", "SELECT 7, -7, +7", "SELECT ?, ?, ?", "SELECT"),
    Case(
        "numeric_literal_with_decimal_point",
        "SELECT 6.5, -6.5, +6.5, .5, -.5",
        "SELECT ?, ?, ?, ?, ?",
        "SELECT",
    ),
    Case("numeric_literal_exponential", "SELECT 3.5e8, -3.5e8, +3.5e8", "SELECT ?, ?, ?", "SELECT"),
    Case(
        "numeric_literal_negative_exponential",
        "SELECT 3.5e-8, -3.5e-8, +3.5e-8",
        "SELECT ?, ?, ?",
        "SELECT",
    ),
    Case("arithmetic_on_numeric_literals", "SELECT 20+22", "SELECT ??", "SELECT"),
    Case("hex_literal", "SELECT 0xC0FFEE, 0Xc0ffEE", "SELECT ?, ?", "SELECT"),
    Case("string_literal", "SELECT 'moin'", "SELECT ?", "SELECT"),
    Case("string_literal_escaped_single_quote", "SELECT 'It''s nobody'", "SELECT ?", "SELECT"),
    Case("string_with_embedded_newline", "SELECT 'one\ntwo'", "SELECT ?", "SELECT"),
    Case(
        "numbers_in_identifiers",
        "SELECT b4, h2o FROM route66 WHERE p2p=99",
        "SELECT b4, h2o FROM route66 WHERE p2p=?",
        "SELECT route66",
    ),
    Case(
        "periods_in_identifiers",
        "SELECT x FROM shop.Item JOIN shop.Price",
        "SELECT x FROM shop.Item JOIN shop.Price",
        "SELECT shop.Item shop.Price",
    ),
    Case(
        "insert_into",
        "INSERT INTO T VALUES(8, 12345, 6.75, 20+22)",
        "INSERT INTO T VALUES(?, ?, ?, ??)",
        "INSERT T",
    ),
    Case(
        "uuid",
        "SELECT { guid '6b1a1e3c-5f0e-4c59-8f5e-0d9f3c1b2a77' }",
        "SELECT { guid ? }",
        "SELECT",
    ),
    Case(
        "in_clause",
        "SELECT * FROM table WHERE code IN (7, 8, 'nine')",
        "SELECT * FROM table WHERE code IN (?)",
        "SELECT table",
    ),
    Case(
        "comments",
        "SELECT name -- as on the door\nFROM /* both\n floors */ table",
        "SELECT name FROM table",
        "SELECT table",
    ),
    Case(
        "insert_into_select",
        "INSERT INTO song_artists\n(song,\nartist)\nSELECT song,\nartist\nFROM   artists\n"
        "WHERE id = 3",
        "INSERT INTO song_artists (song, artist) SELECT song, artist FROM artists WHERE id = ?",
        "INSERT song_artists SELECT artists",
    ),
    Case(
        "select_nested_query",
        "SELECT day\nFROM   (SELECT *\nFROM   trips t\nJOIN buses b\nON t.bus = b.id)",
        "SELECT day FROM (SELECT * FROM trips t JOIN buses b ON t.bus = b.id)",
        "SELECT SELECT trips buses",
    ),
    Case(
        "select_nested_query_case_preserved",
        "SeLECT day\nFROM   (selECT *\nFROM   trips t\nJOIN buses b\nON t.bus = b.id)",
        "SeLECT day FROM (selECT * FROM trips t JOIN buses b ON t.bus = b.id)",
        "SeLECT selECT trips buses",
    ),
    Case("case_preserved", "SeLECT day\nFROM TRips", "SeLECT day FROM TRips", "SeLECT TRips"),
    Case(
        "cross_join",
        "SELECT * FROM Songs s CROSS JOIN Artists a",
        "SELECT * FROM Songs s CROSS JOIN Artists a",
        "SELECT Songs Artists",
    ),
    Case(
        "cross_join_comma_separated_syntax",
        "SELECT * FROM Songs s, Artists a",
        "SELECT * FROM Songs s, Artists a",
        "SELECT Songs Artists",
    ),
    Case(
        "create_table",
        "CREATE  TABLE Songs (\n    ID NOT NULL IDENTITY(10,5) PRIMARY KEY\n)",
        "CREATE TABLE Songs ( ID NOT NULL IDENTITY(?,?) PRIMARY KEY )",
        "CREATE TABLE Songs",
    ),
    Case(
        "alter_table",
        "ALTER  TABLE Songs ADD Title varchar(80)",
        "ALTER TABLE Songs ADD Title varchar(?)",
        "ALTER TABLE Songs",
    ),
    Case("drop_table", "DROP  TABLE Songs", "DROP TABLE Songs", "DROP TABLE Songs"),
)

PERCONA = (
    Case(
        "what looks like a comment, in a string with escaped quotes",
        r"UPDATE notes SET body = ' ---\'\' x.\n ----', open = 'N' WHERE id='b'",
        "UPDATE notes SET body = ?, open = ? WHERE id=?",
        "UPDATE notes",
    ),
    Case("fractions without digits", "select 2.25, 44. from t", "select ?, ? from t", "select t"),
    Case(
        "strings with escapes, in either quotes",
        r"""select 'a', '\nb\n', "c", '\'' from t""",
        "select ?, ?, ?, ? from t",
        "select t",
    ),
    Case("a string of one backslash", r"select '\\' from t", "select ? from t", "select t"),
    Case("a newline at the end", "select 'a'\n", "select ?", "select"),
    Case(
        "numbers with signs and exponents",
        "select 0e0, +7e-20, -8.00 from t where a = 1.5 or b=0.25 or c=.75",
        "select ?, ?, ? from t where a = ? or b=? or c=?",
        "select t",
    ),
    Case(
        "hexadecimal and bits",
        "select 0x1f, x'1f2e', 0b1011, b'1011' from t",
        "select ?, ?, ?, ? from t",
        "select t",
    ),
    Case(
        "numbers in names",
        "select bar_3 from bar_4_5",
        "select bar_3 from bar_4_5",
        "select bar_4_5",
    ),
    Case(
        "names that begin with a number",
        "select 7up from 7_up",
        "select 7up from 7_up",
        "select 7_up",
    ),
    Case(
        "a number in a qualified name",
        "SELECT * FROM stats.cpu_15min where id=8",
        "SELECT * FROM stats.cpu_15min where id=?",
        "SELECT stats.cpu_15min",
    ),
    Case("a limit", "select * from t limit 3, 9", "select * from t limit ?, ?", "select t"),
    Case(
        "a limit with an offset",
        "select * from t limit 3 offset 9",
        "select * from t limit ? offset ?",
        "select t",
    ),
    Case(
        "a file's name",
        "LOAD DATA INFILE '/srv/a.csv' INTO db.t",
        "LOAD DATA INFILE ? INTO db.t",
        "LOAD",
    ),
    Case(
        "dashes in a comment",
        "/* -- who: me -- */SELECT SQL_CACHE DISTINCT a FROM t WHERE b=51",
        "SELECT SQL_CACHE DISTINCT a FROM t WHERE b=?",
        "SELECT t",
    ),
    Case(
        "a hash begins a comment, quotes and all",
        "### it's ###\nSELECT a, IF(b = 0, c, d) FROM t\n  ## more\nWHERE (a & 64)",
        "SELECT a, IF(b = ?, c, d) FROM t WHERE (a & ?)",
        "SELECT t",
    ),
    Case("a comment between words", "select a-- why\n,b", "select a ,b", "select"),
    Case("a slash in a comment", "/* /x */ select 1", "select ?", "select"),
    Case("a slash behind a comment's mark", "/*/so/is/this/*/ select 1", "select ?", "select"),
    Case(
        "a comment at the end",
        "SELECT * FROM t WHERE a = 'b' /*from/here*/ ",
        "SELECT * FROM t WHERE a = ?",
        "SELECT t",
    ),
    Case(
        "dashes in backticks",
        "SELECT `a` FROM `t-2` WHERE `id` = 5",
        "SELECT `a` FROM `t-2` WHERE `id` = ?",
        "SELECT `t-2`",
    ),
    Case(
        "rows of several values",
        "insert into t(a, b) values(3, 6) , (9,12)",
        "insert into t(a, b) values(?)",
        "insert t",
    ),
    Case(
        "value for values", "insert into t(a) value(3, 6)", "insert into t(a) value(?)", "insert t"
    ),
    Case(
        "parentheses in strings",
        r"insert into t values (1, '(a)', 'not the end: ). Values', '\(', 4)",
        "insert into t values (?)",
        "insert t",
    ),
    Case("no values", "INSERT INTO t () VALUES ()", "INSERT INTO t () VALUES ()", "INSERT t"),
    Case(
        "values of what is there already",
        "insert into t values (1), (2)\n\ton duplicate key update n=IFNULL(n, 0) + VALUES(n)",
        "insert into t values (?) on duplicate key update n=IFNULL(n, ?) + VALUES(n)",
        "insert t",
    ),
    Case(
        "lists in parentheses",
        "select * from t where (t.a IN  ('x', 'y')) AND (b IN (3)) AND (c = '0')",
        "select * from t where (t.a IN (?)) AND (b IN (?)) AND (c = ?)",
        "select t",
    ),
    Case(
        "a list in a call",
        "select a from t group by a having sum(if(k in ('P','U'),1,0))=0",
        "select a from t group by a having sum(if(k in (?),?,?))=?",
        "select t",
    ),
    Case(
        "a value on either side",
        "SELECT *    FROM t WHERE 1=1",
        "SELECT * FROM t WHERE ?=?",
        "SELECT t",
    ),
    Case(
        "a number in a call",
        "select sleep(3) from db.n",
        "select sleep(?) from db.n",
        "select db.n",
    ),
    Case(
        "branches",
        "SELECT `t`.*, (CASE WHEN (`a` <=  '2026-01-01') THEN 'x' ELSE 'y' END) AS `b` FROM `t`",
        "SELECT `t`.*, (CASE WHEN (`a` <= ?) THEN ? ELSE ? END) AS `b` FROM `t`",
        "SELECT `t`",
    ),
    Case(
        "insert from select",
        "insert into db.new select t.a from t",
        "insert into db.new select t.a from t",
        "insert db.new select t",
    ),
)

DEVIATIONS = (
    Deviation(
        "OpenTelemetry",
        "other_sql",
        "SELECT a\nFROM   t",
        "SELECT a\nFROM   t",
        "SELECT a FROM t",
        "the text is the statement's identity as well: layout and comments make no other statement",
    ),
    Deviation(
        "OpenTelemetry",
        "postgresql",
        "SELECT a FROM t WHERE b = $1 AND c = 'x'",
        "SELECT a FROM t WHERE b = $1 AND c = 'x'",
        "SELECT a FROM t WHERE b = $1 AND c = ?",
        "a statement with parameters may have literals too, and none leaves",
    ),
    Deviation(
        "OpenTelemetry",
        "other_sql",
        "INSERT INTO t VALUES (1, 2), (3, 4)",
        "INSERT INTO t VALUES (?, ?), (?, ?)",
        "INSERT INTO t VALUES (?)",
        "rows are collapsed as IN lists are: their number is data",
    ),
    Deviation(
        "OpenTelemetry",
        "other_sql",
        "SELECT a FROM t WHERE b IS NULL AND c = NULL",
        "SELECT a FROM t WHERE b IS NULL AND c = NULL",
        "SELECT a FROM t WHERE b IS NULL AND c = ?",
        "NULL is a literal where a value stands; Percona masks it, OpenTelemetry does not say",
    ),
    Deviation(
        "Percona",
        "mysql",
        "SELECT A FROM T ORDER BY a ASC",
        "select a from t order by a",
        "SELECT A FROM T ORDER BY a ASC",
        "OpenTelemetry keeps a statement's words as the application wrote them",
    ),
    Deviation(
        "Percona",
        "mysql",
        "SELECT a FROM t WHERE b IN (1, 2)",
        "select a from t where b in(?+)",
        "SELECT a FROM t WHERE b IN (?)",
        "OpenTelemetry's form of a list",
    ),
    Deviation(
        "Percona",
        "mysql",
        "CALL rename_song(1, 'x')",
        "call rename_song",
        "CALL rename_song(?, ?)",
        "OpenTelemetry keeps the text; the summary is what Percona shows",
    ),
    Deviation(
        "Percona",
        "mysql",
        "use `shop`",
        "use ?",
        "use `shop`",
        "a name is no literal",
    ),
    Deviation(
        "Percona",
        "mysql",
        "SELECT /*!40001 SQL_NO_CACHE */ a FROM t",
        "select /*!40001 sql_no_cache */ a from t",
        "SELECT a FROM t",
        "comments are dropped, whoever reads them: a literal may stand in one",
    ),
    Deviation(
        "Percona",
        "mysql",
        "INSERT INTO t (ts) VALUES (NOW())",
        "insert into t (ts) values(?+)",
        "INSERT INTO t (ts) VALUES (NOW())",
        "a call is no literal, and says why an insert is slow",
    ),
    Deviation(
        "Percona",
        "postgresql",
        "select 7up",
        "select 7up",
        "select ?up",
        "names begin with a digit in MySQL alone",
    ),
)
