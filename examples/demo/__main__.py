"""The demo from start to end: `scripts/demo`, or `python -m examples.demo`."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from rich.console import Console

from examples.demo import progress
from examples.demo.apps import APPS
from examples.demo.arguments import Arguments, parse
from examples.demo.children import Children, Stopped

START_S = 60.0
LOG_TAIL_LINES = 25


class Failed(Exception):
    """Something did not work; the message says what."""


class Demo:
    """One run of the demo."""

    def __init__(self, arguments: Arguments, directory: Path, children: Children) -> None:
        self.arguments = arguments
        self.app = APPS[arguments.app]
        self.children = children
        self.console = Console(highlight=False, soft_wrap=True)
        self.port = free_port(arguments.port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = directory / "app.log"
        self.profile = directory / "inprofile"
        self.profile.mkdir(mode=0o700)
        self.env = os.environ | {
            "SHOP_DATABASE": str(directory / "shop.sqlite3"),
            "INPROFILE_DIR": str(self.profile),
            "PYTHONUNBUFFERED": "1",
            "NO_PROXY": "127.0.0.1",  # the app, the driver and the app's call to itself
            "no_proxy": "127.0.0.1",
        }

    def run(self) -> None:
        """Start the app, drive traffic at it and print the report."""
        app = self.start_app()
        self.drive_traffic()
        if app.poll() is not None:
            raise Failed(f"the app ended during the traffic{self.log_tail()}")
        self.print_report()
        self.say_how_to_go_on()
        if self.arguments.serve:
            app.wait()
            raise Failed(f"the app ended by itself{self.log_tail()}")

    def start_app(self) -> subprocess.Popen[str]:
        """Seed the database and serve the app until it answers."""
        with self.log.open("w") as log:
            seed = self.children.start([sys.executable, *self.app.seed], self.env, log)
            if seed.wait():
                raise Failed(f"the database could not be seeded{self.log_tail()}")
            command = self.app.serve_at(self.port, self.arguments.workers)
            app = self.children.start([sys.executable, *command], self.env, log)
        end = time.monotonic() + START_S
        while not answers(self.url + self.app.health):
            if app.poll() is not None:
                raise Failed(f"the app failed to start{self.log_tail()}")
            if time.monotonic() > end:
                raise Failed(f"the app did not answer within {START_S:.0f} s{self.log_tail()}")
            time.sleep(0.1)
        self.console.print(
            f"Serving {self.app.place} at {self.url} (workers: {self.arguments.workers})"
        )
        return app

    def drive_traffic(self) -> None:
        """Run the load driver and show how far it is."""
        arguments = [self.arguments.app, self.url, str(self.arguments.seconds)]
        command = [sys.executable, "-m", "examples.demo.driver", *arguments]
        driver = self.children.start(command, self.env, subprocess.PIPE)
        driven = progress.show(self.console, driver.stdout or (), self.arguments.seconds)
        if driver.wait():
            raise Failed(f"the load driver ended with exit code {driver.returncode}")
        if driven.unexpected:
            outcomes = ", ".join(f"{n} x {what}" for what, n in sorted(driven.unexpected.items()))
            self.console.print(f"Unexpected responses: {outcomes}{self.log_tail()}")

    def print_report(self) -> None:
        """Let inprofile tell what it saw."""
        report = self.children.start([sys.executable, "-m", "inprofile", "report"], self.env)
        if report.wait():
            raise Failed(f"the report ended with exit code {report.returncode}")

    def say_how_to_go_on(self) -> None:
        """Print where the numbers are."""
        if self.arguments.serve:
            words = [sys.executable, "-m", "inprofile", "report", "--dir", str(self.profile)]
            self.console.print(
                f"App:      {self.url}\n"
                f"Metrics:  {self.url}/metrics\n"
                f"Report:   {shlex.join(words)}\n"
                "Stop with Ctrl-C."
            )
        else:
            name = "" if self.arguments.app == "fastapi" else f" {self.arguments.app}"
            self.console.print(
                f"Metrics were at {self.url}/metrics."
                f" To keep the app running: scripts/demo{name} --serve"
            )

    def log_tail(self) -> str:
        """Return the end of the app's log, to stand below a message."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "\n".join(["; the end of its log:", *(f"  {line}" for line in lines)])


def free_port(wanted: int | None) -> int:
    """Return the wanted port if it is free, or any free port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", wanted or 0))
        except OSError as error:
            raise Failed(f"cannot listen on port {wanted}: {error.strerror}") from None
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    """Tell whether this URL answers with success."""
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.TransportError:
        return False


def main(words: Sequence[str]) -> int:
    """Run the demo and return its exit code."""
    arguments = parse(words)
    try:
        with (
            TemporaryDirectory(prefix="inprofile-demo-", ignore_cleanup_errors=True) as directory,
            Children() as children,
        ):
            Demo(arguments, Path(directory), children).run()
    except Failed as failure:
        print(f"scripts/demo: {failure}", file=sys.stderr)
        return 1
    except Stopped as stopped:
        print(f"Stopped by {signal.Signals(stopped.signal_number).name}", file=sys.stderr)
        return 128 + stopped.signal_number
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
