"""Orders: list, show, place, dispatch, archive and export them."""

import logging
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from typing import Any, Final

from django.db import transaction
from django.db.models import F, QuerySet
from django.http import StreamingHttpResponse
from rest_framework.exceptions import NotAuthenticated, NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples.django_app import carrier
from examples.django_app.models import Item, Order, Product
from examples.django_app.page import asked, page
from examples.django_app.receipt import send_receipt_later
from examples.django_app.serializers import (
    ExportSerializer,
    NewOrderSerializer,
    OrderSerializer,
)
from examples.shop.fixes import fixed
from examples.shop.pretty import Pretty

logger = logging.getLogger(__name__)
EXPORT_ROWS: Final = 100  # a chunk of the response
NEWEST: Final = 100


class Orders(APIView):
    """All orders."""

    def get(self, request: Request) -> Response:
        """List the newest orders with their lines."""
        orders = with_lines(Order.objects.order_by("-id"))
        if "status" in request.query_params:
            orders = orders.filter(status=request.query_params["status"])
        listed = OrderSerializer(orders[page(request.query_params)], many=True).data
        log_listed(listed)
        return Response(listed)

    def post(self, request: Request) -> Response:
        """Place an order; the receipt follows after the answer."""
        if request.user is None:
            raise NotAuthenticated("sign in first")
        new = NewOrderSerializer(data=request.data)
        new.is_valid(raise_exception=True)
        items = [new_item(**line) for line in new.validated_data["items"]]
        now = datetime.now(UTC).replace(tzinfo=None)
        with transaction.atomic():
            order = Order.objects.create(customer=request.user, status="new", placed_at=now)
            for item in items:
                item.order = order
            Item.objects.bulk_create(items)
            transaction.on_commit(partial(send_receipt_later, order.pk))
        logger.info("order %s placed by customer %s", order.pk, request.user.pk)
        return Response(OrderSerializer(order).data, status=201)


class OneOrder(APIView):
    """One order."""

    def get(self, _: Request, order_id: int) -> Response:
        """Show an order with its lines."""
        return Response(OrderSerializer(find(with_lines(Order.objects), order_id)).data)


class Dispatch(APIView):
    """The way of an order out of the house."""

    def post(self, request: Request, order_id: int) -> Response:
        """Note that an order is on its way, if the carrier has a price for its parcel."""
        if fixed("connection_held"):
            order = find(Order.objects.select_related("customer"), order_id)
            quote = carrier.ask(request, order.customer.country, weigh(order))
            Order.objects.filter(pk=order_id).update(status="shipped")
            return Response(quote)
        with transaction.atomic():
            order = find(Order.objects.select_related("customer"), order_id)
            order.status = "shipped"
            order.save(update_fields=["status"])
            return Response(carrier.ask(request, order.customer.country, weigh(order)))


class Archive(APIView):
    """Every order there ever was."""

    def get(self, _: Request) -> Response:
        """Show the orders with their lines in one answer."""
        orders = Order.objects.order_by("-id").values(
            "id", "status", "placed_at", buyer=F("customer__name")
        )
        if fixed("huge_payload"):
            orders = orders[:NEWEST]
        lines: defaultdict[int, list[dict[str, Any]]] = defaultdict(list)
        oldest = min((order["id"] for order in orders), default=0)
        items = Item.objects.filter(order_id__gte=oldest).order_by("id")
        for line in items.values("order_id", "quantity", "price_cents", name=F("product__name")):
            lines[line.pop("order_id")].append(line)
        return Response([order | {"items": lines[order["id"]]} for order in orders])


class Export(APIView):
    """The lines of the newest orders."""

    def get(self, request: Request) -> StreamingHttpResponse:
        """Stream them as CSV."""
        lines = stream_lines(asked(ExportSerializer, request.query_params)["limit"])
        return StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")


def stream_lines(limit: int) -> Iterator[str]:
    """Give the CSV lines of the newest orders, a header first."""
    newest = Order.objects.order_by("-id").values("id")[:limit]
    fields = ("order_id", "product__name", "quantity", "price_cents")
    lines = Item.objects.filter(order_id__in=newest).order_by("-order_id", "id")
    yield "order,product,quantity,price_cents\n"
    for line in lines.values_list(*fields).iterator(EXPORT_ROWS):
        yield ",".join(map(str, line)) + "\n"


def with_lines(orders: QuerySet[Order]) -> QuerySet[Order]:
    """Return the orders, which bring what they are shown with only when that is repaired."""
    if fixed("orders_n_plus_one"):
        return orders.select_related("customer").prefetch_related("items__product")
    return orders


def log_listed(listed: list[dict[str, Any]]) -> None:
    """Leave a trace of a list in the log."""
    if not fixed("slow_logging"):
        for order in listed:
            logger.info("order %s listed: %s", order["id"], Pretty(order))
    logger.info("%s orders listed", len(listed))


def find(orders: QuerySet[Order], order_id: int) -> Order:
    """Return the order, or answer 404."""
    order = orders.filter(pk=order_id).first()
    if order is None:
        raise NotFound(f"there is no order {order_id}")
    return order


def new_item(product_id: int, quantity: int) -> Item:
    """Return a line of an order at the price of today, or answer 404."""
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    return Item(product=product, quantity=quantity, price_cents=product.price_cents)


def weigh(order: Order) -> int:
    """Return what an order's parcel weighs, in grams."""
    lines = order.items.values_list("quantity", "product__weight_grams")
    return sum(quantity * grams for quantity, grams in lines)
