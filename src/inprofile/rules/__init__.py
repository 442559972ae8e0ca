"""Prometheus rules of what an app promises and of what goes wrong, made from its settings."""
