"""The rows of the Django site's tests."""

from contextlib import contextmanager

from tests.integrations.django_site import NAMES


@contextmanager
def rows():
    """Tables with some users and groups in them, while the block lasts."""
    from django.contrib.auth.models import Group, User
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    groups = [Group.objects.create(name=f"group {n}") for n in range(2)]
    for name in NAMES:
        User.objects.create(username=name).groups.set(groups)
    try:
        yield
    finally:
        User.objects.all().delete()
        Group.objects.all().delete()
        connection.close()
