"""The shop's database: SQLite, or the PostgreSQL of DATABASE_URL."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

POOL_SIZE: Final = 5
LOCK_TIMEOUT_S: Final = 10  # how long a writer waits for another one's transaction


def database(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return what Django's DATABASES holds for one of them."""
    url = environ.get("DATABASE_URL", "")
    if url:
        return postgres(url)
    default = Path(__file__).parent / "var" / "shop.sqlite3"
    return sqlite(Path(environ.get("SHOP_DATABASE") or default))


def sqlite(path: Path) -> dict[str, Any]:
    """Return the settings of a file, which is made with its directory when it is missing."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": LOCK_TIMEOUT_S,
            "transaction_mode": "IMMEDIATE",  # a reader that turns writer fails at once otherwise
        },
    }


def postgres(url: str) -> dict[str, Any]:
    """Return the settings of `postgresql://user:password@host:port/name?host=/socket`."""
    parts = urlsplit(url)
    if parts.scheme not in {"postgres", "postgresql"}:
        message = f"DATABASE_URL: {parts.scheme}:// is not served here; allowed: postgresql://"
        raise ValueError(message)
    options = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.removeprefix("/")) or "postgres",
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": options.pop("host", parts.hostname or ""),
        "PORT": str(parts.port or ""),
        "OPTIONS": options | {"pool": {"min_size": 1, "max_size": POOL_SIZE, "timeout": 30}},
    }
