"""Pages of the application: generic views."""

from django.urls import path
from django.views.generic import ListView

from tests.integrations.bookshop.models import Volume


class Volumes(ListView):
    queryset = Volume.objects.order_by("pk")
    template_name = "for.html"
    context_object_name = "volumes"


class Joined(Volumes):
    queryset = Volumes.queryset.select_related("publisher")


urlpatterns = [
    path("volumes/", Volumes.as_view()),
    path("volumes/joined/", Joined.as_view()),
]
