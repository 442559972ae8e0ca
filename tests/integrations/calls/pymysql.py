"""PyMySQL."""

KINDS = {"db"}


def call(fixture):
    import pymysql

    with pymysql.connect(**fixture("mariadb")._asdict()) as db, db.cursor() as cursor:
        cursor.execute("SELECT %s AS one", (1,))
        rows = cursor.fetchall()
        db.commit()
    return rows
