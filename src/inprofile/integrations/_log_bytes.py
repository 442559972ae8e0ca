"""How much text the log calls of one place made: an attribute of their span."""

from inprofile.core.model import Span

BYTES = "inprofile.log.bytes"


def add_bytes(span: Span, text: object) -> None:
    """Count ``text`` in UTF-8, if it is text or bytes; what else it may be is left alone."""
    kind = type(text)
    if issubclass(kind, str):
        assert isinstance(text, str)
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    elif issubclass(kind, (bytes, bytearray)):
        assert isinstance(text, (bytes, bytearray))
        size = len(text)
    else:
        return
    about = span.attributes or {}
    before = about.get(BYTES, 0)
    assert isinstance(before, int)
    span.attributes = {**about, BYTES: before + size}
