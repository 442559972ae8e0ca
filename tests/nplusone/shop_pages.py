"""Pages of the application: generic views."""

from django.urls import path
from django.views.generic import ListView

from tests.integrations.bookshop.models import Volume


class Volumes(ListView):
    queryset = Volume.objects.order_by("pk")  # W
    template_name = "for.html"
    context_object_name = "volumes"


class Asked(Volumes):
    def get_queryset(self):  # W2
        return super().get_queryset().filter(pages__gte=0)


class Modelled(ListView):
    model = Volume  # W3
    template_name = "for.html"
    context_object_name = "volumes"


class Joined(Volumes):
    queryset = Volumes.queryset.select_related("publisher")


urlpatterns = [
    path("volumes/", Volumes.as_view()),
    path("volumes/asked/", Asked.as_view()),
    path("volumes/modelled/", Modelled.as_view()),
    path("volumes/given/", Volumes.as_view(queryset=Volume.objects.order_by("-pk"))),
    path("volumes/joined/", Joined.as_view()),
]
