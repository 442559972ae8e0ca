"""Where each view is found: the addresses of the shop's sibling in FastAPI, and Django's admin."""

from django.contrib import admin
from django.urls import include, path

from examples.django_app.views import carrier, customers, office, orders, pages, products, shipping

api = [
    path("orders", orders.Orders.as_view()),
    path("orders/export", orders.Export.as_view()),
    path("orders/archive", orders.Archive.as_view()),
    path("orders/<int:order_id>", orders.OneOrder.as_view()),
    path("orders/<int:order_id>/shipping", shipping.Shipping.as_view()),
    path("orders/<int:order_id>/split_shipping", shipping.split_shipping),
    path("orders/<int:order_id>/dispatch", orders.Dispatch.as_view()),
    path("products", products.Products.as_view()),
    path("products/search", products.Search.as_view()),
    path("products/popular", products.popular),
    path("products/reprice", products.Reprice.as_view()),
    path("products/<int:product_id>", products.OneProduct.as_view()),
    path("products/<int:product_id>/price_per_kilogram", products.PricePerKilogram.as_view()),
    path("products/<int:product_id>/buyers", products.Buyers.as_view()),
    path("products/<int:product_id>/label", products.draw_label),
    path("customers", customers.Customers.as_view()),
    path("customers/<int:customer_id>", customers.OneCustomer.as_view()),
    path("customers/<int:customer_id>/orders", customers.CustomerOrders.as_view()),
]

urlpatterns = [
    path("", pages.show_shop),
    path("health", pages.check_health),
    path("api/v1/", include(api)),
    path("carrier/quote", carrier.Quote.as_view()),
    path("admin/stats", office.show_stats),
    path("admin/customers/<int:customer_id>/spending", office.show_spending),
    path("admin/", admin.site.urls),
]
