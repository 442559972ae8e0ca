"""A small but real shop: customers, orders, items and products on SQLite."""
