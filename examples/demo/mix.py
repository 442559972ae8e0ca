"""What visitors of an example app ask for, and how often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from string import Template


@dataclass(frozen=True, slots=True)
class Visit:
    """One request to send: `$name` in target, body and headers stands for a random value.

    The method WEBSOCKET sends the body's lines one by one and waits for an answer to each.
    """

    weight: int
    method: str
    target: str
    body: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    status: int = 200


@dataclass(frozen=True, slots=True)
class Mix:
    """Weighted visits, and the values that their placeholders may take."""

    visits: tuple[Visit, ...]
    values: Mapping[str, Sequence[object]]

    def draw(self, chance: Random) -> Visit:
        """Return the next visit, its placeholders filled in."""
        (visit,) = chance.choices(self.visits, [visit.weight for visit in self.visits])
        values = {name: chance.choice(values) for name, values in self.values.items()}

        def fill(text: str) -> str:
            return Template(text).substitute(values)

        return Visit(
            weight=visit.weight,
            method=visit.method,
            target=fill(visit.target),
            body=fill(visit.body),
            headers=tuple((name, fill(value)) for name, value in visit.headers),
            status=visit.status,
        )
