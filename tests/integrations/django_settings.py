"""The settings of the tests' Django site: a process has only one. Imported by conftest.py."""

import tempfile
from pathlib import Path

import django
from django.conf import settings

PLACE = tempfile.TemporaryDirectory()
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "tests.integrations.django_site.plain",
    "tests.integrations.django_site.Refusing",
]

if not settings.configured:
    settings.configure(
        SECRET_KEY="for tests alone",
        ROOT_URLCONF="tests.integrations.django_site",
        ALLOWED_HOSTS=["*"],
        USE_TZ=True,
        DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
        LANGUAGES=[("en", "English"), ("de", "Deutsch")],
        INSTALLED_APPS=[
            "django.contrib.contenttypes",
            "django.contrib.auth",
            "django.contrib.sessions",
            "inprofile",
            "tests.integrations.bookshop",
            "tests.nplusone.social",
        ],
        MIDDLEWARE=MIDDLEWARE,
        DATABASES={
            "default": {
                "ENGINE": "django.db.backends.sqlite3",
                "NAME": str(Path(PLACE.name) / "site.sqlite3"),
            }
        },
        TEMPLATES=[
            {
                "BACKEND": "django.template.backends.django.DjangoTemplates",
                "OPTIONS": {
                    "loaders": [
                        (
                            "django.template.loaders.locmem.Loader",
                            {
                                "page.html": "{% extends 'base.html' %}{% block a %}{{ n }}"
                                "{% include 'part.html' %}{% endblock %}",
                                "base.html": "<{% block a %}{% endblock %}>",
                                "part.html": "part",
                            },
                        )
                    ]
                },
            }
        ],
    )
    django.setup()
