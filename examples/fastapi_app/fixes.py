"""Which of the shop's deliberate defects are repaired, chosen by SHOP_FIX=name,other_name."""

import os
from typing import Final

FIXES: Final = {
    "orders_n_plus_one": "load items, products and customer of all listed orders at once",
}


def fixed(name: str) -> bool:
    """Tell whether SHOP_FIX names this defect."""
    return name in chosen()


def chosen() -> set[str]:
    """Return the names in SHOP_FIX."""
    return {name.strip() for name in os.environ.get("SHOP_FIX", "").split(",") if name.strip()}


def check() -> None:
    """Raise ValueError when SHOP_FIX holds a name that is no defect of this shop."""
    if unknown := chosen() - FIXES.keys():
        message = f"SHOP_FIX: unknown {', '.join(sorted(unknown))}; allowed: {', '.join(FIXES)}"
        raise ValueError(message)
