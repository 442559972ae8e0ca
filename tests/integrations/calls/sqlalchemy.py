"""SQLAlchemy."""

KINDS = {"db", "db_pool_wait"}


def call(_):
    from sqlalchemy import create_engine, text

    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        rows = connection.execute(text("SELECT 1 AS one")).fetchall()
    engine.dispose()
    return [tuple(row) for row in rows]
