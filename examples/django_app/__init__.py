"""The shop in Django: REST framework, templates and the admin, on SQLite or PostgreSQL."""
