"""The example apps that the demo can run: one row each."""

from dataclasses import dataclass
from typing import Final

from examples.demo.mix import Mix
from examples.demo.shop_mix import FASTAPI


@dataclass(frozen=True, slots=True)
class App:
    """How to fill the app's database, how to serve it and who visits it.

    Commands are arguments for Python; the database's path is in the environment's SHOP_DATABASE.
    """

    seed: tuple[str, ...]
    serve: tuple[str, ...]
    health: str
    mix: Mix

    def serve_at(self, port: int, workers: int) -> list[str]:
        """Return the arguments that serve the app on this port."""
        return [part.format(port=port, workers=workers) for part in self.serve]


APPS: Final = {
    "fastapi": App(
        seed=("-m", "examples.fastapi_app.seed"),
        serve=(
            *("-m", "uvicorn", "examples.fastapi_app.main:app"),
            *("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
        ),
        health="/health",
        mix=FASTAPI,
    ),
}
