"""Django's admin, of which nothing is timed."""

KINDS: set[str] = set()


def call(_):
    from django.contrib.admin import ModelAdmin

    return ModelAdmin.list_display
