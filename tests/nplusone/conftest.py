"""Django's settings, of which a process has only one."""

from importlib import import_module

import_module("tests.integrations.django_settings")
