"""The application's admin."""

from django.contrib.admin import AdminSite, ModelAdmin, display
from django.contrib.auth.models import User
from django.urls import path

from tests.integrations.bookshop.models import Profile, Publisher, Volume, Writer
from tests.nplusone.proxies import Named


class Open(AdminSite):
    def has_permission(self, request):
        return True


def known(get_response):
    """A middleware that knows who asks."""

    def middleware(request):
        request.user = User(username="ann", is_staff=True, is_superuser=True)
        return get_response(request)

    return middleware


MODELS: dict[str, str] = {}


def pages(model, admin):
    """The list of a model in a site of its own."""
    MODELS[admin.__name__] = model._meta.model_name
    site = Open(admin.__name__)
    site.register(model, admin)
    return path(f"{admin.__name__}/", site.urls)


class Nullable(ModelAdmin):
    list_display = ("title", "publisher")  # LQ
    list_select_related: tuple[str, ...] = ()  # else Django joins what it can


class Joined(Nullable):
    list_select_related = ("publisher",)


class Far(ModelAdmin):
    list_display = (
        "name",
        "publisher__name",  # LQ
    )


class FarJoined(Far):
    list_select_related = ("publisher",)


class Method(ModelAdmin):
    list_display = (
        "title",
        "house",  # L
    )

    @display(description="House")
    def house(self, volume):
        return volume.publisher.name  # Q


class MethodJoined(Method):
    list_select_related = ("publisher",)


def text(writer):
    return writer.profile.text  # Q2


class Callable(ModelAdmin):
    list_display = (
        "name",
        text,  # L
    )


class CallableJoined(Callable):
    list_select_related = ("profile",)


class Text(ModelAdmin):  # L
    search_fields = ("title",)


class TextJoined(Text):
    list_select_related = ("publisher",)


class Given(ModelAdmin):
    list_select_related: tuple[str, ...] = ()

    def get_list_display(self, request):
        return [
            "title",
            "publisher",  # LQ
        ]

    def changelist_view(self, request, extra_context=None):
        return super().changelist_view(request, extra_context)


class GivenJoined(Given):
    list_select_related = ("publisher",)


class Plain(ModelAdmin):
    list_display = ("writer", "text")


class Counted(ModelAdmin):
    list_display = (
        "name",
        "staff",  # L
    )

    def staff(self, house):
        return house.writers.count()  # Q


urlpatterns = [
    pages(Volume, Nullable),
    pages(Volume, Joined),
    pages(Writer, Far),
    pages(Writer, FarJoined),
    pages(Volume, Method),
    pages(Volume, MethodJoined),
    pages(Writer, Callable),
    pages(Writer, CallableJoined),
    pages(Named, Text),
    pages(Named, TextJoined),
    pages(Volume, Given),
    pages(Volume, GivenJoined),
    pages(Profile, Plain),
    pages(Publisher, Counted),
]
