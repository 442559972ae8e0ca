"""Django: forms and JSON."""

KINDS = {"serialization", "validation"}


def call(_):
    from django.http import JsonResponse

    from tests.integrations.django_site import NameForm

    return NameForm({"name": "ann"}).is_valid(), JsonResponse({"a": 1}).content
