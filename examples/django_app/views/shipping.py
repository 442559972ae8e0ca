"""What it costs to send an order: questions to the carrier over HTTP."""

import asyncio
from functools import partial
from itertools import starmap

from django.http import HttpRequest, JsonResponse
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples.django_app import carrier
from examples.django_app.models import Item, Order
from examples.django_app.views.orders import find, weigh
from examples.shop.fixes import fixed


class Shipping(APIView):
    """The parcel of an order."""

    def get(self, request: Request, order_id: int) -> Response:
        """Ask the carrier what the order's parcel costs."""
        order = find(Order.objects.select_related("customer"), order_id)
        return Response(carrier.ask(request, order.customer.country, weigh(order)))


async def split_shipping(request: HttpRequest, order_id: int) -> JsonResponse:
    """Ask the carrier what a parcel for each line of the order costs."""
    fields = ("order__customer__country", "quantity", "product__weight_grams")
    lines = Item.objects.filter(order_id=order_id).values_list(*fields)
    parcels = [(country, quantity * grams) async for country, quantity, grams in lines]
    if not parcels:
        return JsonResponse({"detail": f"there is no order {order_id}"}, status=404)
    async with carrier.async_client() as client:
        ask = partial(carrier.ask_async, client, request)
        if fixed("sequential_calls"):
            quotes = await asyncio.gather(*starmap(ask, parcels))
        else:
            quotes = [await ask(*parcel) for parcel in parcels]
    return JsonResponse(quotes, safe=False)
