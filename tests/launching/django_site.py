"""A Django site as a server gets it, and as manage.py."""

import os

from django.core.asgi import get_asgi_application
from django.core.management import execute_from_command_line
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("pid", lambda _request: HttpResponse(str(os.getpid())))]

if __name__ == "__main__":
    import sys

    execute_from_command_line(sys.argv)
else:
    asgi = get_asgi_application()
    wsgi = get_wsgi_application()
