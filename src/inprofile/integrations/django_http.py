"""Django's requests, forms and responses: parsing, validating and rendering JSON."""

from typing import Any

from inprofile.integrations._about import About
from inprofile.integrations._patch import Named, Patch, timed
from inprofile.integrations._reading import telling_apart


def _form(self: Any) -> Named:
    return type(self).__name__, None


ABOUT = About(
    "Django: forms and JSON",
    ">=5.2",
    "`validation`: parsing form bodies, cleaning forms and formsets;"
    " `serialization`: `JsonResponse`",
)

PATCHES = {
    "django.http.request": (
        Patch("HttpRequest._load_post_and_files", timed("validation", "parse form body")),
    ),
    "django.http.response": (
        Patch("JsonResponse.__init__", timed("serialization", "render JsonResponse", leaf=True)),
    ),
    "django.forms.forms": (
        Patch("BaseForm.full_clean", timed("validation", _form)),
        Patch("BaseForm._clean_fields", telling_apart("name"), reads=True),
    ),
    "django.forms.formsets": (Patch("BaseFormSet.full_clean", timed("validation", _form)),),
}
