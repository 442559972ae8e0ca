"""The ``inprofile`` command: its subcommands, and how their failures are told."""

from collections.abc import Sequence

import click

from inprofile import SettingsError, __version__
from inprofile.cli.report import report
from inprofile.cli.rules import rules
from inprofile.cli.run import run as run_program
from inprofile.cli.status import status
from inprofile.report.groups import CannotRead, NothingToReport

NOTHING, FAILED = 1, 2

EPILOG = """\b
Examples:
  inprofile status     which apps are measured on this machine
  inprofile report     where the time of their requests goes
  inprofile rules      Prometheus rules for what you promise
  inprofile run -- uvicorn shop:app     measure an app without a line in it

\b
Exit codes: 0 ok, 1 nothing to report, 2 wrong usage or unreadable.
"""


@click.group(epilog=EPILOG)
@click.version_option(__version__, prog_name="inprofile")
def command() -> None:
    """Say where the time of each request goes, why, and what to change."""


command.add_command(report)
command.add_command(rules)
command.add_command(run_program)
command.add_command(status)


def run(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; never raises for what users do."""
    try:
        outcome = command.main(arguments, prog_name="inprofile", standalone_mode=False)
    except NothingToReport as nothing:
        click.echo(f"inprofile: {nothing}", err=True)
        return NOTHING
    except (CannotRead, SettingsError) as problem:
        click.echo(f"inprofile: {str(problem).removeprefix('inprofile: ')}", err=True)
        return FAILED
    except click.ClickException as problem:
        problem.show()
        return problem.exit_code
    except click.Abort:
        return 130
    return outcome if isinstance(outcome, int) else 0
