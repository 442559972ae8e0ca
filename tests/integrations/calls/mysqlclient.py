"""mysqlclient."""

KINDS = {"db"}


def call(fixture):
    import MySQLdb

    with MySQLdb.connect(**fixture("mariadb")._asdict()) as db, db.cursor() as cursor:
        cursor.execute("SELECT %s AS one", (1,))
        rows = cursor.fetchall()
        db.commit()
    return rows
