"""An object graph as text, written only when a log line asks for it."""

from pprint import pformat


class Pretty:
    """Formats what it holds when it is made a string, and each time again."""

    def __init__(self, graph: object) -> None:
        self.graph = graph

    def __str__(self) -> str:
        return pformat(self.graph)
