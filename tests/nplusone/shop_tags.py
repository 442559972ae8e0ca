"""Filters and tags of the application's own."""

from django.template import Library, Node

from tests.integrations.bookshop.models import Publisher

register = Library()


@register.filter
def house(volume):
    return volume.publisher.name  # Q


@register.simple_tag
def house_of(volume):
    return Publisher.objects.get(pk=volume.publisher_id).name  # Q2


@register.inclusion_tag("house.html")
def house_card(volume):
    return {"p": volume}


class Each(Node):
    """A loop that the application wrote."""

    def __init__(self, nodelist):
        self.nodelist = nodelist

    def render(self, context):
        rendered = []
        for volume in context["volumes"]:  # L
            with context.push(p=volume):
                rendered.append(self.nodelist.render(context))
        return "".join(rendered)


@register.tag
def each(parser, token):
    nodelist = parser.parse(["endeach"])
    parser.delete_first_token()
    return Each(nodelist)
