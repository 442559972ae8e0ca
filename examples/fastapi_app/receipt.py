"""The receipt that a customer gets after the order was answered."""

import logging
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import selectinload

from examples.fastapi_app.database import Database
from examples.fastapi_app.models import Order

logger = logging.getLogger(__name__)


async def send_receipt(database: Database, order_id: int) -> None:
    """Write the receipt of one order and note when it was sent."""
    statement = select(Order).where(Order.id == order_id).options(selectinload(Order.items))
    async with database.async_session() as session:
        order = (await session.scalars(statement)).one()
        total_cents = sum(item.quantity * item.price_cents for item in order.items)
        order.receipt_sent_at = datetime.now(UTC).replace(tzinfo=None)
        await session.commit()
    logger.info("receipt for order %s over %.2f sent", order_id, total_cents / 100)
