"""Django's templates: each one that is rendered, by name; what it includes apart."""

from typing import Any

from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed


def _template(self: Any) -> Named:
    return self.name or "<string>", None


ABOUT = About(
    "Django: templates",
    ">=5.2",
    "`template`: each template that is rendered, by name; an included one apart",
    "loading and compiling",
)

PATCHES = {"django.template.base": (Patch("Template.render", timed("template", _template)),)}
