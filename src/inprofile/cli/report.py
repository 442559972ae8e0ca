"""``inprofile report``: where the time of a group's requests goes."""

from pathlib import Path

import click

from inprofile import __version__
from inprofile.cli import place
from inprofile.cli.output import drawn, emit
from inprofile.report import groups, markdown, plain, text

EPILOG = """\b
Examples:
  inprofile report
  inprofile report --group shop --top 10
  inprofile report --format json | jq '.requests.routes[0]'
  inprofile report --format md > report.md

\b
Exit codes:
  0  a report was printed
  1  nothing to report: no group, or no request yet
  2  wrong usage, or what is there cannot be read
"""


@click.command(epilog=EPILOG)
@click.option("--dir", "directory", type=click.Path(path_type=Path), help=place.HELP)
@click.option("--group", "name", default="", help="A group's name, or how only its name begins.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="JSON has all facts, whatever --top says.",
)
@click.option(
    "--top",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Routes whose stages are shown, and rows of each list.",
)
def report(directory: Path | None, name: str, form: str, top: int) -> None:
    """Print where the time of each request goes.

    Reads what all workers of a group have counted, living and ended. Without --group it takes
    the live group that was active last, or else the newest that has ended.
    """
    looked_in, wanted = place.place(directory, name)
    chosen = groups.choose(groups.find(looked_in), wanted)
    facts = groups.read(chosen.group)
    if chosen.remark:
        click.echo(f"inprofile: {chosen.remark}", err=True)
    if form == "json":
        emit(plain.render(facts, __version__))
    elif form == "md":
        emit(markdown.render(facts, top))
    else:
        emit(drawn(lambda console: text.write(facts, console, top)))
