"""The tables of a new shop."""

from typing import ClassVar

from django.db import migrations, models


def key() -> models.BigAutoField:
    """Return what every table begins with."""
    return models.BigAutoField(
        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
    )


class Migration(migrations.Migration):
    """Make them all."""

    initial = True
    dependencies: ClassVar = []
    operations: ClassVar = [
        migrations.CreateModel(
            name="Customer",
            fields=[
                ("id", key()),
                ("name", models.TextField()),
                ("email", models.CharField(max_length=254, unique=True)),
                ("country", models.CharField(max_length=2)),
            ],
            options={"db_table": "customer"},
        ),
        migrations.CreateModel(
            name="Product",
            fields=[
                ("id", key()),
                ("name", models.TextField()),
                ("category", models.TextField()),
                ("price_cents", models.IntegerField()),
                ("weight_grams", models.IntegerField()),
                ("description", models.TextField()),
            ],
            options={"db_table": "product"},
        ),
        migrations.CreateModel(
            name="Order",
            fields=[
                ("id", key()),
                ("status", models.TextField()),
                ("placed_at", models.DateTimeField()),
                ("receipt_sent_at", models.DateTimeField(blank=True, null=True)),
                (
                    "customer",
                    models.ForeignKey(
                        on_delete=models.PROTECT, related_name="orders", to="shop.customer"
                    ),
                ),
            ],
            options={"db_table": "orders"},
        ),
        migrations.CreateModel(
            name="Item",
            fields=[
                ("id", key()),
                ("quantity", models.IntegerField()),
                ("price_cents", models.IntegerField()),
                (
                    "order",
                    models.ForeignKey(
                        on_delete=models.CASCADE, related_name="items", to="shop.order"
                    ),
                ),
                (
                    "product",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=models.PROTECT,
                        related_name="items",
                        to="shop.product",
                    ),
                ),
            ],
            options={"db_table": "item", "ordering": ("id",)},
        ),
    ]
