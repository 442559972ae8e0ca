"""The office's own application, mounted into the shop."""

from sqlalchemy import func, select
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from examples.fastapi_app.database import Database
from examples.fastapi_app.models import Customer, Item, Order

REVENUE_CENTS = func.sum(Item.quantity * Item.price_cents)


def show_stats(request: Request) -> JSONResponse:
    """Answer how many orders there are in each status and what they brought."""
    return JSONResponse(request.state.stats.get(request.state.database))


def compute_stats(database: Database) -> dict[str, dict[str, int]]:
    """Ask the database about all orders."""
    statement = (
        select(Order.status, func.count(Order.id.distinct()), REVENUE_CENTS)
        .join(Order.items)
        .group_by(Order.status)
        .order_by(Order.status)
    )
    with database.session() as session:
        rows = session.execute(statement).all()
    return {status: {"orders": orders, "revenue_cents": cents} for status, orders, cents in rows}


async def show_spending(request: Request) -> JSONResponse:
    """Answer what one customer has spent."""
    customer_id = request.path_params["customer_id"]
    statement = select(REVENUE_CENTS).join(Item.order).where(Order.customer_id == customer_id)
    async with request.state.database.async_session() as session:
        if await session.get(Customer, customer_id) is None:
            raise HTTPException(404, f"there is no customer {customer_id}")
        spent_cents = await session.scalar(statement)
    return JSONResponse({"customer": customer_id, "spent_cents": spent_cents or 0})


app = Starlette(
    routes=[
        Route("/stats", show_stats),
        Route("/customers/{customer_id:int}/spending", show_spending),
    ]
)
