"""Jinja2: each template that is rendered, by name; what it includes is part of it."""

from typing import Any

from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed


def _template(self: Any) -> Named:
    return self.name or "<string>", None


_render = timed("template", _template, leaf=True)

ABOUT = About(
    "Jinja2",
    ">=3.1",
    "`template`: each template that is rendered",
    "compiling; `generate()`",
)

PATCHES = {
    "jinja2.environment": (
        Patch("Template.render", _render),
        Patch("Template.render_async", _render),
    ),
}
