"""Which endpoint a request asks, and for which element of it: what tells a loop of requests.

The endpoint is told by its method, host and path, and by the names in its query; ids in the path,
the values in the query and the body are the element. Of an element only a hash is kept.
"""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

from inprofile.core.model import Span
from inprofile.core.repeats import notice
from inprofile.core.sites import Explain
from inprofile.integrations._url import segment

MAX_TARGET = 10_000
"""What is longer is not read: it is no request for one element."""

MAX_BODY = 10_000
"""How far a body is read that was given as a text; of a longer one its length counts, too."""

DEFAULT_PORTS = {"http": 80, "https": 443}

_PAGE = re.compile(
    r"(?:page(?:no|num|number|token|key|state|cursor|offset|after|before|start)?|pg|cursor|(?:next|prev)?cursor"
    r"|offset|skip|skiptoken|scroll(?:id)?|(?:starting|search|start)?after|(?:ending|end)?before"
    r"|since(?:id)?|maxid|minid|(?:key|version)?(?:id)?marker|continuation|continuationtoken"
    r"|next(?:page)?(?:token|marker|key|link)|startindex|startat|startrow|startkey|exclusivestartkey"
    r"|partnumber|uploadid|lastid|lastkey|lastevaluatedkey)",
    re.IGNORECASE,
)
"""Names of what says where a page begins, without signs between their words."""

_PASSING = re.compile(
    r"|cb|ts|rnd|rand|random|cachebuster|(?:oauth|xamz)?(?:nonce|timestamp|signature)"
    r"|xamzdate|xamzexpires|sig|resourceversion|lasteventid",
    re.IGNORECASE,
)
"""Names of what differs from one try to the next: who polls asks for nothing else."""

_PAGE_IF_NUMBER = frozenset({"p", "start", "from", "to", "end", "next"})
_SIGNS = re.compile(r"[\W_]")
_NAME = re.compile(r"[A-Za-z_$][A-Za-z_.$\[\]-]{0,31}")
_LISTED = re.compile(r",|;|\||%2C", re.IGNORECASE)
_PLURAL = re.compile(
    r"(?:ids|keys|names|codes|symbols|slugs|users|items|idin|pkin)$", re.IGNORECASE
)
_PLACE = re.compile(
    r"lat|lng|lon|coord|point|loc|geo|bbox|center|origin|destination", re.IGNORECASE
)

_BODY_LIST = re.compile(rb"\[\s*[^\s\[\]{},][^\[\]{},]*,|\}\s*(?:,\s*)?\{")
"""Two values in one list, or two objects one after the other."""

_BODY_PAGE = re.compile(
    rb"\b(?:page|page[_-]?(?:no|num|number|token)|cursor|offset|after|before|search_after|scroll_id"
    rb"|(?:next|continuation)_?token|exclusivestartkey|marker|skip|start_?index|start_?after"
    rb"|start_?cursor|end_?cursor)\\?[\"']?\s*[:=]\s*(?!null\b|\\?[\"']\\?[\"'])",
    re.IGNORECASE,
)


def asked(
    span: Span,
    authority: str,
    target: str,
    body: object = None,
    explain: Explain | None = None,
    action: str = "",
) -> None:
    """Note a request that is about to be sent to ``authority`` (host and port) for ``target``.

    What asks for several elements is not noted. ``body`` is looked at if it is a text or bytes;
    ``action`` is what a header says that the path does not. To be called by a hook of a timing
    wrapper. Costs 7 microseconds.
    """
    if len(target) > MAX_TARGET or not authority:
        return
    found = endpoint(target)
    content = _content(body)
    if found is None or content is None:
        return
    template, value = found
    verb = (span.attributes or {}).get("http.request.method", "")
    statement = f"{verb} {authority}{template}"
    notice(span, hash((value, content)), f"{statement} {action}" if action else statement, explain)


def located(url: object) -> tuple[str, str]:
    """The authority and the target of a whole URL; both empty when it is none."""
    if not issubclass(type(url), str):
        return "", ""
    text = str.__str__(url)
    if len(text) > MAX_TARGET:
        return "", ""
    try:
        parts = urlsplit(text)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return "", ""
    target = f"{parts.path}?{parts.query}" if parts.query else parts.path
    return authority(parts.scheme, host, port), target


def authority(scheme: object, host: object, port: object) -> str:
    """Host and port of a request; the port that the scheme has anyway is left out."""
    if type(host) is not str:
        return ""
    if type(port) is not int or port == DEFAULT_PORTS.get(str(scheme).lower()):
        return host
    return f"{host}:{port}"


def endpoint(target: str) -> tuple[str, int] | None:
    """The template of a path and its query, and a number for the values in it.

    Unlike what a span keeps it is the whole path: two endpoints are never one by what they
    begin with. Which page is asked for belongs to neither. None if it asks for several elements.
    """
    path, _, query = target.partition("#")[0].partition("?")
    segments = path.removeprefix("/").split("/")
    if any(_is_list(each) for each in segments):
        return None
    shown = "/" + "/".join([segment(each) for each in segments])
    if not query:
        return shown, hash(path)
    names: list[str] = []
    values: list[str] = []
    for part in query.split("&"):
        name, is_given, value = part.partition("=")
        name = unquote(name)
        plain = _SIGNS.sub("", name)
        if is_page(plain, value) or _PASSING.fullmatch(plain):
            continue
        label = f"{name}={{id}}" if is_given and _NAME.fullmatch(name) else "{id}"
        if _asks_for_several(plain, value, again=label in names and part not in values):
            return None
        names.append(label)
        values.append(part)
    return f"{shown}?{'&'.join(names)}" if names else shown, hash((path, *values))


def is_page(name: str, value: str) -> bool:
    """Whether a parameter says which page is asked for; ``name`` has no signs."""
    if _PAGE.fullmatch(name):
        return True
    return value.isdigit() and name.lower() in _PAGE_IF_NUMBER


def _asks_for_several(name: str, value: str, *, again: bool) -> bool:
    """Whether a parameter is a list of elements, or one of such a list given one by one."""
    if _PLURAL.search(name):
        return again or _LISTED.search(value) is not None
    if again:
        return segment(value) == "{id}"
    return _is_list(value) and not _PLACE.search(name)


def _is_list(text: str) -> bool:
    """Whether these are several values; several words may be anything."""
    if "," not in text and ";" not in text and "%2" not in text:
        return False
    parts = [part for part in _LISTED.split(text) if part]
    return len(parts) > 1 and all(segment(part) == "{id}" for part in parts)


def _content(body: Any) -> object:
    """A number for a body that is at hand, 0 for one that is not; None if it has a list in it."""
    kind = type(body)
    if kind is str:
        body = body[:MAX_BODY].encode("utf-8", "replace"), len(body)
    elif kind is bytes:
        body = body[:MAX_BODY], len(body)
    else:
        return 0
    text, length = body
    if text.startswith(b"--"):  # the parts of a form, between boundaries made by chance
        text = text.replace(text.partition(b"\r\n")[0], b"")
    elif _BODY_LIST.search(text):
        return None
    elif _BODY_PAGE.search(text):
        return 0
    return hash((text, length)) if length else 0
