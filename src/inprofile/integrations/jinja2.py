"""Jinja2: each template that is rendered, by name; what it includes is part of it."""

from types import CodeType
from typing import Any

from inprofile.core.application import application
from inprofile.core.frames import Source, sourced, sources
from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed


def _template(self: Any) -> Named:
    return self.name or "<string>", None


def _find(code: CodeType, template: Any) -> None:
    """Of which template ``code`` was made, unless that is a library's."""
    known = template.__dict__
    file = str(known.get("filename") or "<template>")
    if file.startswith("<") or application.owns_file(file):
        pairs = str(known.get("_debug_info") or "").split("&")
        lines = [
            (int(line), int(since))
            for line, _, since in (pair.partition("=") for pair in pairs)
            if since
        ]
        sources[id(code)] = Source(code, file, str(known.get("name") or ""), lines[::-1], "l_")


sourced["__jinja_template__"] = _find

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
