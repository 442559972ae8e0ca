"""Django REST framework: the query is the line that declares the field, the loop what drives it."""

import linecache
from pathlib import Path

import pytest
import rest_framework
from django.db import connection
from django.db.models import Count
from django.test import Client, override_settings
from django.test.utils import CaptureQueriesContext
from rest_framework.fields import CharField, IntegerField, SerializerMethodField
from rest_framework.relations import (
    PrimaryKeyRelatedField,
    SlugRelatedField,
    StringRelatedField,
)
from rest_framework.serializers import ListSerializer, ModelSerializer, Serializer

import inprofile
from inprofile.storage.store import Store
from inprofile.testing import record
from tests.integrations.bookshop.models import Profile, Publisher, Volume, Writer
from tests.nplusone import rest_pages, shelf
from tests.nplusone.judging import findings, marked, place, same_code
from tests.nplusone.proxies import Chained, Named
from tests.nplusone.rest_pages import House, Nested
from tests.nplusone.shelf import COUNT, PROFILE, PUBLISHER, ROWS, WRITERS, judged, statements
from tests.one_process import running

pytestmark = pytest.mark.filterwarnings("ignore:The list-based error format")


@pytest.fixture(scope="module", autouse=True)
def _rows():
    with shelf.filled():
        yield


def volumes():
    return Volume.objects.order_by("pk")


def houses():
    return Publisher.objects.order_by("pk")


class Sourced(ModelSerializer):
    house = CharField(source="publisher.name")  # Q

    class Meta:
        model = Volume
        fields = ("title", "house")


class Method(ModelSerializer):
    house = SerializerMethodField()

    class Meta:
        model = Volume
        fields = ("title", "house")

    def get_house(self, volume):
        return volume.publisher.name  # Q


class Deep(ModelSerializer):
    class Meta:
        model = Volume
        depth = 1
        fields = (
            "title",
            "publisher",  # Q
        )


class Everything(ModelSerializer):
    class Meta:
        model = Volume
        depth = 1
        exclude = ("writers",)  # Q


class Slugged(ModelSerializer):
    publisher = SlugRelatedField("name", read_only=True)  # Q

    class Meta:
        model = Volume
        fields = ("title", "publisher")


class Text(ModelSerializer):
    publisher = StringRelatedField()  # Q

    class Meta:
        model = Volume
        fields = ("title", "publisher")


class Inherited(Sourced):
    class Meta:
        model = Volume
        fields = ("house",)


class Overridden(Sourced):
    def to_representation(self, instance):
        return super().to_representation(instance) | {"more": True}


class Optional(Serializer):
    title = CharField()
    if True:
        house = CharField(
            source="publisher.name",
        )  # the field begins above

    if True:
        other = CharField(default="")


@pytest.mark.parametrize(
    ("serializer", "declaring"),
    [
        (Nested, Nested),
        (Sourced, Sourced),
        (Method, Method),
        (Deep, Deep),
        (Everything, Everything),
        (Slugged, Slugged),
        (Text, Text),
        (Inherited, Sourced),
        (Overridden, Sourced),
    ],
    ids=lambda one: one.__name__,
)
def test_a_field_is_the_query_and_the_call_of_data_the_loop(serializer, declaring):
    def view():
        return serializer(volumes(), many=True).data  # L

    def fixed():
        return serializer(volumes().select_related("publisher"), many=True).data

    judged(view, declaring, view, **PUBLISHER)
    assert findings(fixed) == []


def test_a_field_is_said_with_its_serializer():
    (finding,) = findings(lambda: Nested(volumes(), many=True).data)
    assert finding.query is not None
    assert finding.query.function == "Nested.publisher"


def test_a_field_over_several_lines_begins_at_its_first():
    (finding,) = findings(lambda: Optional(volumes(), many=True).data)
    assert finding.query is not None
    line = linecache.getline(finding.query.file, finding.query.line)
    assert line.strip() == "house = CharField("


def test_a_serializer_of_a_function_is_found_there():
    class Local(ModelSerializer):
        house = CharField(source="publisher.name")  # Q

        class Meta:
            model = Volume
            fields = ("house",)

    def view():
        return Local(volumes(), many=True).data  # L

    judged(view, Local, view, **PUBLISHER)


def test_a_key_is_known_without_a_query():
    class Keyed(ModelSerializer):
        class Meta:
            model = Volume
            fields = ("title", "publisher")

    class Declared(Serializer):
        publisher = PrimaryKeyRelatedField(read_only=True)

    for serializer in (Keyed, Declared):
        run = lambda one=serializer: one(volumes(), many=True).data  # noqa: E731
        assert len(statements(run)) == 1
        assert findings(run) == []


class Naming(Serializer):
    title = CharField(source="__str__")


class Property(Serializer):
    house = CharField()


@pytest.mark.parametrize(("serializer", "mark"), [(Naming, "Q"), (Property, "Q2")])
def test_the_models_own_line_below_a_field_is_the_query(serializer, mark):
    def view():
        return serializer(Named.objects.order_by("pk"), many=True).data  # L

    def fixed():
        found = Named.objects.order_by("pk").select_related("publisher")
        return serializer(found, many=True).data

    (finding,) = findings(view)
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert place(finding.query) == marked(Named)[mark]
    assert place(finding.loop) == marked(view)["L"]
    assert findings(fixed) == []


class OneWriter(ModelSerializer):
    text = CharField(source="profile.text")  # Q

    class Meta:
        model = Writer
        fields = ("name", "text")


class Staff(ModelSerializer):
    writers = OneWriter(many=True)  # L Q2

    class Meta:
        model = Publisher
        fields = ("name", "writers")


def test_a_list_within_a_list_asks_once_for_each_row():
    class Plain(ModelSerializer):
        class Meta:
            model = Writer
            fields = ("name",)

    class Writers(ModelSerializer):
        writers = Plain(many=True)  # Q

        class Meta:
            model = Publisher
            fields = ("name", "writers")

    def view():
        return Writers(houses(), many=True).data  # L

    judged(view, Writers, view, **WRITERS)
    assert findings(lambda: Writers(houses().prefetch_related("writers"), many=True).data) == []


def test_the_loop_of_a_list_within_a_list_is_the_field_that_declares_it():
    for writer in Writer.objects.all():
        twin = Writer.objects.create(name=f"{writer.name} II", publisher=writer.publisher)
        Profile.objects.create(writer=twin)
    try:

        def view():
            return Staff(houses().prefetch_related("writers"), many=True).data

        def fixed():
            return Staff(houses().prefetch_related("writers__profile"), many=True).data

        judged(view, OneWriter, Staff, times=2 * ROWS, **PROFILE)
        assert findings(fixed) == []
    finally:
        Writer.objects.filter(name__endswith="II").delete()


def test_a_list_of_one_object_is_driven_by_its_field():
    house = houses()[0]
    more = [Writer.objects.create(name=f"more {n}", publisher=house) for n in range(3)]
    for writer in more:
        Profile.objects.create(writer=writer)
    try:

        def view():
            return Staff(Publisher.objects.prefetch_related("writers").get(pk=house.pk)).data

        judged(view, OneWriter, Staff, **PROFILE)
    finally:
        for writer in more:
            writer.delete()


def test_a_serializer_for_each_row_is_in_the_loop_of_the_application():
    def view():
        found = []
        for volume in volumes():  # L
            found.append(Sourced(volume).data)  # noqa: PERF401
        return found

    judged(view, Sourced, view, **PUBLISHER)


def test_a_serializer_that_a_method_makes_for_each_row_is_one_finding():
    class Made(Serializer):
        volume = SerializerMethodField()

        def get_volume(self, volume):
            return Sourced(volume).data

    def view():
        return Made(volumes(), many=True).data  # L

    judged(view, Sourced, view, **PUBLISHER)


class Loud(ListSerializer):
    def to_representation(self, data):
        found = []
        for row in data:  # L
            found.append(self.child.to_representation(row))  # noqa: PERF401
        return found


def test_a_list_of_the_applications_own_is_its_own_loop():
    class Row(Sourced):
        class Meta(Sourced.Meta):
            list_serializer_class = Loud

    judged(lambda: Row(volumes(), many=True).data, Sourced, Loud, **PUBLISHER)


def test_one_object_is_silent():
    class Straight(Serializer):
        a = CharField(source="a.publisher.name")
        b = CharField(source="b.publisher.name")
        c = CharField(source="c.publisher.name")
        d = CharField(source="d.publisher.name")

    class Pages(Serializer):
        last = CharField(source="next.next.next.title")

    rows = dict(zip("abcd", volumes(), strict=True))
    assert len(statements(lambda: Straight(rows).data)) == ROWS
    rows = dict(zip("abcd", volumes(), strict=True))
    assert findings(lambda: Straight(rows).data) == []
    first = Chained.objects.order_by("pk")[0]
    assert findings(lambda: Pages(first).data) == []


def test_a_count_for_each_row_is_the_fields():
    class Counted(Serializer):
        writers = IntegerField(source="writers.count")  # Q

    class Annotated(Serializer):
        writers = IntegerField(source="count")

    def view():
        return Counted(houses(), many=True).data  # L

    judged(view, Counted, view, relation="Publisher.writers", **COUNT)
    found = houses().annotate(count=Count("writers"))
    assert findings(lambda: Annotated(found, many=True).data) == []


def data():
    return [{"title": f"new {house.pk}", "publisher": house.pk} for house in houses()]


class Written(ModelSerializer):
    publisher = PrimaryKeyRelatedField(queryset=Publisher.objects.all())  # Q

    class Meta:
        model = Volume
        fields = ("title", "publisher")


def test_what_is_validated_row_by_row_is_the_fields():
    rows = data()

    def view():
        return Written(data=rows, many=True).is_valid()  # L

    judged(view, Written, view, fix="in_bulk(ids)")


def test_rows_that_are_written_one_by_one():
    def saved():
        serializer = Written(data=data(), many=True)
        serializer.is_valid(raise_exception=True)
        serializer.save()  # L

    with record() as recording:
        saved()
    Volume.objects.filter(title__startswith="new").delete()
    found = {one.operation: one for one in recording.findings}
    assert (found["write"].kind, found["write"].count) == ("n_plus_one", ROWS)
    assert place(found["write"].loop) == place(found["write"].query) == marked(saved)["L"]


TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [str(Path(rest_framework.__file__).with_name("templates"))],
        "OPTIONS": {"libraries": {"rest_framework": "rest_framework.templatetags.rest_framework"}},
    }
]
SITE = override_settings(
    ROOT_URLCONF="tests.nplusone.rest_pages", TEMPLATES=TEMPLATES, STATIC_URL="/static/"
)


def asked(path, answers=200, **values):
    client = Client()
    with SITE, CaptureQueriesContext(connection) as queries, record() as recording:
        answer = client.get(path) if not values else client.post(path, **values)
    assert answer.status_code == answers, answer.content
    return recording.findings, len(queries)


@pytest.mark.parametrize("path", ["/list/", "/set/", "/paged/", "/dispatched/"])
def test_a_generic_view_has_no_loop_of_its_own_and_middleware_is_none(path):
    (finding,), sent = asked(path)
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert sent >= ROWS + 1
    assert place(finding.query) == marked(Nested)["Q"]
    assert finding.loop is None or place(finding.loop) == marked(Nested)["Q"]
    assert place(finding.where) == marked(rest_pages)["W2" if path == "/set/" else "W"]


@pytest.mark.parametrize("path", ["/joined/", "/joined/paged/"])
def test_a_generic_view_with_rows_that_were_joined_is_silent(path):
    assert asked(path)[0] == []


def test_a_view_of_the_applications_own_is_driven_by_its_line():
    (finding,), _ = asked("/function/")
    assert place(finding.query) == marked(Nested)["Q"]
    assert place(finding.loop) == marked(rest_pages)["L2"]


def test_the_browsable_page_shows_the_same():
    client = Client()
    with SITE, record() as recording:
        answer = client.get("/list/", headers={"accept": "text/html"})
    assert answer.status_code == 200
    (finding,) = recording.findings
    assert (finding.count, place(finding.query)) == (ROWS, marked(Nested)["Q"])


def test_permissions_and_filters_of_one_view_are_no_loop():
    found, sent = asked("/guarded/")
    assert sent >= 8
    assert found == []


def test_a_permission_for_each_row_is_the_applications():
    (finding,), _ = asked("/allowed/")
    assert finding.count == ROWS
    marks = marked(rest_pages.Owned, rest_pages.Allowed)
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks["L"]


def test_the_houses_serializer_alone_is_silent():
    assert findings(lambda: House(houses(), many=True).data) == []


class Twice(ModelSerializer):
    first = SerializerMethodField()
    second = SerializerMethodField()

    class Meta:
        model = Publisher
        fields = ("first", "second")

    def get_first(self, house):
        return [volume.title for volume in house.volume_set.all()]

    def get_second(self, house):
        return [volume.title for volume in house.volume_set.all()]


def test_two_fields_that_read_one_relation_are_counted_apart_in_production_too(group):
    inprofile.uninstrument()
    inprofile.instrument(sample_rate=0, log_findings=False)
    rows = list(houses()) * 20
    for _ in range(3):
        with inprofile.job("list"):
            assert len(Twice(rows, many=True).data) == len(rows)
    pipeline = running().pipeline
    assert pipeline is not None
    assert pipeline.flush()
    found = [(each["query"][2], each["count"]) for each in Store(group).findings()]
    inprofile.uninstrument()
    assert sorted(found) == [("get_first", len(rows))] * 3 + [("get_second", len(rows))] * 3


@pytest.mark.parametrize(("path", "joined"), [("/list/", "/joined/"), ("/set/", "/joined/")])
def test_the_advice_to_a_generic_view_takes_less(path, joined):
    (finding,), many = asked(path)
    assert (finding.kind, finding.relation) == ("n_plus_one", PUBLISHER["relation"])
    assert same_code(finding.fix, PUBLISHER["fix"])
    inprofile.uninstrument()
    with SITE:
        assert len(statements(lambda: Client().get(path))) == many
    inprofile.instrument()
    found, few = asked(joined)
    assert (found, few) == ([], many - ROWS)
