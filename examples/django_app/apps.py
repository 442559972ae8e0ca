"""The shop as Django knows it."""

from django.apps import AppConfig

from examples.shop import fixes


class ShopConfig(AppConfig):
    """One application holds it all."""

    name = "examples.django_app"
    label = "shop"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Refuse a repair of what is no defect."""
        fixes.check()
