"""``inprofile rules``: Prometheus rules for the objectives in the settings."""

import click

from inprofile.cli.output import emit
from inprofile.rules.generated import groups
from inprofile.rules.rule import written
from inprofile.settings import Settings

EPILOG = """\b
Examples:
  INPROFILE_SLO='p95<300ms,errors<1%' inprofile rules > inprofile.rules.yml
  INPROFILE_SLO_FILE=slo.toml inprofile rules | promtool check rules /dev/stdin

\b
Exit codes:
  0  ok
  2  wrong usage, or a setting that cannot be
"""
NO_OBJECTIVES = (
    "inprofile: there are no objectives, so there is nothing about burn rates: "
    "INPROFILE_SLO='p95<300ms,errors<1%' sets some"
)


@click.command(epilog=EPILOG)
def rules() -> None:
    """Print recording and alerting rules for Prometheus.

    With the objectives of INPROFILE_SLO and of the file INPROFILE_SLO_FILE: how fast each is
    missed, over seven windows, and alerts in four pairs of them. And alerts about a blocked event
    loop, a new N+1, an exhausted pool, and a version that is slower than the one before it.
    """
    settings = Settings.load()
    if not settings.slo and settings.slo_file is None:
        click.echo(NO_OBJECTIVES, err=True)
    emit(written(groups(settings)))
