"""What the routes ask for: sessions, a page, a customer, an order."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Annotated, Final

import httpx
from fastapi import Depends, Header, HTTPException, Path, Query
from fastapi.requests import HTTPConnection
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import Session

from examples.fastapi_app.database import Database
from examples.fastapi_app.models import Customer, Order

MOST_ROWS: Final = 100
LARGEST_ID: Final = 2**63 - 1  # what SQLite can hold
Id = Annotated[int, Path(ge=1, le=LARGEST_ID)]


def get_database(connection: HTTPConnection) -> Database:
    """Return the database that the lifespan opened."""
    database: Database = connection.state.database
    return database


async def get_carrier(connection: HTTPConnection) -> httpx.AsyncClient:
    """Return the HTTP client that the lifespan opened."""
    carrier: httpx.AsyncClient = connection.state.carrier
    return carrier


DatabaseDependency = Annotated[Database, Depends(get_database)]
CarrierDependency = Annotated[httpx.AsyncClient, Depends(get_carrier)]


async def open_async_session(database: DatabaseDependency) -> AsyncIterator[AsyncSession]:
    """Lend an asynchronous session for the length of a request."""
    async with database.async_session() as session:
        yield session


def open_session(database: DatabaseDependency) -> Iterator[Session]:
    """Lend a synchronous session for the length of a request."""
    with database.session() as session:
        yield session


AsyncSessionDependency = Annotated[AsyncSession, Depends(open_async_session)]
SessionDependency = Annotated[Session, Depends(open_session)]


@dataclass(frozen=True, slots=True)
class Page:
    """Which part of a list to show."""

    limit: int
    offset: int


def get_page(
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS)] = 20,
    offset: Annotated[int, Query(ge=0, le=LARGEST_ID)] = 0,
) -> Page:
    """Read the page from the query string."""
    return Page(limit, offset)


async def get_order(order_id: Id, session: AsyncSessionDependency) -> Order:
    """Return the order in the path, or answer 404."""
    order = await session.get(Order, order_id)
    if order is None:
        raise HTTPException(404, f"there is no order {order_id}")
    return order


async def get_customer(customer_id: Id, session: AsyncSessionDependency) -> Customer:
    """Return the customer in the path, or answer 404."""
    customer = await session.get(Customer, customer_id)
    if customer is None:
        raise HTTPException(404, f"there is no customer {customer_id}")
    return customer


async def get_buyer(
    x_customer_id: Annotated[int, Header(ge=1, le=LARGEST_ID)], session: AsyncSessionDependency
) -> Customer:
    """Return the customer who is signed in, or answer 401."""
    customer = await session.get(Customer, x_customer_id)
    if customer is None:
        raise HTTPException(401, "sign in first")
    return customer


PageDependency = Annotated[Page, Depends(get_page)]
OrderDependency = Annotated[Order, Depends(get_order)]
CustomerDependency = Annotated[Customer, Depends(get_customer)]
BuyerDependency = Annotated[Customer, Depends(get_buyer)]
