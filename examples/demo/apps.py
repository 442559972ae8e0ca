"""The example apps that the demo can run: one row each."""

from dataclasses import dataclass
from typing import Final

from examples.demo.mix import Mix
from examples.demo.shop_mix import DJANGO, FASTAPI


@dataclass(frozen=True, slots=True)
class App:
    """How to fill the app's database, how to serve it and who visits it.

    Commands are arguments for Python; the database's path is in the environment's SHOP_DATABASE.
    """

    place: str
    seed: tuple[str, ...]
    serve: tuple[str, ...]
    health: str
    mix: Mix

    def serve_at(self, port: int, workers: int) -> list[str]:
        """Return the arguments that serve the app on this port."""
        return [part.format(port=port, workers=workers) for part in self.serve]


DJANGO_SEED: Final = ("-m", "examples.django_app.manage", "seed")

# Threads and keep-alive of gunicorn: the shop calls itself, so there are more threads than visitors
# of a worker, and no connection ends before the visitors' client lets go of it.
APPS: Final = {
    "fastapi": App(
        place="examples/fastapi_app",
        seed=("-m", "examples.fastapi_app.seed"),
        serve=(
            *("-m", "uvicorn", "examples.fastapi_app.main:app"),
            *("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
        ),
        health="/health",
        mix=FASTAPI,
    ),
    "django": App(
        place="examples/django_app",
        seed=DJANGO_SEED,
        serve=(
            *("-m", "gunicorn", "examples.django_app.wsgi:application"),
            *("--worker-class", "gthread", "--threads", "16", "--keep-alive", "30"),
            *("--bind", "127.0.0.1:{port}", "--workers", "{workers}"),
        ),
        health="/health",
        mix=DJANGO,
    ),
    "django-asgi": App(
        place="examples/django_app",
        seed=DJANGO_SEED,
        serve=(
            *("-m", "uvicorn", "examples.django_app.asgi:application", "--lifespan", "off"),
            *("--host", "127.0.0.1", "--port", "{port}", "--workers", "{workers}"),
        ),
        health="/health",
        mix=DJANGO,
    ),
}
