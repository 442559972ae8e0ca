"""What goes in and out of the JSON routes."""

from rest_framework import serializers

from examples.django_app.models import Customer, Item, Order, Product


class CustomerSerializer(serializers.ModelSerializer):
    """A customer as the API shows it."""

    class Meta:
        model = Customer
        fields = ("id", "name", "email", "country")


class ProductSerializer(serializers.ModelSerializer):
    """A product as the API shows it."""

    class Meta:
        model = Product
        fields = ("id", "name", "category", "price_cents", "weight_grams")


class ItemSerializer(serializers.ModelSerializer):
    """One line of an order."""

    product = ProductSerializer()

    class Meta:
        model = Item
        fields = ("product", "quantity", "price_cents")


class OrderSerializer(serializers.ModelSerializer):
    """An order with its lines."""

    customer = serializers.CharField(source="customer.name")
    total_cents = serializers.SerializerMethodField()
    items = ItemSerializer(many=True)

    class Meta:
        model = Order
        fields = (
            *("id", "customer", "status", "placed_at", "receipt_sent_at"),
            *("total_cents", "items"),
        )

    def get_total_cents(self, order: Order) -> int:
        """Add up the lines."""
        return sum(item.quantity * item.price_cents for item in order.items.all())


class OrderSummarySerializer(serializers.ModelSerializer):
    """An order without its lines."""

    total_cents = serializers.IntegerField()

    class Meta:
        model = Order
        fields = ("id", "status", "placed_at", "total_cents")


class NewItemSerializer(serializers.Serializer):
    """One line of an order to place."""

    product_id = serializers.IntegerField(min_value=1, max_value=2**63 - 1)
    quantity = serializers.IntegerField(min_value=1, max_value=20)


class NewOrderSerializer(serializers.Serializer):
    """An order to place."""

    items = serializers.ListField(child=NewItemSerializer(), min_length=1, max_length=50)


class RepriceSerializer(serializers.Serializer):
    """By how much the products of a category become dearer."""

    category = serializers.CharField()
    cents = serializers.IntegerField(min_value=-100, max_value=100)


class PageSerializer(serializers.Serializer):
    """Which part of a list to show."""

    limit = serializers.IntegerField(min_value=1, max_value=100, default=20)
    offset = serializers.IntegerField(min_value=0, max_value=2**63 - 1, default=0)


class ExportSerializer(serializers.Serializer):
    """How many orders to export."""

    limit = serializers.IntegerField(min_value=1, max_value=10_000, default=500)


class SearchSerializer(serializers.Serializer):
    """Which letters to look for."""

    q = serializers.CharField(min_length=2)


class QuoteSerializer(serializers.Serializer):
    """Which parcel the carrier is asked about."""

    country = serializers.CharField()
    weight_grams = serializers.IntegerField(min_value=0)
