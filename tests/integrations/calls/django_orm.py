"""Django: ORM."""

from tests.integrations.django_data import rows

KINDS = {"db", "orm"}


def call(_):
    from django.contrib.auth.models import User

    with rows():
        return [user.username for user in User.objects.order_by("pk")]
