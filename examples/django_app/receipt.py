"""The receipt that a customer gets after the order was answered."""

import logging
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Final

from django.db import connection

import inprofile
from examples.django_app.models import Order

logger = logging.getLogger(__name__)
OFFICE: Final = ThreadPoolExecutor(1, thread_name_prefix="receipts")


def send_receipt_later(order_id: int) -> None:
    """Have the receipt sent by a thread beside the requests."""
    OFFICE.submit(send_receipt, order_id)


@inprofile.job("send receipt")
def send_receipt(order_id: int) -> None:
    """Write the receipt of one order and note when it was sent."""
    try:
        order = Order.objects.prefetch_related("items").get(pk=order_id)
        total_cents = sum(item.quantity * item.price_cents for item in order.items.all())
        order.receipt_sent_at = datetime.now(UTC).replace(tzinfo=None)
        order.save(update_fields=["receipt_sent_at"])
    finally:
        connection.close()  # Django closes those of requests only
    logger.info("receipt for order %s over %.2f sent", order_id, total_cents / 100)
