"""The shop in Django's admin."""

from django.contrib import admin

from examples.django_app.models import Customer, Item, Order, Product


class ItemInline(admin.TabularInline):
    """The lines of an order, on its page."""

    model = Item
    extra = 0
    raw_id_fields = ("product",)


@admin.register(Order)
class OrderAdmin(admin.ModelAdmin):
    """Orders with their lines."""

    list_display = ("id", "customer", "status", "placed_at")
    list_filter = ("status",)
    list_select_related = ("customer",)
    raw_id_fields = ("customer",)
    inlines = (ItemInline,)


@admin.register(Customer)
class CustomerAdmin(admin.ModelAdmin):
    """Customers by name and country."""

    list_display = ("name", "email", "country")
    search_fields = ("name", "email")


@admin.register(Product)
class ProductAdmin(admin.ModelAdmin):
    """Products by name and price."""

    list_display = ("name", "category", "price_cents")
    list_filter = ("category",)
    search_fields = ("name",)
