"""The same customers, products, orders and items every time, as dicts of the tables' columns."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

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


PRAISE = "it lasts, it can be repaired, and nobody regretted it. " * 40
MADE = f"{CUSTOMERS} customers, {PRODUCTS} products, {ORDERS} orders"

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Rows:
    """What a new shop holds."""

    customers: list[Row]
    products: list[Row]
    orders: list[Row]
    items: list[Row]

    @classmethod
    def make(cls) -> Self:
        """Return the rows of each table."""
        chance = random.Random(1815)
        products = [_product(number, chance) for number in range(1, PRODUCTS + 1)]
        return cls(
            products=products,
            customers=[_customer(number, chance) for number in range(1, CUSTOMERS + 1)],
            orders=[_order(number, chance) for number in range(1, ORDERS + 1)],
            items=list(_items(products, chance)),
        )


def _customer(number: int, chance: random.Random) -> Row:
    first, last = chance.choice(FIRST_NAMES), chance.choice(LAST_NAMES)
    return {
        "id": number,
        "name": f"{first} {last}",
        "email": f"{first}.{last}.{number}@example.com".lower(),
        "country": chance.choice(COUNTRIES),
    }


def _product(number: int, chance: random.Random) -> Row:
    category = CATEGORIES[number % len(CATEGORIES)]
    gift_card = category == "gift cards"
    thing = "gift card" if gift_card else chance.choice(THINGS)
    return {
        "id": number,
        "name": f"{chance.choice(QUALITIES)} {thing}",
        "category": category,
        "price_cents": chance.randrange(400, 12_000, 50),
        "weight_grams": 0 if gift_card else chance.randrange(50, 6_000, 10),
        "description": f"What is good about product {number}: {PRAISE}",
    }


def _order(number: int, chance: random.Random) -> Row:
    placed_at = FIRST_ORDER_AT + timedelta(minutes=number * 97)
    return {
        "id": number,
        "customer_id": chance.randint(1, CUSTOMERS),
        "status": chance.choice(STATUSES),
        "placed_at": placed_at,
        "receipt_sent_at": placed_at + timedelta(seconds=30),
    }


def _items(products: list[Row], chance: random.Random) -> Iterator[Row]:
    for order_id in range(1, ORDERS + 1):
        for product in chance.sample(products, chance.randint(1, 5)):
            yield {
                "order_id": order_id,
                "product_id": product["id"],
                "quantity": chance.randint(1, 3),
                "price_cents": product["price_cents"],
            }
