"""psycopg 3."""

KINDS = {"db"}


def call(fixture):
    import psycopg

    with psycopg.connect(fixture("postgres_dsn")) as connection:
        connection.execute("CREATE TEMP TABLE called (a int)")
        with connection.cursor() as cursor:
            cursor.executemany("INSERT INTO called VALUES (%s)", [(1,), (2,)])
        return connection.execute("SELECT a FROM called ORDER BY a").fetchall()
