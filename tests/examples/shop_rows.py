"""What the shops answer about some of their rows."""

LAMP = {
    "id": 17,
    "name": "Oak lamp",
    "category": "workshop",
    "price_cents": 9500,
    "weight_grams": 1340,
}
CARD = {
    "id": 3,
    "name": "Oak gift card",
    "category": "gift cards",
    "price_cents": 8750,
    "weight_grams": 0,
}
ADA_ORDERED = {
    "id": 2469,
    "customer": "Ada Allen",
    "status": "returned",
    "placed_at": "2024-06-15T15:33:00",
    "receipt_sent_at": "2024-06-15T15:33:30",
    "total_cents": 30400,
    "items": [
        {
            "product": {
                "id": 34,
                "name": "Cotton box",
                "category": "travel",
                "price_cents": 6100,
                "weight_grams": 60,
            },
            "quantity": 1,
            "price_cents": 6100,
        },
        {
            "product": {
                "id": 87,
                "name": "Cotton gift card",
                "category": "gift cards",
                "price_cents": 8100,
                "weight_grams": 0,
            },
            "quantity": 3,
            "price_cents": 8100,
        },
    ],
}
NEW_ORDER = {"items": [{"product_id": 17, "quantity": 2}, {"product_id": 3, "quantity": 1}]}
