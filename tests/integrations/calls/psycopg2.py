"""psycopg2."""

KINDS = {"db"}


def call(fixture):
    import psycopg2

    connection = psycopg2.connect(fixture("postgres_dsn"))
    with connection, connection.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE called (a int)")
        cursor.executemany("INSERT INTO called VALUES (%s)", [(1,), (2,)])
        cursor.execute("SELECT a FROM called ORDER BY a")
        rows = cursor.fetchall()
    connection.close()
    return rows
