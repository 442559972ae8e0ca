"""``inprofile run``: a program as it is, measured without a line in it."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import click

from inprofile.settings import OPTIONS, variable

BOOTSTRAP = Path(__file__).parents[1] / "bootstrap"
"""The directory whose sitecustomize every Python program imports that finds it on its path."""

NOT_EXECUTABLE, NOT_FOUND = 126, 127
"""What a shell ends with where it cannot run a program."""

HEAD_BYTES = 512
"""Of a program's file, read for the name of its interpreter."""

EPILOG = """\b
Examples:
  inprofile run -- uvicorn shop:app --workers 4
  inprofile run --sample-rate 0.1 -- gunicorn shop.wsgi
  inprofile run -- celery -A shop worker
  inprofile run -- python manage.py runserver
  inprofile run -- python -m shop.import_orders

\b
Exit codes: those of the program; 127 when there is none of that name, 126 when it cannot be
run, 2 wrong usage.
"""


def _settings(command: Callable[..., None]) -> Callable[..., None]:
    """Give ``command`` an option for each setting, which is passed on as its variable."""
    for name, option in reversed(OPTIONS.items()):
        command = click.option(
            f"--{name.replace('_', '-')}",
            name,
            metavar="VALUE",
            help=f"{option.metadata['doc']} [{variable(name)}]",
            callback=_checked,
        )(command)
    return command


def _checked(_: click.Context, option: click.Parameter, text: str | None) -> str | None:
    rule = OPTIONS[option.name or ""].metadata["rule"]
    if text is not None:
        try:
            rule.parse(text)
        except (ValueError, OverflowError) as error:
            message = f"{text!r} is not allowed: it takes {rule.allowed}"
            raise click.BadParameter(message) from error
    return text


@click.command(
    epilog=EPILOG,
    context_settings={"allow_interspersed_args": False, "max_content_width": 100},
    options_metavar="[OPTIONS] [--]",
)
@_settings
@click.argument("program", metavar="PROGRAM")
@click.argument("arguments", metavar="[ARGUMENTS]...", nargs=-1, type=click.UNPROCESSED)
def run(program: str, arguments: tuple[str, ...], **settings: str | None) -> NoReturn:
    """Run a Python program as it is, and measure its requests, tasks and jobs.

    Every FastAPI, Starlette, Flask, Django and Celery application is measured, and any other one
    that uvicorn or gunicorn serves, in this process and in those that it starts. What the program
    says to inprofile.instrument() wins over the options' defaults, and the options over that.
    """
    given = {variable(name): text for name, text in settings.items() if text is not None}
    environment = {**os.environ, **given, "PYTHONPATH": _python_path()}
    command = [*_found(program), *arguments]
    sys.stdout.flush()
    try:
        os.execve(command[0], command, environment)  # noqa: S606 - that is what it is for
    except OSError as error:
        raise _Failure(f"cannot run {program}: {error.strerror}", NOT_EXECUTABLE) from error


def _python_path() -> str:
    """PYTHONPATH with our directory in front; an empty part of it would be the current one."""
    already = [part for part in os.environ.get("PYTHONPATH", "").split(os.pathsep) if part]
    return os.pathsep.join([str(BOOTSTRAP), *(each for each in already if each != str(BOOTSTRAP))])


def _found(program: str) -> list[str]:
    """The command that ``program`` stands for: on PATH, or beside our own Python, or a script."""
    beside = str(Path(sys.executable).parent)
    file = shutil.which(program) or (
        shutil.which(program, path=beside) if _is_name(program) else ""
    )
    if file:
        _warn_unless_python(program, Path(file))
        return [file]
    if not Path(program).is_file():
        raise _Failure(f"there is no program {program}: is its environment active?", NOT_FOUND)
    if not program.endswith(".py"):
        raise _Failure(f"{program} cannot be executed: chmod +x?", NOT_EXECUTABLE)
    return [sys.executable, program]


def _is_name(program: str) -> bool:
    return os.sep not in program


def _warn_unless_python(program: str, file: Path) -> None:
    if "python" in file.resolve().name:
        return
    try:
        with file.open("rb") as opened:
            head = opened.read(HEAD_BYTES)
    except OSError:
        return  # who may execute it need not be allowed to read it
    if not head.startswith(b"#!") or b"python" not in head:
        click.echo(
            f"inprofile: {program} is no Python program: what it starts in Python is measured",
            err=True,
        )


class _Failure(click.ClickException):
    def __init__(self, message: str, exit_code: int) -> None:
        super().__init__(message)
        self.__dict__["exit_code"] = exit_code
