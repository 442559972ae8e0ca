"""Grafana's dashboards and Prometheus' rules, and what makes them: ``python -m dashboards``."""
