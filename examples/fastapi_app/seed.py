"""Fill a new database with the same customers, products and orders every time.

Run it before the workers start with `python -m examples.fastapi_app.seed`.
"""

import os
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import URL, Connection, create_engine, insert

from examples.fastapi_app.database import database_path
from examples.fastapi_app.models import Customer, Item, Model, Order, Product

CUSTOMERS = 400
PRODUCTS = 120
ORDERS = 2_500
FIRST_ORDER_AT = datetime(2024, 1, 1, 8)  # noqa: DTZ001 - SQLite keeps no time zone
STATUSES = ("paid", "packed", "shipped", "delivered", "returned")
COUNTRIES = ("AT", "BE", "CH", "DE", "DK", "FR", "IT", "NL")
FIRST_NAMES = ("Ada", "Alan", "Barbara", "Donald", "Edsger", "Frances", "Grace", "Ken", "Margaret")
LAST_NAMES = ("Allen", "Dijkstra", "Hamilton", "Hopper", "Knuth", "Liskov", "Lovelace", "Turing")
CATEGORIES = ("garden", "kitchen", "office", "gift cards", "travel", "workshop")
QUALITIES = ("Brass", "Cotton", "Foldable", "Glass", "Oak", "Recycled", "Small", "Sturdy")
THINGS = ("basket", "bottle", "box", "chair", "hook", "lamp", "shelf", "tray", "vase")


def seed(path: Path) -> bool:
    """Create the database at this path unless there is one; safe from several processes at once.

    The file is built under a name of this process and then linked into place, so nobody ever sees
    half a shop. Returns whether this call was the one that made it.
    """
    if path.exists():
        return False
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
    chance = random.Random(1815)  # the same shop every time
    products = [_product(number, chance) for number in range(1, PRODUCTS + 1)]
    connection.execute(
        insert(Customer), [_customer(number, chance) for number in range(1, CUSTOMERS + 1)]
    )
    connection.execute(insert(Product), products)
    connection.execute(insert(Order), [_order(number, chance) for number in range(1, ORDERS + 1)])
    connection.execute(insert(Item), list(_items(products, chance)))


def _customer(number: int, chance: random.Random) -> dict[str, object]:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    return {
        "id": number,
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "country": chance.choice(COUNTRIES),
    }


def _product(number: int, chance: random.Random) -> dict[str, int | str]:
    category = CATEGORIES[number % len(CATEGORIES)]
    gift_card = category == "gift cards"
    thing = "gift card" if gift_card else chance.choice(THINGS)
    return {
        "id": number,
        "name": f"{chance.choice(QUALITIES)} {thing}",
        "category": category,
        "price_cents": chance.randrange(400, 12_000, 50),
        "weight_grams": 0 if gift_card else chance.randrange(50, 6_000, 10),
    }


def _order(number: int, chance: random.Random) -> dict[str, object]:
    placed_at = FIRST_ORDER_AT + timedelta(minutes=number * 97)
    return {
        "id": number,
        "customer_id": chance.randint(1, CUSTOMERS),
        "status": chance.choice(STATUSES),
        "placed_at": placed_at,
        "receipt_sent_at": placed_at + timedelta(seconds=30),
    }


def _items(
    products: list[dict[str, int | str]], chance: random.Random
) -> Iterator[dict[str, int | str]]:
    for order_id in range(1, ORDERS + 1):
        for product in chance.sample(products, chance.randint(1, 5)):
            yield {
                "order_id": order_id,
                "product_id": product["id"],
                "quantity": chance.randint(1, 3),
                "price_cents": product["price_cents"],
            }


def main() -> None:
    """Seed the database of SHOP_DATABASE and say what happened."""
    path = database_path()
    made = f"{CUSTOMERS} customers, {PRODUCTS} products, {ORDERS} orders"
    print(f"{path}: {made if seed(path) else 'already there'}")


if __name__ == "__main__":
    main()
