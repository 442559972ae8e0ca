"""Which of the shops' deliberate defects are repaired, chosen by SHOP_FIX=name,other_name."""

import os
from typing import Final

FIXES: Final = {
    "orders_n_plus_one": "load items, products and customer of all listed orders at once",
    "missing_index": "index the items by product",
    "over_fetching": "leave the description, which nobody sees, in the database",
    "row_by_row_writes": "raise all prices in one statement",
    "slow_logging": "log how many orders were listed, not all that is in them",
    "double_serialization": "render the products once",
    "huge_payload": "answer with the newest hundred orders, not with all",
    "sequential_calls": "ask the carrier about all lines at once",
    "sync_db_on_loop": "await the database, which blocked the event loop",
    "cpu_on_loop": "draw the label in a thread, beside the event loop",
    "connection_held": "ask the carrier before the transaction begins, not within",
    "cache_stampede": "let one compute what has expired while the others take the old value",
    "memory_growth": "remember the latest hundred searches, not all",
    "slow_import": "compute the postage that is asked for, not a table of all at import",
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
