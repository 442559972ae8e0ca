"""What several tests need: an HTTP server, engines of real databases, Django's settings."""

import contextlib
from importlib import import_module

import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import AsyncAdaptedQueuePool

from tests.integrations.answers import answers
from tests.integrations.authors import AUTHORS, Author, Base, Book

import_module("tests.integrations.django_settings")


@pytest.fixture(scope="module")
def server():
    """The URL of a server that answers by path."""
    with answers() as url:
        yield url


def address(request, backend, tmp_path):
    if backend == "postgresql":
        dsn = request.getfixturevalue("postgres_dsn")
        return dsn.replace("postgresql:", "postgresql+psycopg:")
    return "sqlite://" if backend == "memory" else f"sqlite:///{tmp_path / 'test.db'}"


@contextlib.contextmanager
def filled(engine):
    """Tables with rows in them, in an engine whose pool has a connection ready."""
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(
            Author(name=f"author {n}", books=[Book(), Book()]) for n in range(1, AUTHORS + 1)
        )
        session.commit()
    try:
        yield
    finally:
        Base.metadata.drop_all(engine)


@pytest.fixture(params=["file", "memory", "postgresql"])
def engine(request, tmp_path):
    engine = create_engine(address(request, request.param, tmp_path))
    with filled(engine):
        yield engine
    engine.dispose()


@pytest.fixture(params=["file", "postgresql"])
def async_engine(request, tmp_path):
    """An asynchronous engine for one event loop; the tables are filled by another."""
    url = address(request, request.param, tmp_path)
    engine = create_engine(url)
    with filled(engine):
        yield create_async_engine(
            url.replace("sqlite:", "sqlite+aiosqlite:"), poolclass=AsyncAdaptedQueuePool
        )
    engine.dispose()


@pytest.fixture
def postgresql(request, tmp_path):
    engine = create_engine(address(request, "postgresql", tmp_path))
    with filled(engine):
        yield engine
    engine.dispose()
