"""Writes the dashboards and the default rules into this directory: ``python -m dashboards``."""

from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from dashboards.route import route
from dashboards.runtime import runtime
from dashboards.service import service
from inprofile.rules.generated import groups
from inprofile.rules.rule import written
from inprofile.settings import Settings

HERE = Path(__file__).parent
SLO = "p95<300ms,p99<800ms,errors<1%"
"""What the default rules take for promised."""

NOTE = f"""\
# Made by `python -m dashboards`. For promises of your own:
# INPROFILE_SLO='{SLO}' inprofile rules
"""


def files() -> dict[str, str]:
    """Everything that is made, by its path."""
    encoder = JSONEncoder(indent=2, sort_keys=True, ensure_ascii=False)
    boards = {"service": service(), "route": route(), "runtime": runtime()}
    made = {f"grafana/{name}.json": encoder.encode(board) + "\n" for name, board in boards.items()}
    made["prometheus/inprofile.rules.yml"] = NOTE + written(groups(Settings.load({}, slo=SLO)))
    return made


def main() -> None:
    """Write all of it."""
    for name, text in files().items():
        path = HERE / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
