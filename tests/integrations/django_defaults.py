"""Settings for Django modules that cannot be imported without: the defaults, and their app."""

INSTALLED_APPS = ["django.contrib.contenttypes"]
