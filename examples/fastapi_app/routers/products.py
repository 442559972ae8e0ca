"""Products: list, show and search them; mostly in threads, over the synchronous engine."""

import logging
from typing import Annotated

from fastapi import APIRouter, Depends, HTTPException, Query
from sqlalchemy import func, select

from examples.fastapi_app.dependencies import (
    AsyncSessionDependency,
    Id,
    PageDependency,
    SessionDependency,
)
from examples.fastapi_app.models import Product
from examples.fastapi_app.schemas import ProductPage, ProductView

logger = logging.getLogger(__name__)
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
    return ProductPage(total=total, products=products)


@router.get("/search")
async def search_products(
    session: AsyncSessionDependency, q: Annotated[str, Query(min_length=2)]
) -> list[ProductView]:
    """Find the products with these letters in their name."""
    statement = select(Product).where(Product.name.icontains(q, autoescape=True))
    rows = await session.scalars(statement.order_by(Product.id))
    found = [ProductView.model_validate(row) for row in rows]
    logger.info("search for %r found %s products", q, len(found))
    return found


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
