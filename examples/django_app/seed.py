"""Fill a new database with the same rows every time: `manage.py seed`, before the workers."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection, transaction

from examples.django_app.models import Customer, Item, Order, Product
from examples.shop.fixes import fixed
from examples.shop.rows import Rows

LOCK = 1815
INDEX = "item_product"


def seed() -> bool:
    """Make the tables and their rows unless they are there; one process at a time does it.

    Returns whether this call was the one that made them.
    """
    with lock():
        call_command("migrate", verbosity=0)
        made = not Customer.objects.exists()
        if made:
            insert(Rows.make())
        tune()
    return made


def insert(rows: Rows) -> None:
    """Insert all rows or none."""
    with transaction.atomic():
        for model, dicts in (
            (Customer, rows.customers),
            (Product, rows.products),
            (Order, rows.orders),
            (Item, rows.items),
        ):
            model.objects.bulk_create([model(**row) for row in dicts], batch_size=1_000)
        resets = connection.ops.sequence_reset_sql(no_style(), [Customer, Product, Order])
        with connection.cursor() as cursor:  # PostgreSQL does not count rows that bring an id
            for statement in resets:
                cursor.execute(statement)


@contextmanager
def lock() -> Iterator[None]:
    """Keep other seeders out: by the database, or by the directory of its file."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            try:
                yield
            finally:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [LOCK])
        return
    directory = Path(connection.settings_dict["NAME"]).parent
    directory.mkdir(parents=True, exist_ok=True)
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def tune() -> None:
    """Have the index that is missing when it is to be repaired, and only then."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("PRAGMA journal_mode=WAL")  # readers beside a writer
        if fixed("missing_index"):
            cursor.execute(f"CREATE INDEX IF NOT EXISTS {INDEX} ON item (product_id)")
        else:
            cursor.execute(f"DROP INDEX IF EXISTS {INDEX}")
