"""Orders: list, show, place, ship, dispatch, archive and export them."""

import asyncio
import logging
from collections import defaultdict
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from functools import partial
from typing import Annotated, Final

import httpx
from fastapi import APIRouter, BackgroundTasks, HTTPException, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import selectinload

from examples.fastapi_app.database import Database
from examples.fastapi_app.dependencies import (
    AsyncSessionDependency,
    BuyerDependency,
    CarrierDependency,
    DatabaseDependency,
    Id,
    OrderDependency,
    PageDependency,
)
from examples.fastapi_app.models import Customer, Item, Order, Product
from examples.fastapi_app.receipt import send_receipt
from examples.fastapi_app.schemas import (
    ArchivedItem,
    ArchivedOrder,
    ItemView,
    NewOrder,
    OrderView,
    ProductView,
    Quote,
)
from examples.shop.fixes import fixed
from examples.shop.pretty import Pretty

logger = logging.getLogger(__name__)
EXPORT_ROWS: Final = 100  # a chunk of the response
NEWEST: Final = 100

router = APIRouter()


@router.get("")
async def list_orders(
    session: AsyncSessionDependency, page: PageDependency, status: str | None = None
) -> list[OrderView]:
    """List the newest orders with their lines."""
    statement = select(Order).order_by(Order.id.desc()).limit(page.limit).offset(page.offset)
    if status is not None:
        statement = statement.where(Order.status == status)
    if fixed("orders_n_plus_one"):
        items = selectinload(Order.items).selectinload(Item.product)
        statement = statement.options(items, selectinload(Order.customer))
    orders = [await view_order(order) for order in await session.scalars(statement)]
    if not fixed("slow_logging"):
        for order in orders:
            logger.info("order %s listed: %s", order.id, Pretty(order.model_dump()))
    logger.info("%s orders listed", len(orders))
    return orders


@router.post("", status_code=201)
async def place_order(
    new: NewOrder,
    buyer: BuyerDependency,
    session: AsyncSessionDependency,
    database: DatabaseDependency,
    background: BackgroundTasks,
) -> OrderView:
    """Place an order; the receipt follows after the answer."""
    items = []
    for line in new.items:
        product = await session.get(Product, line.product_id)
        if product is None:
            raise HTTPException(404, f"there is no product {line.product_id}")
        items.append(Item(product=product, quantity=line.quantity, price_cents=product.price_cents))
    now = datetime.now(UTC).replace(tzinfo=None)
    order = Order(customer=buyer, status="new", placed_at=now, items=items)
    session.add(order)
    await session.commit()
    background.add_task(send_receipt, database, order.id)
    logger.info("order %s placed by customer %s", order.id, buyer.id)
    return await view_order(order)


@router.get("/export")
async def export_orders(
    database: DatabaseDependency, limit: Annotated[int, Query(ge=1, le=10_000)] = 500
) -> StreamingResponse:
    """Stream the lines of the newest orders as CSV."""
    return StreamingResponse(stream_lines(database, limit), media_type="text/csv")


@router.get("/archive")
async def show_archive(session: AsyncSessionDependency) -> list[ArchivedOrder]:
    """Show every order there ever was with its lines in one answer."""
    statement = select(Order.id, Order.status, Order.placed_at, Customer.name.label("buyer"))
    statement = statement.join(Order.customer).order_by(Order.id.desc())
    if fixed("huge_payload"):
        statement = statement.limit(NEWEST)
    orders = (await session.execute(statement)).mappings().all()
    items = select(Item.order_id, Product.name, Item.quantity, Item.price_cents)
    items = items.join(Item.product).order_by(Item.id)
    oldest = min((order["id"] for order in orders), default=0)
    lines: defaultdict[int, list[ArchivedItem]] = defaultdict(list)
    for line in await session.execute(items.where(Item.order_id >= oldest)):
        lines[line.order_id].append(ArchivedItem.model_validate(line, from_attributes=True))
    return [ArchivedOrder(**order, items=lines[order["id"]]) for order in orders]


@router.get("/{order_id}")
async def show_order(order_id: Id, session: AsyncSessionDependency) -> OrderView:
    """Show one order with its lines."""
    statement = select(Order).where(Order.id == order_id)
    if fixed("orders_n_plus_one"):
        items = selectinload(Order.items).joinedload(Item.product)
        statement = statement.options(items, selectinload(Order.customer))
    order = await session.scalar(statement)
    if order is None:
        raise HTTPException(404, f"there is no order {order_id}")
    return await view_order(order)


@router.get("/{order_id}/shipping")  # noqa: FAST003 - a dependency reads it
async def show_shipping(
    request: Request,
    order: OrderDependency,
    session: AsyncSessionDependency,
    carrier: CarrierDependency,
) -> Quote:
    """Ask the carrier what the order's parcel costs."""
    weight_grams = sum(await weigh_lines(order, session))
    customer = await order.awaitable_attrs.customer
    return await ask_carrier(request, carrier, customer.country, weight_grams)


@router.get("/{order_id}/split_shipping")  # noqa: FAST003 - a dependency reads it
async def show_split_shipping(
    request: Request,
    order: OrderDependency,
    session: AsyncSessionDependency,
    carrier: CarrierDependency,
) -> list[Quote]:
    """Ask the carrier what a parcel for each line of the order costs."""
    country = (await order.awaitable_attrs.customer).country
    parcels = await weigh_lines(order, session)
    ask = partial(ask_carrier, request, carrier, country)
    if fixed("sequential_calls"):
        return list(await asyncio.gather(*map(ask, parcels)))
    return [await ask(weight_grams) for weight_grams in parcels]


@router.post("/{order_id}/dispatch")  # noqa: FAST003 - a dependency reads it
async def dispatch_order(
    request: Request,
    order: OrderDependency,
    session: AsyncSessionDependency,
    carrier: CarrierDependency,
) -> Quote:
    """Note that an order is on its way, if the carrier has a price for its parcel."""
    weight_grams = sum(await weigh_lines(order, session))
    country = (await order.awaitable_attrs.customer).country
    if fixed("connection_held"):
        await session.commit()  # gives the connection back to the pool
        quote = await ask_carrier(request, carrier, country, weight_grams)
        await set_shipped(order.id, session)
    else:
        await set_shipped(order.id, session)
        quote = await ask_carrier(request, carrier, country, weight_grams)
    await session.commit()
    return quote


async def set_shipped(order_id: int, session: AsyncSession) -> None:
    """Write that an order is on its way."""
    await session.execute(update(Order).where(Order.id == order_id).values(status="shipped"))


async def weigh_lines(order: Order, session: AsyncSession) -> list[int]:
    """Return what each line of an order weighs, in grams."""
    statement = select(Item.quantity, Product.weight_grams).join(Item.product).order_by(Item.id)
    lines = await session.execute(statement.where(Item.order_id == order.id))
    return [quantity * grams for quantity, grams in lines]


async def ask_carrier(
    request: Request, carrier: httpx.AsyncClient, country: str, weight_grams: int
) -> Quote:
    """Return what the carrier says, which is this very server."""
    host, port = request.scope["server"]
    answer = await carrier.get(
        f"http://{host}:{port}/carrier/quote",
        params={"country": country, "weight_grams": weight_grams},
    )
    answer.raise_for_status()
    return Quote.model_validate_json(answer.content)


async def view_order(order: Order) -> OrderView:
    """Return an order as the API shows it, loading what is not loaded yet."""
    customer = await order.awaitable_attrs.customer
    items = [await view_item(item) for item in await order.awaitable_attrs.items]
    return OrderView(
        id=order.id,
        customer=customer.name,
        status=order.status,
        placed_at=order.placed_at,
        receipt_sent_at=order.receipt_sent_at,
        total_cents=sum(item.quantity * item.price_cents for item in items),
        items=items,
    )


async def view_item(item: Item) -> ItemView:
    """Return one line of an order as the API shows it."""
    product = await item.awaitable_attrs.product
    return ItemView(
        product=ProductView.model_validate(product),
        quantity=item.quantity,
        price_cents=item.price_cents,
    )


async def stream_lines(database: Database, limit: int) -> AsyncIterator[str]:
    """Give the CSV lines of the newest orders, a header first."""
    newest = select(Order.id).order_by(Order.id.desc()).limit(limit)
    statement = (
        select(Item.order_id, Product.name, Item.quantity, Item.price_cents)
        .join(Item.product)
        .where(Item.order_id.in_(newest))
        .order_by(Item.order_id.desc(), Item.id)
    )
    yield "order,product,quantity,price_cents\n"
    async with database.async_session() as session:
        rows = await session.stream(statement.execution_options(yield_per=EXPORT_ROWS))
        async for part in rows.partitions():
            yield "".join(",".join(map(str, row)) + "\n" for row in part)
