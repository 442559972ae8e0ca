"""Products: list, show, search and label them, raise their prices."""

import asyncio
import json
import logging
from collections import deque
from typing import Any, Final

from django.db import transaction
from django.db.models import F, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from rest_framework.exceptions import NotFound
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples.django_app.models import Item, Product
from examples.django_app.page import asked, page
from examples.django_app.serializers import (
    ProductSerializer,
    RepriceSerializer,
    SearchSerializer,
)
from examples.shop import label
from examples.shop.fixes import fixed

logger = logging.getLogger(__name__)
SHOWN: Final = ProductSerializer.Meta.fields
SEARCHES: Final[deque[tuple[str, list[dict[str, Any]]]]] = deque(
    maxlen=100 if fixed("memory_growth") else None
)


class Products(APIView):
    """All products."""

    def get(self, request: Request) -> Response:
        """List products by name."""
        products = Product.objects.order_by("name", "id")
        if "category" in request.query_params:
            products = products.filter(category=request.query_params["category"])
        total = products.count()
        listed = ProductSerializer(products[page(request.query_params)], many=True).data
        answer = {"total": total, "products": listed}
        if not fixed("double_serialization"):
            answer = json.loads(JSONRenderer().render(answer))
        return Response(answer)


class Search(APIView):
    """Products by their name."""

    def get(self, request: Request) -> Response:
        """Find the products with these letters in their name."""
        q = asked(SearchSerializer, request.query_params)["q"]
        products = Product.objects.filter(name__icontains=q).order_by("id")
        if fixed("over_fetching"):
            products = products.only(*SHOWN)
        found = ProductSerializer(products, many=True).data
        SEARCHES.append((q, found))
        logger.info("search for %r found %s products", q, len(found))
        return Response(found)


class Reprice(APIView):
    """The prices of a category."""

    def post(self, request: Request) -> Response:
        """Make every product of a category dearer."""
        wanted = RepriceSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        cents = wanted.validated_data["cents"]
        products = Product.objects.filter(category=wanted.validated_data["category"])
        if fixed("row_by_row_writes"):
            return Response({"repriced": products.update(price_cents=F("price_cents") + cents)})
        return Response({"repriced": reprice_one_by_one(products, cents)})


class OneProduct(APIView):
    """One product."""

    def get(self, _: Request, product_id: int) -> Response:
        """Show a product."""
        return Response(ProductSerializer(find(product_id)).data)


class PricePerKilogram(APIView):
    """A product's price by weight."""

    def get(self, _: Request, product_id: int) -> Response:
        """Show it; fails for gift cards, which weigh nothing."""
        product = find(product_id)
        return Response({"cents_per_kilogram": 1_000 * product.price_cents / product.weight_grams})


class Buyers(APIView):
    """Who bought a product."""

    def get(self, _: Request, product_id: int) -> Response:
        """List the orders with this product, newest first; there is no index to find them by."""
        items = Item.objects.filter(product_id=product_id).order_by("-order_id")
        return Response(list(items.values("order_id", "quantity")))


async def popular(_: HttpRequest) -> JsonResponse:
    """Show the ten products that were sold most."""
    sold = (
        Item.objects.values("product_id", name=F("product__name"))
        .annotate(sold=Sum("quantity"))
        .order_by("-sold", "product_id")[:10]
    )
    rows = [row async for row in sold] if fixed("sync_db_on_loop") else list(sold)
    return JsonResponse(rows, safe=False)


async def draw_label(_: HttpRequest, product_id: int) -> HttpResponse:
    """Draw the label of a product."""
    if not await Product.objects.filter(pk=product_id).aexists():
        raise Http404
    if fixed("cpu_on_loop"):
        drawn = await asyncio.to_thread(label.draw, product_id)
    else:
        drawn = label.draw(product_id)
    return HttpResponse(drawn, content_type="text/plain")


def find(product_id: int) -> Product:
    """Return the product, or answer 404."""
    product = Product.objects.filter(pk=product_id).first()
    if product is None:
        raise NotFound(f"there is no product {product_id}")
    return product


def reprice_one_by_one(products: QuerySet[Product], cents: int) -> int:
    """Load and save each product by itself, and return how many there were."""
    with transaction.atomic():
        for product in products:
            product.price_cents += cents
            product.save()
    return len(products)
