"""The shop's commands: `python -m examples.django_app.manage seed`, `... runserver`."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_app.settings"
    execute_from_command_line(sys.argv)
