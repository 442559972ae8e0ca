"""The shop for uvicorn: `uvicorn examples.django_app.asgi:application --lifespan off`."""

import os

from django.core.asgi import get_asgi_application

os.environ["DJANGO_SETTINGS_MODULE"] = "examples.django_app.settings"
application = get_asgi_application()
