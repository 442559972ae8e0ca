"""What frameworks do with an endpoint's rows is the endpoint's, and middleware is no loop."""

import inspect

import pytest
from django.core import serializers
from django.db import models
from django.forms import ModelForm, modelformset_factory
from fastapi import FastAPI
from starlette.testclient import TestClient

import inprofile
from inprofile.testing import record
from tests.integrations.bookshop.models import Publisher, Volume, Writer
from tests.nplusone import served, shelf
from tests.nplusone.judging import findings, marked, place
from tests.nplusone.served import ROWS


@pytest.fixture
def db():
    inprofile.instrument()
    db = served.opened()
    yield db
    db.close()


def answered(app, path):
    """What is found in a request."""
    inprofile.instrument(app)
    with record() as recording:
        if hasattr(app, "test_client"):
            answer = app.test_client().get(path)
            answer.get_data()  # over when it is read
        else:
            with TestClient(app) as client:
                answer = client.get(path)
    assert answer.status_code == 200
    return recording.findings


CASES = [
    (served.fastapi_app, "/sync", "1"),
    (served.fastapi_app, "/async", "2"),
    (served.fastapi_app, "/loop", "3"),
    (served.starlette_app, "/", "4"),
    (served.flask_app, "/", "5"),
]


@pytest.mark.parametrize(("make", "path", "mark"), CASES)
def test_rows_that_a_framework_goes_through_are_the_endpoints(make, path, mark, db):
    sent: list[str] = []
    app = make(db)
    db.set_trace_callback(sent.append)
    (finding,) = answered(app, path)
    marks = marked(make)
    assert (finding.kind, finding.count) == ("n_plus_one", ROWS)
    assert len(sent) == ROWS
    query = marked(served.asking) if path == "/loop" else {}
    assert place(finding.loop) == marks[f"L{mark}"]
    assert place(finding.query) == query.get("Q", marks[f"Q{mark}"])


def test_rows_of_a_framework_that_were_loaded_together_are_silent(db):
    query = "SELECT id, name FROM writer WHERE id IN (0, 1, 2, 3)"

    class Together:
        def __init__(self, row):
            self.title, self.writer = str(row[0]), row[1]

    app = FastAPI()

    @app.get("/", response_model=list[served.Book])
    def page():
        return [Together(row) for row in db.execute(query)]

    assert answered(app, "/") == []


@pytest.fixture
def _rows():
    with shelf.filled():
        yield


@pytest.mark.usefixtures("_rows")
def test_serializing_models_is_driven_by_the_line_that_calls_it():
    def dumped():
        return serializers.serialize("json", Volume.objects.order_by("pk"))  # LQ

    def fixed():
        return serializers.serialize("json", Volume.objects.prefetch_related("writers"))

    finding = shelf.judged(dumped, dumped, relation="Volume.writers", fix="prefetch_related(")
    assert finding.operation == "read"
    assert findings(fixed) == []


class Trip(models.Model):  # noqa: DJ008 - nobody reads it
    """A model that refers to another one more than twice."""

    origin = models.ForeignKey(Publisher, models.DO_NOTHING, related_name="+")
    via = models.ForeignKey(Publisher, models.DO_NOTHING, related_name="+")
    target = models.ForeignKey(Publisher, models.DO_NOTHING, related_name="+")
    back = models.ForeignKey(Publisher, models.DO_NOTHING, related_name="+")

    class Meta:
        app_label = "bookshop"
        managed = False


class TripForm(ModelForm):
    class Meta:
        model = Trip
        fields = ("origin", "via", "target", "back")


@pytest.mark.usefixtures("_rows")
def test_the_fields_of_one_form_are_no_loop():
    keys = Publisher.objects.values_list("pk", flat=True)
    data = dict(zip(("origin", "via", "target", "back"), map(str, keys), strict=True))

    def validated():
        form = TripForm(data)
        assert form.is_valid(), form.errors

    assert len(shelf.statements(validated)) >= ROWS
    assert findings(validated) == []


@pytest.mark.usefixtures("_rows")
def test_the_fields_of_one_model_are_no_loop():
    keys = Publisher.objects.values_list("pk", flat=True)
    names = ("origin_id", "via_id", "target_id", "back_id")
    trip = Trip(**dict(zip(names, keys, strict=True)))
    assert len(shelf.statements(trip.clean_fields)) >= ROWS
    assert findings(trip.clean_fields) == []


@pytest.mark.usefixtures("_rows")
def test_the_forms_of_a_formset_are_a_loop_of_the_line_that_validates_them():
    forms = modelformset_factory(Writer, fields=("publisher",))
    rows = list(Writer.objects.order_by("pk"))
    data = {"form-TOTAL_FORMS": len(rows), "form-INITIAL_FORMS": len(rows)}
    for n, row in enumerate(rows):
        data |= {f"form-{n}-id": row.pk, f"form-{n}-publisher": row.publisher_id}

    def validated():
        return forms(data, queryset=Writer.objects.order_by("pk")).is_valid()  # L Q

    found = findings(validated)
    assert found
    marks = marked(validated)
    assert {place(one.loop) for one in found} == {place(one.query) for one in found}
    assert place(found[0].loop) == marks["L"]


def test_the_endpoint_is_said_by_its_name(db):
    (finding,) = answered(served.fastapi_app(db), "/async")
    assert finding.query is not None
    assert finding.query.function == "awaited"
    assert "def awaited" in inspect.getsource(served.fastapi_app)
