"""What the carrier charges for a weight."""

from typing import Final

from examples.shop.fixes import fixed

HOME: Final = "DE"
HEAVIEST_GRAMS: Final = 400_000


def postage(country: str, weight_grams: int) -> int:
    """Return the price of a parcel in cents."""
    abroad = country != HOME
    if weight_grams < len(TABLES[abroad]):
        return TABLES[abroad][weight_grams]
    return compute(weight_grams, abroad=abroad)


def compute(weight_grams: int, *, abroad: bool) -> int:
    """Return a base price and a cent for every ten grams."""
    return (990 if abroad else 490) + weight_grams // 10


def tabulate(*, abroad: bool) -> list[int]:
    """Return the price of every weight."""
    return [compute(weight_grams, abroad=abroad) for weight_grams in range(HEAVIEST_GRAMS)]


TABLES: Final[tuple[list[int], list[int]]] = (
    ([], []) if fixed("slow_import") else (tabulate(abroad=False), tabulate(abroad=True))
)
