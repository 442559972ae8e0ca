"""Django's templates, forms and caches, and REST framework's serializers, by name."""

import pytest
from django.core.cache import caches
from django.template.loader import render_to_string
from django.test import Client, override_settings
from rest_framework.decorators import api_view
from rest_framework.exceptions import ValidationError
from rest_framework.response import Response
from rest_framework.serializers import CharField, IntegerField, ListSerializer, Serializer
from rest_framework.test import APIRequestFactory

import inprofile
from inprofile.core.recorder import current
from inprofile.testing import record
from tests.integrations.spans import names, spans

LOCAL = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}


class Item(Serializer):
    name = CharField(max_length=5)
    count = IntegerField(default=1)


class Order(Serializer):
    items = Item(many=True)
    first = Item()


ORDERS = [{"items": [{"name": "a"}, {"name": "b"}], "first": {"name": "a"}}] * 50


def recorded(work):
    with record() as seen, inprofile.job("work"):
        result = work()
    trace = seen.trace
    assert sum(trace.stages.values()) == trace.wall_ns
    return trace, result


def test_each_template_is_rendered_by_name():
    trace, page = recorded(lambda: render_to_string("page.html", {"n": 1}))
    assert page == "<1part>"
    assert spans(trace) == [
        ("template", "page.html", "work", 1),
        ("template", "part.html", "page.html", 1),
    ]


def test_a_form_is_validated_and_its_body_is_parsed():
    with record() as seen:
        answer = Client().post("/form/", {"name": "much too long"})
    assert answer.json()["valid"] is False
    assert names(seen.trace, "validation") == ["parse form body", "NameForm"]


@override_settings(CACHES=LOCAL)
def test_each_operation_of_a_cache_is_one_whatever_it_is_made_of():
    cache = caches["default"]

    def work():
        cache.set("a", 1)
        cache.get_or_set("b", 2)
        return cache.get_many(["a", "b", "c"]), cache.incr("a"), cache.delete_many(["a", "b"])

    trace, result = recorded(work)
    assert result == ({"a": 1, "b": 2}, 2, None)
    assert names(trace) == [
        "set LocMemCache",
        "get LocMemCache",
        "add LocMemCache",
        "get LocMemCache",
        "get_many LocMemCache",
        "incr LocMemCache",
        "delete_many LocMemCache",
    ]


def test_serializers_are_told_apart_and_their_rows_counted():
    trace, data = recorded(lambda: Order(ORDERS, many=True).data)
    assert len(data) == len(ORDERS)
    assert spans(trace) == [
        ("serialization", "Order(many=True)", "work", 1),
        ("serialization", "Item(many=True)", "Order(many=True)", 50),
        ("serialization", "Item", "Order(many=True)", 50),
    ]
    assert [span.attributes for span in trace.spans if span.attributes] == [
        {"inprofile.serializer.rows": 50},
        {"inprofile.serializer.rows": 100},
    ]


class Loud(ListSerializer):
    """Represents its rows in a way of its own."""

    def to_representation(self, data):
        return [self.child.to_representation(row) | {"loud": True} for row in data]


class Row(Item):
    class Meta:
        list_serializer_class = Loud


def test_the_rows_of_a_list_of_the_users_own_are_counted():
    trace, data = recorded(lambda: Row(ORDERS[0]["items"], many=True).data)
    assert data[0] == {"name": "a", "count": 1, "loud": True}
    assert spans(trace) == [("serialization", "Row", "work", 2)]


def test_validation_is_one_span_of_the_outermost_serializer():
    def work():
        good, bad = Order(data=ORDERS[0]), Order(data={"first": {"name": "too long"}})
        with pytest.raises(ValidationError):
            bad.is_valid(raise_exception=True)
        return good.is_valid(), sorted(bad.errors)

    trace, result = recorded(work)
    assert result == (True, ["first", "items"])
    assert names(trace, "validation") == ["Order", "Order"]


@api_view(["POST"])
def echo(request):
    given = Item(data=request.data)
    given.is_valid(raise_exception=True)
    return Response(given.data)


def test_a_view_of_rest_framework_shows_all_its_parts():
    request = APIRequestFactory().post("/", {"name": "ann"}, format="json")

    def work():
        return echo(request).render().content

    trace, content = recorded(work)
    assert content == b'{"name":"ann","count":1}'
    assert [(kind, name) for kind, name, _, _ in spans(trace)] == [
        ("dependencies", "authentication"),
        ("dependencies", "permissions"),
        ("dependencies", "throttles"),
        ("validation", "parse JSONParser"),
        ("validation", "Item"),
        ("serialization", "Item"),
        ("serialization", "render JSONRenderer"),
    ]


def test_nothing_is_left_current():
    recorded(lambda: render_to_string("page.html", {"n": 1}))
    assert current.get() is None
