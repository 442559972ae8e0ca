"""Who is buying: the customer named in a header."""

from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from examples.django_app.models import Customer


class CustomerHeader(BaseAuthentication):
    """Believes the header X-Customer-Id, as only an example may."""

    def authenticate(self, request: Request) -> tuple[Customer, None] | None:
        """Return the customer; nobody without the header, 401 without such a customer."""
        number = request.headers.get("x-customer-id")
        if number is None:
            return None
        customer = Customer.objects.filter(pk=number).first() if number.isdecimal() else None
        if customer is None:
            raise AuthenticationFailed("sign in first")
        return customer, None

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002
        """Make the answer a 401; without this it would be a 403."""
        return "X-Customer-Id"
