"""``manage.py inprofile``: the command line, ``report``, ``status`` and the others."""

import sys

from django.core.management.base import BaseCommand

from inprofile.__main__ import main


class Command(BaseCommand):
    """Hands what follows ``manage.py inprofile`` to the ``inprofile`` command as it is."""

    help = "Says where the time of each request goes: report, status; --help says the rest."

    def run_from_argv(self, argv: list[str]) -> None:
        """Run the command line and end with its exit code."""
        sys.argv = [" ".join(argv[:2]), *argv[2:]]
        sys.exit(main())
