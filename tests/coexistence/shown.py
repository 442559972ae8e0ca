"""What django-debug-toolbar shows of requests, without what differs from run to run."""

import re
from pathlib import Path

from debug_toolbar.store import get_store

import inprofile

OURS = str(Path(inprofile.__file__).parent)
ID = re.compile(r"[0-9a-f]{32}")
NUMBER = re.compile(r"\d+(\.\d+)?")
TOOLBAR = re.compile(r"(?s)<(link|script|div|template)[^>]*(djdt|djDebug|debug_toolbar).*")


def taken():
    """The statements, with who asked for them, the templates and signals of each request."""
    store = get_store()
    found = [one(store, request_id) for request_id in store.request_ids()]
    store.clear()
    return sorted(found, key=str)


def one(store, request_id):
    sql = store.panel(request_id, "SQLPanel")
    templates = store.panel(request_id, "TemplatesPanel")
    return {
        "path": store.panel(request_id, "RequestPanel").get("view_func"),
        "statements": [
            [query["raw_sql"], query["vendor"], *map(stack, [query["stacktrace"]])]
            for query in sql.get("queries", ())
        ],
        "templates": [found["template"]["name"] for found in templates.get("templates", ())],
    }


def stack(frames):
    return [frame[:3] for frame in frames if not frame[0].startswith(OURS)]


def unnumbered(text):
    """A page without what the toolbar counts, and Django's page of an error without its frames."""
    if "<title>RuntimeError" in text:
        return text.partition("</title>")[0]
    text = ID.sub("ID", text)
    head, _, tail = text.partition("</body>") if "djDebug" in text else (text, "", "")
    shown = TOOLBAR.search(head)
    return head if shown is None else head[: shown.start()] + NUMBER.sub("0", shown[0]) + tail


def without(answer):
    """An answer of WSGI or ASGI without the toolbar's numbers."""
    if isinstance(answer, str):
        return unnumbered(answer)
    if isinstance(answer, list):
        if answer and isinstance(answer[0], dict) and len(answer) > 1:  # of ASGI, in pieces
            whole = "".join(part["body"] for part in answer[1:] if "body" in part)
            return [without(answer[0]), without(whole)]
        if len(answer) == 2 and str(answer[0]).lower() in {"server-timing", "content-length"}:
            return [answer[0], NUMBER.sub("0", str(answer[1]))]
        return [without(each) for each in answer]
    if isinstance(answer, dict):
        return {name: without(value) for name, value in answer.items()}
    return answer
