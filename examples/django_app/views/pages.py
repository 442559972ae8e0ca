"""What a browser and a load balancer ask for."""

from itertools import groupby

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from examples.django_app.models import Product


def show_shop(request: HttpRequest) -> HttpResponse:
    """Show every product under its category."""
    products = Product.objects.order_by("category", "name")
    shelves = [(name, list(shelf)) for name, shelf in groupby(products, lambda one: one.category)]
    return render(request, "shop/shop.html", {"shelves": shelves})


async def check_health(_: HttpRequest) -> JsonResponse:
    """Say that this worker answers."""
    return JsonResponse({"status": "ok"})
