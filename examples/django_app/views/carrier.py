"""The carrier: a stand-in for somebody else's service, called over HTTP."""

import time
from typing import Final

from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from examples.django_app.page import asked
from examples.django_app.serializers import QuoteSerializer
from examples.shop.postage import HOME, postage

WORK_S: Final = 0.005


class Quote(APIView):
    """The price of a parcel."""

    def get(self, request: Request) -> Response:
        """Say what a parcel costs, after the time such a service takes."""
        parcel = asked(QuoteSerializer, request.query_params)
        time.sleep(WORK_S)
        price_cents = postage(parcel["country"], parcel["weight_grams"])
        days = 2 if parcel["country"] == HOME else 5
        return Response(parcel | {"price_cents": price_cents, "days": days})
