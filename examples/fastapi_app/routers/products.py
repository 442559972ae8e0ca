"""Products: list, show and search them; mostly in threads, over the synchronous engine."""

import asyncio
import json
import logging
from typing import Annotated, Final

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from fastapi.responses import PlainTextResponse
from sqlalchemy import func, select, update
from sqlalchemy.orm import defer

from examples.fastapi_app.dependencies import (
    AsyncSessionDependency,
    DatabaseDependency,
    Id,
    PageDependency,
    SessionDependency,
)
from examples.fastapi_app.models import Item, Product
from examples.fastapi_app.schemas import ProductPage, ProductView, Purchase, Reprice, Sold
from examples.shop import label
from examples.shop.fixes import fixed

logger = logging.getLogger(__name__)
SEARCHES_KEPT: Final = 100

router = APIRouter()


@router.get("")
def list_products(
    session: SessionDependency, page: PageDependency, category: str | None = None
) -> ProductPage:
    """List products by name."""
    matching = select(Product)
    if category is not None:
        matching = matching.where(Product.category == category)
    total = session.scalar(select(func.count()).select_from(matching.subquery())) or 0
    ordered = matching.order_by(Product.name, Product.id).limit(page.limit).offset(page.offset)
    products = [ProductView.model_validate(row) for row in session.scalars(ordered)]
    answer = ProductPage(total=total, products=products)
    if not fixed("double_serialization"):
        answer = ProductPage.model_validate(json.loads(answer.model_dump_json()))
    return answer


@router.get("/search")
async def search_products(
    request: Request, session: AsyncSessionDependency, q: Annotated[str, Query(min_length=2)]
) -> list[ProductView]:
    """Find the products with these letters in their name."""
    statement = select(Product).where(Product.name.icontains(q, autoescape=True))
    if fixed("over_fetching"):
        statement = statement.options(defer(Product.description))
    rows = await session.scalars(statement.order_by(Product.id))
    found = [ProductView.model_validate(row) for row in rows]
    request.state.searches.append((q, found))
    if fixed("memory_growth"):
        del request.state.searches[:-SEARCHES_KEPT]
    logger.info("search for %r found %s products", q, len(found))
    return found


@router.get("/popular")
async def list_popular(database: DatabaseDependency, session: AsyncSessionDependency) -> list[Sold]:
    """Show the ten products that were sold most."""
    sold = func.sum(Item.quantity).label("sold")
    statement = select(Item.product_id, Product.name, sold).join(Item.product)
    statement = statement.group_by(Item.product_id, Product.name)
    statement = statement.order_by(sold.desc(), Item.product_id).limit(10)
    if fixed("sync_db_on_loop"):
        rows = (await session.execute(statement)).all()
    else:
        with database.session() as blocking:
            rows = blocking.execute(statement).all()
    return [Sold.model_validate(row) for row in rows]


@router.post("/reprice")
def reprice(wanted: Reprice, session: SessionDependency) -> dict[str, int]:
    """Make every product of a category dearer."""
    if fixed("row_by_row_writes"):
        statement = update(Product).where(Product.category == wanted.category)
        dearer = statement.values(price_cents=Product.price_cents + wanted.cents)
        repriced = session.execute(dearer.returning(Product.id)).all()
        session.commit()
        return {"repriced": len(repriced)}
    ids = session.scalars(select(Product.id).where(Product.category == wanted.category)).all()
    for product_id in ids:
        one = update(Product).where(Product.id == product_id)
        session.execute(one.values(price_cents=Product.price_cents + wanted.cents))
    session.commit()
    return {"repriced": len(ids)}


@router.get("/{product_id}")
def show_product(product_id: Id, session: SessionDependency) -> ProductView:
    """Show one product."""
    product = session.get(Product, product_id)
    if product is None:
        raise HTTPException(404, f"there is no product {product_id}")
    return ProductView.model_validate(product)


@router.get("/{product_id}/price_per_kilogram")
def show_price_per_kilogram(
    product: Annotated[ProductView, Depends(show_product)],
) -> dict[str, float]:
    """Show a product's price by weight; fails for gift cards, which weigh nothing."""
    return {"cents_per_kilogram": 1_000 * product.price_cents / product.weight_grams}


@router.get("/{product_id}/buyers")
def list_buyers(product_id: Id, session: SessionDependency) -> list[Purchase]:
    """List the orders with this product, newest first; there is no index to find them by."""
    statement = select(Item.order_id, Item.quantity).where(Item.product_id == product_id)
    rows = session.execute(statement.order_by(Item.order_id.desc()))
    return [Purchase.model_validate(row) for row in rows]


@router.get("/{product_id}/label", response_class=PlainTextResponse)
async def draw_label(product_id: Id, session: AsyncSessionDependency) -> str:
    """Draw the label of a product."""
    if await session.scalar(select(Product.id).where(Product.id == product_id)) is None:
        raise HTTPException(404, f"there is no product {product_id}")
    if fixed("cpu_on_loop"):
        return await asyncio.to_thread(label.draw, product_id)
    return label.draw(product_id)
