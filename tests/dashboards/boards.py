"""The dashboards as they are committed, and the queries of their panels."""

import json
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parents[2] / "dashboards"
FILES = sorted((HERE / "grafana").glob("*.json"))
RULES = HERE / "prometheus" / "inprofile.rules.yml"


class Asked(NamedTuple):
    """One query of one panel."""

    board: str
    panel: str
    letter: str
    expression: str
    has_exemplars: bool

    def __str__(self):
        return f"{self.board}: {self.panel} {self.letter}"


def boards() -> dict[str, dict[str, Any]]:
    """Each by its name."""
    return {file.stem: json.loads(file.read_text("utf-8")) for file in FILES}


def queries() -> list[Asked]:
    """Those of all panels."""
    return [
        Asked(name, panel["title"], each["refId"], each["expr"], each.get("exemplar", False))
        for name, board in boards().items()
        for panel in board["panels"]
        for each in panel.get("targets", ())
    ]
