"""The tests' Django site as a server gets it, with the one line in its settings."""

import os

from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application

from tests.integrations import django_settings

settings.MIDDLEWARE = ["inprofile.django.Middleware", *django_settings.MIDDLEWARE]

if __name__ == "__main__":
    import sys

    execute_from_command_line(sys.argv)
elif os.environ.get("SERVED_BY") == "asgi":
    application = get_asgi_application()
else:
    application = get_wsgi_application()
