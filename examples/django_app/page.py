"""What a request asks for in its query string."""

from collections.abc import Mapping
from typing import Any

from rest_framework.serializers import Serializer

from examples.django_app.serializers import PageSerializer


def asked(serializer: type[Serializer], query: Mapping[str, str]) -> dict[str, Any]:
    """Return the query string as the serializer reads it, or answer 400."""
    read = serializer(data=query)
    read.is_valid(raise_exception=True)
    return dict(read.validated_data)


def page(query: Mapping[str, str]) -> slice:
    """Return which rows of a list to show."""
    wanted = asked(PageSerializer, query)
    return slice(wanted["offset"], wanted["offset"] + wanted["limit"])
