"""Django's templates: each one that is rendered, by name; what it includes apart."""

from collections.abc import Mapping
from typing import Any

from inprofile.core.application import application
from inprofile.core.model import Location
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._reading import chaining, driving, interpreting


def _template(self: Any) -> Named:
    return self.name or "<string>", None


def _node(names: Mapping[str, Any]) -> Location | None:
    """Where the node of a template was written; None for a template of a library.

    A node may be of a class of the user's, of which nothing is called.
    """
    node = names.get("node")
    known = node.__dict__ if node is not None else {}
    origin, token = known.get("origin"), known.get("token")
    if origin is None or token is None:
        return None
    file = str(origin.name)
    if not file.startswith("<") and not application.owns_file(file):
        return None
    return Location(file, token.lineno or 1, str(origin.template_name or ""))


def _as_read(node: Location) -> Location:
    return node


_nodes = interpreting("node", _node, _as_read)

ABOUT = About(
    "Django: templates",
    ">=5.2",
    "`template`: each template that is rendered, by name; an included one apart",
    "loading and compiling",
)

PATCHES = {
    "django.template.base": (
        Patch("Template.render", timed("template", _template)),
        Patch("NodeList.render", _nodes, reads=True),
        Patch("Variable._resolve_lookup", chaining, reads=True),
        Patch("FilterExpression.resolve", chaining, reads=True),
    ),
    "django.template.defaulttags": (
        Patch("ForNode.render", _nodes, reads=True),
        Patch("RegroupNode.render", driving, reads=True),
    ),
}
