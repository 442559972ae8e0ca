"""Django REST framework."""

KINDS = {"serialization", "validation"}


def call(_):
    from rest_framework.renderers import JSONRenderer
    from rest_framework.serializers import CharField, Serializer

    class Named(Serializer):
        name = CharField()

    given = Named(data={"name": "ann"})
    return given.is_valid(), JSONRenderer().render(Named([{"name": "b"}], many=True).data)
