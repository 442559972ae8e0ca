"""Customers: list them, show one and what one has ordered."""

from django.db.models import F, Sum
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples.django_app.models import Customer, Order
from examples.django_app.page import page
from examples.django_app.serializers import CustomerSerializer, OrderSummarySerializer


class Customers(APIView):
    """All customers."""

    def get(self, request: Request) -> Response:
        """List customers in the order they signed up."""
        customers = Customer.objects.order_by("id")[page(request.query_params)]
        return Response(CustomerSerializer(customers, many=True).data)


class OneCustomer(APIView):
    """One customer."""

    def get(self, _: Request, customer_id: int) -> Response:
        """Show a customer."""
        return Response(CustomerSerializer(find(customer_id)).data)


class CustomerOrders(APIView):
    """What one customer has ordered."""

    def get(self, _: Request, customer_id: int) -> Response:
        """List it newest first, in one query."""
        total_cents = Sum(F("items__quantity") * F("items__price_cents"))
        orders = Order.objects.filter(customer=find(customer_id))
        orders = orders.annotate(total_cents=total_cents).order_by("-id")
        return Response(OrderSummarySerializer(orders, many=True).data)


def find(customer_id: int) -> Customer:
    """Return the customer, or answer 404."""
    customer = Customer.objects.filter(pk=customer_id).first()
    if customer is None:
        raise NotFound(f"there is no customer {customer_id}")
    return customer
