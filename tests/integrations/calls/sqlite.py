"""sqlite3."""

import sqlite3

KINDS = {"db"}


def call(_):
    with sqlite3.connect(":memory:") as db:
        db.execute("CREATE TABLE t (a)")
        db.executemany("INSERT INTO t VALUES (?)", [(1,), (2,)])
        rows = db.execute("SELECT a FROM t").fetchall()
    db.close()
    return rows
