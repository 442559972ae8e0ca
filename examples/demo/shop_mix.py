"""The visitors of the shop, whichever framework serves it."""

from examples.demo.mix import Mix, Visit

NEW_ORDER = (
    '{"items": [{"product_id": $product, "quantity": $quantity},'
    ' {"product_id": $other_product, "quantity": 1}]}'
)
JSON = ("content-type", "application/json")
BUYER = ("x-customer-id", "$customer")
REPRICE = '{"category": "$category", "cents": 0}'
GIFT_CARD = 3  # weighs nothing, so its price per kilogram is the shop's bug

VALUES = {
    "customer": range(1, 401),
    "product": range(1, 121),
    "other_product": range(1, 121),
    "order": range(1, 2_501),
    "offset": range(0, 400, 20),
    "quantity": range(1, 4),
    "category": ("garden", "kitchen", "office", "travel", "workshop"),
    "word": ("oak", "lamp", "glass", "box", "card"),
}

VISITS = (
    Visit(10, "GET", "/"),
    Visit(8, "GET", "/health"),
    Visit(14, "GET", "/api/v1/orders?limit=10&offset=$offset"),
    Visit(16, "GET", "/api/v1/orders/$order"),
    Visit(3, "GET", "/api/v1/orders/999999", status=404),
    Visit(6, "POST", "/api/v1/orders", NEW_ORDER, (JSON, BUYER), 201),
    Visit(6, "GET", "/api/v1/orders/$order/shipping"),
    Visit(2, "GET", "/api/v1/orders/export?limit=500"),
    Visit(12, "GET", "/api/v1/products?limit=50&category=$category"),
    Visit(8, "GET", "/api/v1/products/search?q=$word"),
    Visit(14, "GET", "/api/v1/products/$product"),
    Visit(1, "GET", f"/api/v1/products/{GIFT_CARD}/price_per_kilogram", status=500),
    Visit(5, "GET", "/api/v1/customers?limit=100&offset=$offset"),
    Visit(5, "GET", "/api/v1/customers/$customer"),
    Visit(8, "GET", "/api/v1/customers/$customer/orders"),
    Visit(2, "GET", "/admin/stats"),
    Visit(3, "GET", "/admin/customers/$customer/spending"),
    Visit(2, "GET", "/wp-login.php", status=404),
    Visit(1, "GET", "/api/v1/orders/archive"),
    Visit(2, "GET", "/api/v1/orders/$order/split_shipping"),
    Visit(2, "POST", "/api/v1/orders/$order/dispatch"),
    Visit(2, "GET", "/api/v1/products/popular"),
    Visit(2, "GET", "/api/v1/products/$product/buyers"),
    Visit(2, "GET", "/api/v1/products/$product/label"),
    Visit(2, "POST", "/api/v1/products/reprice", REPRICE, (JSON,)),
)

FASTAPI = Mix(
    visits=(
        *VISITS,
        Visit(1, "POST", "/api/v1/orders", '{"items": []}', (JSON, BUYER), 422),
        Visit(2, "WEBSOCKET", "/ws/prices", "$product\n$other_product\n$product"),
    ),
    values=VALUES,
)

DJANGO = Mix(
    visits=(
        *VISITS,
        Visit(1, "POST", "/api/v1/orders", '{"items": []}', (JSON, BUYER), 400),
        Visit(1, "GET", "/admin/login/"),
    ),
    values=VALUES,
)
