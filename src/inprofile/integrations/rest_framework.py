"""Django REST framework: parsing, validation, serializers by name and rendering."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from inprofile.core.model import Span
from inprofile.integrations._about import About
from inprofile.integrations._declared import Declared, declared, locate
from inprofile.integrations._patch import Named, Patch, folded, timed
from inprofile.integrations._reading import bordering, both, chaining, interpreting
from inprofile.integrations._signature import Function
from inprofile.integrations._steps import noted

ROWS = "inprofile.serializer.rows"


@lru_cache(1024)
def _called(name: str) -> Named:
    return name, None


def _serializer(self: Any) -> Named | None:
    """A row of a list is part of it: there may be thousands."""
    parent = self.parent
    return (
        None if parent is not None and _counts(parent.__class__) else _called(type(self).__name__)
    )


@lru_cache(1024)
def _counts(kind: type) -> bool:
    """Whether these are lists of which ours is the way in which they are represented."""
    from rest_framework.serializers import ListSerializer

    return getattr(kind, "to_representation", None) is ListSerializer.to_representation


def _validated(self: Any) -> Named:
    return _called(type(self).__name__)


def _list(self: Any) -> Named:
    return _called(f"{type(self.child).__name__}(many=True)")


def _represented(span: Span, _start_ns: int, result: Any) -> None:
    if type(result) is list:
        before = (span.attributes or {}).get(ROWS, 0)
        assert isinstance(before, int)
        span.attributes = {ROWS: before + len(result)}


def _represent_list(original: Function) -> Function:
    counted = noted("serialization", _represented, folds=True)(original)
    wrapper = folded("serialization", _list, leaf=False)(counted)
    wrapper.__wrapped__ = original  # type: ignore[attr-defined]
    return wrapper


@lru_cache(64)
def _rendering(renderer: str) -> Named:
    return f"render {renderer}", None


def _renderer(self: Any) -> Named:
    return _rendering(type(self).__name__)


@lru_cache(64)
def _parsing(parser: str) -> Named:
    return f"parse {parser}", None


def _parser(self: Any) -> Named:
    return _parsing(type(self).__name__)


def _field(names: Mapping[str, Any]) -> Declared | None:
    """What declares the field that a serializer is at."""
    field = names.get("field")
    name = None if field is None else field.__dict__.get("field_name")
    serializer: Any = type(names["self"])
    return _declaration(serializer, name) if isinstance(name, str) else None


@lru_cache(1024)
def _declaration(serializer: type, name: str) -> Declared | None:
    """A field is declared in a class itself, or in one that it inherits it from."""
    field = vars(serializer).get("_declared_fields", {}).get(name)
    owner = serializer
    for one in serializer.__mro__:
        known = vars(one)
        if field is None and "Meta" in known:
            owner = one
            break
        if field is not None and known.get("_declared_fields", {}).get(name) is field:
            owner = one
    return declared(owner, name, ("Meta.fields", "Meta.exclude") if field is None else ())


_represent = folded("serialization", _serializer, leaf=False)
_fields = interpreting("field", _field, locate)
_validate = timed("validation", _validated, leaf=True)
_render = timed("serialization", _renderer)
_parse = timed("validation", _parser)

ABOUT = About(
    "Django REST framework",
    ">=3.16",
    "`validation`: parsing, `is_valid` by serializer; `serialization`: `to_representation` by"
    " serializer (nested ones are counted, not listed, and a list is one, with its number of rows),"
    " rendering;"
    " `dependencies`: authentication, permissions, throttles",
    "renderers and parsers of others",
)

PATCHES = {
    "rest_framework.serializers": (
        Patch("Serializer.to_representation", both(_fields, _represent)),
        Patch("Serializer.to_internal_value", _fields, reads=True),
        Patch("ListSerializer.to_representation", _represent_list),
        Patch("BaseSerializer.is_valid", _validate),
        Patch("ListSerializer.is_valid", _validate),
    ),
    "rest_framework.renderers": tuple(
        Patch(f"{name}.render", _render)
        for name in (
            "JSONRenderer",
            "TemplateHTMLRenderer",
            "StaticHTMLRenderer",
            "BrowsableAPIRenderer",
            "AdminRenderer",
        )
    ),
    "rest_framework.parsers": tuple(
        Patch(f"{name}.parse", _parse)
        for name in ("JSONParser", "FormParser", "MultiPartParser", "FileUploadParser")
    ),
    "rest_framework.fields": (Patch("get_attribute", chaining, reads=True),),
    "rest_framework.generics": (Patch("GenericAPIView.filter_queryset", chaining, reads=True),),
    "rest_framework.views": (
        Patch("APIView.dispatch", bordering, reads=True),
        Patch("APIView.check_object_permissions", chaining, reads=True),
        Patch("APIView.perform_authentication", timed("dependencies", "authentication")),
        Patch("APIView.check_permissions", both(chaining, timed("dependencies", "permissions"))),
        Patch("APIView.check_throttles", both(chaining, timed("dependencies", "throttles"))),
    ),
}
