"""The shop for gunicorn: `gunicorn examples.django_app.wsgi --threads 16`."""

import os

from django.core.wsgi import get_wsgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_app.settings"
application = get_wsgi_application()
