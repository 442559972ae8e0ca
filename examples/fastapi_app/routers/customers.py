"""Customers: list them, show one and what one has ordered."""

from fastapi import APIRouter
from sqlalchemy import func, select

from examples.fastapi_app.dependencies import (
    AsyncSessionDependency,
    CustomerDependency,
    PageDependency,
)
from examples.fastapi_app.models import Customer, Item, Order
from examples.fastapi_app.schemas import CustomerView, OrderSummary

router = APIRouter()


@router.get("", response_model=list[CustomerView])
async def list_customers(session: AsyncSessionDependency, page: PageDependency) -> list[Customer]:
    """List customers in the order they signed up."""
    statement = select(Customer).order_by(Customer.id).limit(page.limit).offset(page.offset)
    return list(await session.scalars(statement))


@router.get("/{customer_id}", response_model=CustomerView)  # noqa: FAST003 - a dependency reads it
async def show_customer(customer: CustomerDependency) -> Customer:
    """Show one customer."""
    return customer


@router.get("/{customer_id}/orders")  # noqa: FAST003 - a dependency reads it
async def list_customer_orders(
    customer: CustomerDependency, session: AsyncSessionDependency
) -> list[OrderSummary]:
    """List what one customer has ordered, newest first, in one query."""
    total_cents = func.sum(Item.quantity * Item.price_cents)
    statement = (
        select(Order.id, Order.status, Order.placed_at, total_cents.label("total_cents"))
        .join(Order.items)
        .where(Order.customer_id == customer.id)
        .group_by(Order.id)
        .order_by(Order.id.desc())
    )
    rows = await session.execute(statement)
    return [OrderSummary.model_validate(row, from_attributes=True) for row in rows]
