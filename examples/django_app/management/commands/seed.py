"""`manage.py seed`: fill a new database."""

from django.core.management.base import BaseCommand
from django.db import connection

from examples.django_app.seed import seed
from examples.shop.rows import MADE


class Command(BaseCommand):
    """Seeds the database of the settings and says what happened."""

    help = "Make the shop's tables and rows unless they are there."

    def handle(self, **_: object) -> None:
        """Run the command."""
        said = MADE if seed() else "already there"
        self.stdout.write(f"{connection.settings_dict['NAME']}: {said}")
