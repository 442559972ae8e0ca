"""Public test suites of masked SQL, and what the summary of a statement is."""

import pytest

from inprofile.integrations._sql import describe
from tests.integrations.sql_cases import DEVIATIONS, OPENTELEMETRY, PERCONA


def shown(system, text):
    name, about = describe(system, text)
    return name, about["db.query.summary"]


@pytest.mark.parametrize("case", OPENTELEMETRY, ids=lambda case: case.point)
def test_opentelemetrys_cases_are_met(case):
    assert shown("other_sql", case.text) == (case.masked, case.summary)


@pytest.mark.parametrize("case", PERCONA, ids=lambda case: case.point)
def test_perconas_points_are_met(case):
    assert shown("mysql", case.text) == (case.masked, case.summary)


@pytest.mark.parametrize("deviation", DEVIATIONS, ids=lambda deviation: deviation.reason)
def test_where_we_do_otherwise_it_is_for_a_reason(deviation):
    assert describe(deviation.system, deviation.text)[0] == deviation.ours
    assert deviation.ours != deviation.theirs


@pytest.mark.parametrize(
    ("system", "text", "masked"),
    [
        ("sqlite", r"a LIKE ? ESCAPE '\' ORDER BY b", "a LIKE ? ESCAPE ? ORDER BY b"),
        ("sqlite", 'a = "x" AND "t"."a" = "t"."b"', 'a = ? AND "t"."a" = "t"."b"'),
        ("sqlite", 'INSERT INTO t ("a") VALUES ("x", 1)', 'INSERT INTO t ("a") VALUES (?)'),
        ("mysql", r"a = 'it\'s' AND b = 'x'", "a = ? AND b = ?"),
        ("mysql", r"a = 'C:\' AND b = 'x'", "a = ?"),
        ("mysql", "a = 'open # it''s", "a = ?"),
        ("mysql", "a = `b` AND `c", "a = `b` AND ?"),
        ("postgresql", r"a = 'C:\' AND b = 'x'", "a = ? AND b = ?"),
        ("postgresql", r"a = 'it\'s' AND b = 'x'", "a = ?"),
        ("postgresql", "a /* b /* c */ 'd' */ = $$it's$$", "a = ?"),
        ("postgresql", "a # 5", "a # ?"),
        ("oracle", "a = q'[it's]' AND b = nq'!it's!' AND c = :c", "a = ? AND b = ? AND c = :c"),
        ("oracle", "ALTER USER a IDENTIFIED BY secret", "ALTER USER a IDENTIFIED BY ?"),
        ("mssql", "a = $12.50 AND [b'c] = N'x'", "a = ? AND [b'c] = ?"),
        ("other", "a = `it's` AND b", "a = ?"),
    ],
)
def test_every_system_is_read_by_its_own_rules(system, text, masked):
    assert describe(system, text)[0] == masked


@pytest.mark.parametrize(
    ("text", "summary", "operation", "collection"),
    [
        ("SELECT a FROM t WHERE b IN (SELECT c FROM t)", "SELECT t SELECT t", "SELECT", "t"),
        ("SELECT a FROM t UNION SELECT b FROM u", "SELECT t SELECT u", "SELECT", ""),
        ('SELECT a FROM "song list", s."x"', 'SELECT "song list" s."x"', "SELECT", ""),
        ('SELECT a FROM "s"."x y"', 'SELECT "s"."x y"', "SELECT", "s.x y"),
        ("SELECT a, b FROM t ORDER BY c, d LIMIT 1, 2", "SELECT t", "SELECT", "t"),
        ("SELECT a FROM t FOR UPDATE OF t, u", "SELECT t", "SELECT", "t"),
        ("SELECT EXTRACT(YEAR FROM a) FROM t", "SELECT t", "SELECT", "t"),
        ("SELECT a FROM t WHERE b IS DISTINCT FROM c", "SELECT t", "SELECT", "t"),
        ("SELECT a FROM f(1) g, (t JOIN u USING (id))", "SELECT t u", "SELECT", ""),
        ("SELECT REPLACE(a, 'b', 'c') FROM t", "SELECT t", "SELECT", "t"),
        (
            "WITH a AS (SELECT b FROM c), d (e) AS (SELECT f FROM a) INSERT INTO g SELECT * FROM d",
            "SELECT c SELECT INSERT g SELECT",
            "INSERT",
            "",
        ),
        ("DELETE FROM t WHERE a IN (SELECT b FROM u)", "DELETE t SELECT u", "DELETE", ""),
        ("DELETE FROM t USING u WHERE t.a = u.a", "DELETE t u", "DELETE", ""),
        ("UPDATE ONLY t SET a = 1, b = 2 FROM u", "UPDATE t u", "UPDATE", ""),
        ("INSERT OR IGNORE INTO t (a, b) VALUES (1, 2)", "INSERT t", "INSERT", "t"),
        ("INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1", "INSERT t", "INSERT", "t"),
        ("MERGE INTO t USING u ON a = b WHEN MATCHED THEN DELETE", "MERGE t u", "MERGE", ""),
        ("EXPLAIN ANALYZE SELECT a FROM t", "EXPLAIN SELECT t", "EXPLAIN", "t"),
        ("CALL rename_song(1)", "CALL rename_song", "CALL", ""),
        ("EXEC rename_song @id = 1", "EXEC rename_song", "EXEC", ""),
        ("TRUNCATE TABLE a, b", "TRUNCATE a b", "TRUNCATE", ""),
        ("DROP VIEW IF EXISTS a, b CASCADE", "DROP VIEW a b", "DROP", ""),
        ("CREATE UNIQUE INDEX CONCURRENTLY i ON t (a, b)", "CREATE INDEX i", "CREATE", ""),
        ("CREATE VIEW v AS SELECT a FROM t", "CREATE VIEW v", "CREATE", ""),
        ("CREATE TRIGGER g AFTER UPDATE ON t BEGIN CALL p; END", "CREATE TRIGGER g", "CREATE", ""),
        ("CREATE USER 'a'@'%' IDENTIFIED BY 'b'", "CREATE USER", "CREATE", ""),
        ("GRANT SELECT, INSERT ON t TO u", "GRANT", "GRANT", ""),
        ("FETCH FORWARD 9 FROM cursor_1", "FETCH", "FETCH", ""),
        ("SAVEPOINT sa_savepoint_1", "SAVEPOINT", "SAVEPOINT", ""),
        ("PRAGMA table_info(t)", "PRAGMA", "PRAGMA", ""),
        ("SELECT 1; SELECT 2", "SELECT SELECT", "SELECT", ""),
        ("BEGIN; UPDATE t SET a = 1; COMMIT", "BEGIN UPDATE t COMMIT", "_OTHER", "t"),
    ],
)  # fmt: skip
def test_the_summary_names_operations_and_their_targets(text, summary, operation, collection):
    about = describe("postgresql", text)[1]
    assert about == {
        "db.system.name": "postgresql",
        "db.operation.name": operation,
        "db.collection.name": collection,
        "db.query.summary": summary,
    }


def test_a_summary_is_cut_between_names():
    """255 characters, as OpenTelemetry's conventions have it."""
    fits = "n" * 82
    assert shown("sqlite", f"SELECT a FROM {fits}, {fits}, {fits}, b")[1] == (
        f"SELECT {fits} {fits} {fits}"
    )
    assert shown("sqlite", f"SELECT a FROM {fits}, {fits}, {fits}x, b")[1] == (
        f"SELECT {fits} {fits}"
    )
