"""Which statements are lookups of one element, and which serve many: by text and parameters."""

import pytest

from inprofile.integrations._one_by_one import batched
from inprofile.integrations._sql_reading import MANY, PLAIN, read

ONE = [
    "SELECT * FROM t WHERE id = ?",
    "select a from t where id=$1",
    "SELECT * FROM t WHERE id IN (?)",
    "SELECT * FROM t WHERE id IN (7)",
    "SELECT * FROM t WHERE (a, b) IN ((?, ?))",
    "SELECT * FROM t WHERE name = 'x IN (1, 2)'",
    "SELECT * FROM t WHERE id = ? -- IN (1, 2)",
    "SELECT * FROM t /* IN (1, 2) LIMIT 10 OFFSET 5 */ WHERE id = ?",
    'SELECT "IN (1, 2)" FROM t WHERE id = ?',
    "SELECT `IN (1, 2)` FROM t WHERE id = ?",
    "SELECT * FROM t WHERE id = ? AND x NOT IN (1, 2)",
    "SELECT * FROM t WHERE id IN (SELECT t_id FROM s WHERE a = ? ORDER BY x, y)",
    "SELECT coalesce(a, b) FROM t WHERE id = ?",
    "SELECT position('a' IN name) FROM t WHERE id = ?",
    "WITH x AS (SELECT a, b FROM t) SELECT * FROM x WHERE id = ?",
    "WITH RECURSIVE x(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM x) SELECT * FROM x WHERE n = ?",
    "SELECT * FROM t WHERE a = ? ORDER BY b LIMIT 3",
    "SELECT * FROM t WHERE a = ? ORDER BY b LIMIT 1",
    "SELECT * FROM t WHERE a > ? LIMIT 3",
    "SELECT a -> 'x', a ->> 'y' FROM t WHERE id = ? ORDER BY a LIMIT 5",
    "INSERT INTO t (a, b) VALUES (?, ?)",
    "INSERT INTO t VALUES (%s, now(), coalesce(%s, %s))",
    "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT (a, b) DO UPDATE SET b = excluded.b",
    "INSERT INTO t (a, b) VALUES (?, ?) RETURNING a, b",
    "INSERT INTO t (a) VALUES (%(a)s) ON DUPLICATE KEY UPDATE a = VALUES(a), b = VALUES(b)",
    "INSERT INTO t (a) VALUES ('x), (y')",
    "INSERT INTO t (a) SELECT a FROM s WHERE id = ?",
    "REPLACE INTO t (a, b) VALUES (?, ?)",
    "UPDATE t SET a = ?, b = ? WHERE id = ?",
    "DELETE FROM t WHERE id = ?",
    "SELECT * FROM t WHERE id = $1::int AND x = $2::text[]",
    "SELECT * FROM t WHERE a = ? OR b = ?",
    "SELECT * FROM t WHERE id = :id;",
    "(SELECT * FROM t WHERE id = ?)",
    "/* app */ SELECT * FROM t WHERE id = ?",
    "-- app\nSELECT * FROM t WHERE id = ?",
    "CALL f(?, ?)",
]

BATCHES = [
    "SELECT * FROM t WHERE id IN (?, ?)",
    "SELECT * FROM t WHERE id in(1,2,3)",
    "SELECT * FROM t WHERE (a, b) IN ((?, ?), (?, ?))",
    "SELECT * FROM t WHERE id IN (lower(?), lower(?))",
    "SELECT * FROM t WHERE id = ANY(ARRAY[1, 2])",
    "SELECT * FROM t WHERE id = ANY (ARRAY[$1, $2]::int[])",
    "SELECT * FROM t WHERE id = ? OR id = ? OR id = ?",
    "SELECT * FROM t WHERE (a = ? AND b = ?) OR (a = ? AND b = ?)",
    "DELETE FROM t WHERE id IN (?, ?)",
    "SELECT * FROM t WHERE id IN ($1, $2) FOR UPDATE",
]

MANYS = [
    "",
    "  ;",
    "BEGIN",
    "begin immediate",
    "COMMIT;",
    "SAVEPOINT a",
    "RELEASE SAVEPOINT a",
    "SET TRANSACTION READ ONLY",
    "PRAGMA table_info(t)",
    "SHOW server_version",
    "COPY t FROM STDIN",
    "FETCH FORWARD 10 FROM c",
    "DECLARE c CURSOR FOR SELECT 1",
    "CREATE TABLE t (a, b)",
    "/* set up */ SET search_path = x",
    "SELECT set_config('a', $1, true)",
    "SELECT pg_advisory_unlock_all();\nCLOSE ALL;\nUNLISTEN *;\nRESET ALL;",
    "INSERT INTO t (a) VALUES (?), (?)",
    "INSERT INTO t (a, b) VALUES (1, f(2, 3)), (4, 5)",
    "INSERT INTO t VALUES ROW(1, 2), ROW(3, 4)",
    "INSERT INTO t (a) VALUES (?), (?) ON CONFLICT DO NOTHING RETURNING a",
    "UPDATE t SET a = v.a FROM (VALUES (?, ?), (?, ?)) AS v(id, a) WHERE t.id = v.id",
    "WITH v(a) AS (VALUES (1), (2)) SELECT * FROM t JOIN v ON t.a = v.a",
    "INSERT INTO t (a) VALUES (1);INSERT INTO t (a) VALUES (2)",
    "SELECT * FROM t WHERE id IN (SELECT value FROM json_each(?))",
]


@pytest.mark.parametrize("text", ONE)
def test_a_lookup_of_one(text):
    assert read(text, "sqlite" if "`" in text else "postgresql") == PLAIN


@pytest.mark.parametrize("text", BATCHES)
def test_a_list_of_several(text):
    reading = read(text, "postgresql")
    assert not reading.serves_many
    assert len(reading.lists) > 1


@pytest.mark.parametrize("text", MANYS)
def test_what_serves_many_or_nobody(text):
    assert read(text, "postgresql") is MANY


@pytest.mark.parametrize(
    ("text", "limit", "cursors"),
    [
        ("SELECT * FROM t ORDER BY id LIMIT 10 OFFSET 20", "'10", ("'20",)),
        ("SELECT * FROM t ORDER BY id LIMIT ? OFFSET ?", 0, (1,)),
        ("SELECT * FROM t ORDER BY id OFFSET $2 LIMIT $1", 0, (1,)),
        ("SELECT * FROM t ORDER BY id LIMIT 20, 10", "'10", ("'20",)),
        ("SELECT * FROM t ORDER BY id LIMIT %s, %s", 1, (0,)),
        ("SELECT * FROM t ORDER BY id OFFSET 20 ROWS FETCH NEXT 10 ROWS ONLY", "'10", ("'20",)),
        ("SELECT * FROM t WHERE id > %(last)s ORDER BY id LIMIT 10", "'10", ("last",)),
        ("SELECT * FROM t WHERE (a, id) < (?, ?) ORDER BY a DESC, id DESC LIMIT ?", 2, (0, 1)),
        ("SELECT TOP (10) * FROM t WHERE id > @last ORDER BY id", "'10", ("last",)),
    ],
)
def test_a_page(text, limit, cursors):
    reading = read(text, "mysql" if "%s," in text else "postgresql")
    assert (reading.limit, reading.cursors, reading.has_more) == (limit, cursors, False)


def test_what_else_chooses_the_rows_of_a_list_or_a_page_is_told():
    assert read("SELECT * FROM t WHERE a = ? AND id IN (?, ?)", "sqlite").lists == (1, 2)
    assert read("SELECT * FROM t WHERE a = ? AND id IN (?, ?)", "sqlite").has_more
    assert not read("SELECT * FROM t WHERE id IN (?, ?)", "sqlite").has_more
    assert read("SELECT * FROM t WHERE a = ? ORDER BY b LIMIT 5 OFFSET 0", "sqlite").has_more
    assert read("SELECT * FROM t WHERE id = ANY($1)", "postgresql").arrays == (0,)
    assert read("SELECT * FROM t WHERE id IN %s", "mysql").arrays == (0,)


def test_the_place_of_a_page_may_be_said_with_equality_too():
    page = "SELECT * FROM t WHERE {}a > ? OR (a = ? AND id > ?) ORDER BY a, id LIMIT 5"
    assert read(page.format(""), "sqlite").others == ()
    assert read(page.format("b = ? AND "), "sqlite").others == (0,)
    assert read("SELECT * FROM t WHERE b = ? ORDER BY a LIMIT 5 OFFSET ?", "sqlite").others == ()


def test_what_is_cut_off_or_never_ends_is_read_as_far_as_it_goes():
    for text in (
        "SELECT 'x",
        "SELECT * FROM t WHERE id IN (",
        "INSERT INTO t VALUES (",
        "IN",
        "= ANY(",
    ):
        read(text, "postgresql")
    read("(" * 5000, "postgresql")


@pytest.mark.parametrize(
    ("statement", "system", "fix"),
    [
        ("SELECT a FROM t WHERE id = $1", "postgresql", "WHERE id = ANY($1)"),
        ("SELECT a FROM t WHERE id = %s", "postgresql", "WHERE id = ANY(%s)"),
        ("SELECT a FROM t WHERE t.id = %(id)s", "postgresql", "WHERE t.id = ANY(%(id)s)"),
        ("SELECT a FROM t WHERE x = $1 AND id = $2", "postgresql", "WHERE id = ANY($2)"),
        ("SELECT a FROM t WHERE name = ?", "sqlite", "WHERE name IN (?, ?, ...)"),
        ("SELECT a FROM t WHERE `id` = %s", "mysql", "WHERE `id` IN (%s, %s, ...)"),
        ("SELECT a FROM t WHERE ? = t.b_id", "sqlite", "WHERE t.b_id IN (?, ?, ...)"),
        ("SELECT a FROM t WHERE id IN (?)", "sqlite", "WHERE id IN (?, ?, ...)"),
        ("DELETE FROM t WHERE id = $1", "postgresql", "WHERE id = ANY($1)"),
        ("UPDATE t SET x = now() WHERE id = $1", "postgresql", "WHERE id = ANY($1)"),
        (
            "UPDATE t SET x = $2 WHERE id = $1",
            "postgresql",
            'executemany("UPDATE t SET x = $2 WHERE id = $1", rows)',
        ),
        (
            "INSERT INTO t (a) VALUES (?)",
            "sqlite",
            'executemany("INSERT INTO t (a) VALUES (?)", rows)',
        ),
        ("SELECT now()", "postgresql", ""),
    ],
)
def test_the_fix_is_written_with_the_statements_own_names(statement, system, fix):
    assert batched(statement, system) == fix
