"""The settings of the launched Django site, whose one line is there if $LINE says so."""

import os

SECRET_KEY = "for tests alone"
ROOT_URLCONF = "tests.launching.django_site"
ALLOWED_HOSTS = ["*"]
MIDDLEWARE = ["inprofile.django.Middleware"] if "LINE" in os.environ else []
DEBUG = True
