"""The tables of the shop, as its sibling in FastAPI has them."""

from django.db import models


class Customer(models.Model):
    """Someone who orders."""

    name = models.TextField()
    email = models.CharField(max_length=254, unique=True)
    country = models.CharField(max_length=2)

    class Meta:
        db_table = "customer"

    def __str__(self) -> str:
        return str(self.name)


class Product(models.Model):
    """Something to sell."""

    name = models.TextField()
    category = models.TextField()
    price_cents = models.IntegerField()
    weight_grams = models.IntegerField()
    description = models.TextField()

    class Meta:
        db_table = "product"

    def __str__(self) -> str:
        return str(self.name)

    @property
    def price(self) -> float:
        """The price as people read it."""
        return float(self.price_cents) / 100


class Order(models.Model):
    """What one customer bought at one time."""

    customer = models.ForeignKey(Customer, models.PROTECT, related_name="orders")
    status = models.TextField()
    placed_at = models.DateTimeField()
    receipt_sent_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        db_table = "orders"

    def __str__(self) -> str:
        return f"order {self.pk}"


class Item(models.Model):
    """One line of an order: so many of a product, at the price of that day."""

    order = models.ForeignKey(Order, models.CASCADE, related_name="items")
    # The index that Django would make is missing: see examples/README.md.
    product = models.ForeignKey(Product, models.PROTECT, related_name="items", db_index=False)
    quantity = models.IntegerField()
    price_cents = models.IntegerField()

    class Meta:
        db_table = "item"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.quantity} x product {self.product_id}"
