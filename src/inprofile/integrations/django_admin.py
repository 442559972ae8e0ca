"""Django's admin: which column of a list a row is asked for; nothing is timed."""

from collections.abc import Mapping
from typing import Any

from inprofile.integrations._about import About
from inprofile.integrations._declared import Declared, declared, locate
from inprofile.integrations._patch import Patch
from inprofile.integrations._reading import bordering, chaining, interpreting

LISTS = ("list_display", "get_list_display")


def _column(names: Mapping[str, Any]) -> Declared | None:
    """What declares the column that a row of the list is at: an entry of ``list_display``."""
    column, changes = names.get("field_name"), names.get("cl")
    if column is None or changes is None:
        return None
    kind = type(changes.__dict__.get("model_admin"))
    name = column if isinstance(column, str) else getattr(column, "__name__", "")
    owners = (one for one in kind.__mro__ if not vars(one).keys().isdisjoint(LISTS))
    return declared(next(owners, kind), name, LISTS) or declared(kind, name, LISTS)


ABOUT = About(
    "Django: admin",
    ">=5.2",
    "nothing; findings name the entry of `list_display`",
    "the admin's views, which are views",
)

PATCHES = {
    "django.contrib.admin.templatetags.admin_list": (
        Patch("items_for_result", interpreting("field_name", _column, locate), reads=True),
        Patch("results", bordering, reads=True),
        Patch("lookup_field", chaining, reads=True),
    ),
}
