"""Its views."""

from typing import Any

from django.db.models import Value
from django.http import JsonResponse
from django.urls import path
from rest_framework.generics import ListAPIView
from rest_framework.renderers import JSONRenderer
from rest_framework.serializers import ModelSerializer

from benchmarks.overhead.shelf.models import Item
from benchmarks.overhead.subject import DIFFERENT, LOOPED, QUERIES


def nothing(_request: Any) -> JsonResponse:
    """Answer."""
    return JsonResponse({"ok": True})


def orm(_request: Any) -> JsonResponse:
    """Query some shelves, one after the other."""
    found = sum(len(list(Item.objects.filter(shelf=n))) for n in range(QUERIES))
    return JsonResponse({"found": found})


def looped(_request: Any) -> JsonResponse:
    """Look rows up, one after the other."""
    found = sum(Item.objects.filter(pk=n).first() is not None for n in range(LOOPED))
    return JsonResponse({"found": found})


def different(_request: Any) -> JsonResponse:
    """Query as many different things."""
    found = 0
    for n in range(DIFFERENT):
        found += len(Item.objects.filter(pk=n).annotate(**{f"value_{n}": Value(n)}))
    return JsonResponse({"found": found})


class ItemSerializer(ModelSerializer):
    """Every column."""

    class Meta:
        model = Item
        fields = ("id", "shelf", "name", "price_cents")


class Items(ListAPIView):
    """All rows, as JSON."""

    queryset = Item.objects.order_by("id")
    serializer_class = ItemSerializer
    renderer_classes = (JSONRenderer,)
    authentication_classes = ()
    permission_classes = ()


urlpatterns = [
    path("nothing", nothing),
    path("orm", orm),
    path("looped", looped),
    path("different", different),
    path("items", Items.as_view()),
]
