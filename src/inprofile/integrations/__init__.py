"""What the recorder knows about libraries: one file and one row of TABLE for each."""

from importlib import import_module

from inprofile.integrations._patch import Patch

TABLE = {
    "MySQLdb": "mysqlclient",
    "aiohttp": "aiohttp",
    "aiomysql": "aiomysql",
    "aiosqlite": "aiosqlite",
    "anyio": "anyio",
    "asgiref": "asgiref",
    "asyncio": "stdlib_asyncio",
    "asyncpg": "asyncpg",
    "celery": "celery",
    "django.contrib.admin": "django_admin",
    "django.core.cache": "django_cache",
    "django.db.backends": "django_db",
    "django.db.models": "django_orm",
    "django.http": "django_http",
    "django.template": "django_templates",
    "fastapi": "fastapi",
    "flask": "flask",
    "graphql": "graphql_core",
    "gunicorn": "gunicorn",
    "httpx": "httpx",
    "jinja2": "jinja2",
    "json": "stdlib_json",
    "logging": "stdlib_logging",
    "loguru": "loguru",
    "msgspec": "msgspec",
    "orjson": "orjson",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "pydantic": "pydantic",
    "pymemcache": "pymemcache",
    "pymysql": "pymysql",
    "pymongo": "pymongo",
    "redis": "redis",
    "requests": "requests",
    "rest_framework": "rest_framework",
    "psycopg_pool": "psycopg_pool",
    "sqlalchemy": "sqlalchemy",
    "sqlite3": "sqlite",
    "starlette": "starlette",
    "structlog": "structlog",
    "urllib.request": "stdlib_urllib",
    "urllib3": "urllib3",
    "valkey": "valkey",
}
"""Library -> our file, which says in PATCHES what is replaced in which of its modules, and in
TRACING what besides when traces go on in other services. Those that know of eager loads say in
WATCHING what sees them and their reads, which no application runs with but in a test."""


def patches(*, tracing: bool = False) -> dict[str, tuple[Patch, ...]]:
    """Every patch by the module it goes into; loads none of the libraries."""
    files = [import_module(f"inprofile.integrations.{file}") for file in TABLE.values()]
    found: dict[str, tuple[Patch, ...]] = {}
    for file in files:
        found |= file.PATCHES
    for file in files if tracing else ():
        for module, more in getattr(file, "TRACING", {}).items():
            found[module] = (*found[module], *more)
    return found


def watching() -> dict[str, tuple[Patch, ...]]:
    """What sees whether anybody reads what was loaded with other rows."""
    found: dict[str, tuple[Patch, ...]] = {}
    for file in TABLE.values():
        found |= getattr(import_module(f"inprofile.integrations.{file}"), "WATCHING", {})
    return found
