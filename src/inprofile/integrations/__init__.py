"""What the recorder knows about libraries: one file and one row of TABLE for each."""

from importlib import import_module

from inprofile.integrations._patch import Patch

TABLE = {
    "aiosqlite": "aiosqlite",
    "anyio": "anyio",
    "fastapi": "fastapi",
    "httpx": "httpx",
    "jinja2": "jinja2",
    "logging": "stdlib_logging",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite",
    "starlette": "starlette",
}
"""Library -> our file, which says in PATCHES what is replaced in which of its modules."""


def patches() -> dict[str, tuple[Patch, ...]]:
    """Every patch by the module it goes into; loads none of the libraries."""
    found: dict[str, tuple[Patch, ...]] = {}
    for file in TABLE.values():
        found |= import_module(f"inprofile.integrations.{file}").PATCHES
    return found
