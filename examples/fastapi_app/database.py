"""The shop's connection to SQLite, asynchronous and synchronous side by side."""

import os
from pathlib import Path
from typing import Self

from sqlalchemy import URL, AsyncAdaptedQueuePool, Engine, QueuePool, create_engine
from sqlalchemy.ext.asyncio import (
    AsyncEngine,
    AsyncSession,
    async_sessionmaker,
    create_async_engine,
)
from sqlalchemy.orm import Session, sessionmaker

POOL_SIZE = 5
LOCK_TIMEOUT_S = 10  # how long a writer waits for the other worker's transaction


class Database:
    """Two engines over one file, and the sessions they give out."""

    def __init__(self, engine: Engine, async_engine: AsyncEngine) -> None:
        """Keep both engines; nothing connects before the first query."""
        self.engine = engine
        self.async_engine = async_engine
        self.sessions = sessionmaker(engine, expire_on_commit=False)
        self.async_sessions = async_sessionmaker(async_engine, expire_on_commit=False)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the database in this file."""
        lock = {"timeout": LOCK_TIMEOUT_S}
        return cls(
            create_engine(
                URL.create("sqlite", database=str(path)),
                poolclass=QueuePool,
                pool_size=POOL_SIZE,
                connect_args=lock,
            ),
            create_async_engine(
                URL.create("sqlite+aiosqlite", database=str(path)),
                poolclass=AsyncAdaptedQueuePool,  # SQLAlchemy before 2.0.38 would not pool
                pool_size=POOL_SIZE,
                connect_args=lock,
            ),
        )

    def session(self) -> Session:
        """Return a session for code that runs in a thread."""
        return self.sessions()

    def async_session(self) -> AsyncSession:
        """Return a session for code that runs on the event loop."""
        return self.async_sessions()

    async def close(self) -> None:
        """Close every pooled connection."""
        self.engine.dispose()
        await self.async_engine.dispose()


def database_path() -> Path:
    """Return the file of SHOP_DATABASE, or else one beside the app."""
    default = Path(__file__).parent / "var" / "shop.sqlite3"
    return Path(os.environ.get("SHOP_DATABASE") or default)
