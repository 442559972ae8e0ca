"""Its table."""

from django.db import models


class Item(models.Model):
    """A row."""

    shelf = models.IntegerField(db_index=True)
    name = models.CharField(max_length=50)
    price_cents = models.IntegerField()

    def __str__(self) -> str:
        return str(self.name)
