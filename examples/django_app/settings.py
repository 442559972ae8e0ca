"""The shop's settings, most of them Django's usual ones."""

import os

from examples.django_app.database import database
from examples.shop.fixes import fixed

SECRET_KEY = os.environ.get("SECRET_KEY", "nothing is secret in this shop")
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "examples.django_app.urls"
APPEND_SLASH = False

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.messages",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "rest_framework",
    "inprofile",
    "examples.django_app.apps.ShopConfig",
]
MIDDLEWARE = [
    "inprofile.django.Middleware",
    "django.middleware.security.SecurityMiddleware",
    "examples.django_app.request_id.request_id",
    "django.middleware.gzip.GZipMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]
STATIC_URL = "static/"

DATABASES = {"default": database(os.environ)}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
USE_TZ = False
TIME_ZONE = "UTC"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["examples.django_app.sign_in.CustomerHeader"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "UNAUTHENTICATED_USER": None,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {"examples.django_app": {"handlers": ["stderr"], "level": "INFO"}},
}

if not fixed("sync_db_on_loop"):
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"  # Django would refuse the defect otherwise
