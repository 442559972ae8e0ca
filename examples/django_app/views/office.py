"""What the office asks beside Django's admin."""

from typing import Any, Final

from django.core.cache import cache
from django.db.models import Count, F, Sum
from django.http import HttpRequest, JsonResponse

from examples.django_app.models import Customer, Item, Order
from examples.shop.fixes import fixed

FRESH_S: Final = 1
STALE_S: Final = 60
REVENUE_CENTS: Final = Sum(F("quantity") * F("price_cents"))


def show_stats(_: HttpRequest) -> JsonResponse:
    """Answer how many orders there are in each status and what they brought."""
    stats = cache.get("stats")
    if stats is None and fixed("cache_stampede") and not cache.add("stats lock", 1, FRESH_S):
        stats = cache.get("old stats")  # someone else is at it
    if stats is None:
        stats = compute_stats()
        cache.set("stats", stats, FRESH_S)
        cache.set("old stats", stats, STALE_S)
    return JsonResponse(stats)


def compute_stats() -> dict[str, Any]:
    """Ask the database about all orders."""
    cents = F("items__quantity") * F("items__price_cents")
    orders = Order.objects.values_list("status").order_by("status")
    rows = orders.annotate(orders=Count("id", distinct=True), cents=Sum(cents))
    return {status: {"orders": orders, "revenue_cents": cents} for status, orders, cents in rows}


async def show_spending(_: HttpRequest, customer_id: int) -> JsonResponse:
    """Answer what one customer has spent."""
    if not await Customer.objects.filter(pk=customer_id).aexists():
        return JsonResponse({"detail": f"there is no customer {customer_id}"}, status=404)
    items = Item.objects.filter(order__customer_id=customer_id)
    spent = await items.aaggregate(cents=REVENUE_CENTS)
    return JsonResponse({"customer": customer_id, "spent_cents": spent["cents"] or 0})
