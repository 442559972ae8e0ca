"""A value that nobody but the library may look at."""


class Unspeakable:
    """Whoever looks at it fails."""

    def __repr__(self):
        raise RuntimeError("looked at")

    __eq__ = __hash__ = __len__ = __iter__ = __bool__ = __repr__  # type: ignore[assignment]
