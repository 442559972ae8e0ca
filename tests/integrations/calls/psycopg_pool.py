"""psycopg_pool."""

KINDS = {"db", "db_pool_wait"}


def call(fixture):
    from psycopg_pool import ConnectionPool

    with (
        ConnectionPool(fixture("postgres_dsn"), min_size=1, max_size=1, open=False) as pool,
        pool.connection() as connection,
    ):
        return connection.execute("SELECT 1").fetchall()
