"""Views of the application with REST framework."""

from django.urls import include, path
from rest_framework.decorators import api_view
from rest_framework.filters import BaseFilterBackend
from rest_framework.generics import ListAPIView
from rest_framework.pagination import PageNumberPagination
from rest_framework.permissions import BasePermission
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter
from rest_framework.serializers import ModelSerializer
from rest_framework.viewsets import ModelViewSet

from tests.integrations.bookshop.models import Publisher, Volume, Writer


class House(ModelSerializer):
    class Meta:
        model = Publisher
        fields = ("name",)


class Nested(ModelSerializer):
    publisher = House()  # Q

    class Meta:
        model = Volume
        fields = ("title", "publisher")


class Listed(ListAPIView):
    queryset = Volume.objects.order_by("pk")  # W
    serializer_class = Nested


class Pages(PageNumberPagination):
    page_size = 4


class Paged(Listed):
    pagination_class = Pages


class Dispatched(Listed):
    def dispatch(self, request, *args, **kwargs):
        return super().dispatch(request, *args, **kwargs)


class Joined(Listed):
    queryset = Listed.queryset.select_related("publisher")


class JoinedPages(Joined):
    pagination_class = Pages


class Volumes(ModelViewSet):
    queryset = Volume.objects.order_by("pk")  # W2
    serializer_class = Nested


@api_view()
def function(request):
    return Response(Nested(Volume.objects.order_by("pk"), many=True).data)  # L2


def known(name):
    return Writer.objects.filter(name=name).exists()


def permitting(number):
    class Permission(BasePermission):
        def has_permission(self, request, view):
            return known(f"writer {number}")

    return Permission


def filtering(number):
    class Filter(BaseFilterBackend):
        def filter_queryset(self, request, queryset, view):
            return queryset if known(f"writer {number}") else queryset.none()

    return Filter


class Guarded(Joined):
    permission_classes = tuple(permitting(n) for n in range(4))
    filter_backends = tuple(filtering(n) for n in range(4))


class Owned(BasePermission):
    def has_object_permission(self, request, view, volume):
        return volume.publisher.name != ""  # Q


class Allowed(Listed):
    permission_classes = (Owned,)

    def list(self, request):
        found = []
        for volume in self.get_queryset():  # L
            self.check_object_permissions(request, volume)
            found.append(volume.title)
        return Response(found)


router = SimpleRouter()
router.register("set", Volumes)

urlpatterns = [
    path("list/", Listed.as_view()),
    path("paged/", Paged.as_view()),
    path("dispatched/", Dispatched.as_view()),
    path("joined/", Joined.as_view()),
    path("joined/paged/", JoinedPages.as_view()),
    path("function/", function),
    path("guarded/", Guarded.as_view()),
    path("allowed/", Allowed.as_view()),
    path("", include(router.urls)),
]
