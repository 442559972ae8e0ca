"""Fill a new database with the same customers, products and orders every time.

Run it before the workers start with `python -m examples.fastapi_app.seed`.
"""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, insert

from examples.fastapi_app.database import database_path
from examples.fastapi_app.models import Customer, Item, Model, Order, Product
from examples.shop.fixes import fixed
from examples.shop.rows import MADE, Rows


def seed(path: Path) -> bool:
    """Create the database at this path unless there is one; safe from several processes at once.

    The file is built under a name of this process and then linked into place, so nobody ever sees
    half a shop. Returns whether this call was the one that made it.
    """
    made = not path.exists() and _make(path)
    _tune(path)
    return made


def _make(path: Path) -> bool:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        _build(draft)
        os.link(draft, path)
    except FileExistsError:
        return False
    else:
        return True
    finally:
        draft.unlink(missing_ok=True)


def _tune(path: Path) -> None:
    """Have the index that is missing when it is to be repaired, and only then."""
    index = "CREATE INDEX IF NOT EXISTS item_product ON item (product_id)"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(index if fixed("missing_index") else "DROP INDEX IF EXISTS item_product")


def _build(path: Path) -> None:
    path.unlink(missing_ok=True)
    engine = create_engine(URL.create("sqlite", database=str(path)))
    try:
        with engine.begin() as connection:
            Model.metadata.create_all(connection)
            _insert(connection)
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA journal_mode=WAL")  # readers beside a writer
    finally:
        engine.dispose()


def _insert(connection: Connection) -> None:
    rows = Rows.make()
    connection.execute(insert(Customer), rows.customers)
    connection.execute(insert(Product), rows.products)
    connection.execute(insert(Order), rows.orders)
    connection.execute(insert(Item), rows.items)


def main() -> None:
    """Seed the database of SHOP_DATABASE and say what happened."""
    path = database_path()
    print(f"{path}: {MADE if seed(path) else 'already there'}")


if __name__ == "__main__":
    main()
