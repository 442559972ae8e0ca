"""A real Prometheus that scrapes what a test tells it to, and answers in PromQL."""

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.servers import Command, free_port, private_directory, running, system_program

CLASSIC = "exemplar-storage"
"""Without native histograms it reads the classic ones."""

FEATURES = f"{CLASSIC},native-histograms"

EVERY = "1s"
"""How often it scrapes unless told otherwise."""


class Prometheus:
    """What one at ``url`` has read."""

    def __init__(self, url: str, home: Path) -> None:
        self.url = url
        self.home = home

    def query(self, expression: str, **parameters: Any) -> list[dict[str, Any]]:
        """The result of an instant query: labels and a value each. Raises for a bad one."""
        return list(self._asked("query", query=expression, **parameters)["result"])

    def value(self, expression: str, **parameters: Any) -> float:
        """The only number that a query gives."""
        (only,) = self.query(expression, **parameters)
        return float(only["value"][1])

    def exemplars(self, expression: str, start: float, end: float) -> list[dict[str, Any]]:
        """The exemplars of the series of a query."""
        return list(self._asked("query_exemplars", query=expression, start=start, end=end))

    def values(self, label: str, match: str) -> list[str]:
        """The values of a label of the series that a selector matches."""
        return list(self._asked(f"label/{label}/values", **{"match[]": match}))

    def targets(self) -> list[dict[str, Any]]:
        """What it scrapes, and how that went."""
        return list(self._asked("targets")["activeTargets"])

    def _asked(self, path: str, **parameters: Any) -> Any:
        answer = httpx.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30)
        told = answer.json()
        assert told["status"] == "success", (parameters, told)
        return told["data"]


@contextmanager
def prometheus(
    targets: Iterable[str],
    *,
    every: str = EVERY,
    rules: Iterable[Path] = (),
    features: str = FEATURES,
) -> Iterator[Prometheus]:
    """Run one that scrapes ``targets`` (host:port) from the first moment on.

    Debian's, with exemplars and native histograms on; without it the test is skipped.
    """
    program = system_program("prometheus")
    if program is None:
        pytest.skip("prometheus is not installed: apt-get install prometheus")
    port = free_port()
    with private_directory() as home:
        config = home / "prometheus.json"  # YAML's subset that Python writes
        config.write_text(
            json.dumps(
                {
                    "global": {"scrape_interval": every, "evaluation_interval": every},
                    "rule_files": [str(path) for path in rules],
                    "scrape_configs": [
                        {"job_name": "app", "static_configs": [{"targets": list(targets)}]}
                    ],
                }
            )
        )
        url = f"http://127.0.0.1:{port}"
        server: Command = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={home / 'data'}",
            f"--web.listen-address=127.0.0.1:{port}",
            f"--enable-feature={features}",
            "--log.level=error",
        ]
        with running(server, home, None, lambda: _is_ready(url), stop="KILL"):
            yield Prometheus(url, home)


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready").is_success
    except httpx.TransportError:
        return False
