"""A Django project that does everything, with a database and a template of its own."""

import tempfile
from pathlib import Path
from typing import Any

import django
from django.conf import settings
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import include, path

from tests.coexistence.work import everything, gathered

LINE = "inprofile.django.Middleware"
TOOLBAR = "debug_toolbar.middleware.DebugToolbarMiddleware"
PLACE = tempfile.TemporaryDirectory()

carriers: list[str] = []
"""The URL of the service that the views call."""

PAGE = "<html><body>{% for name in names %}{{ name }} {% endfor %}</body></html>"

settings.configure(
    SECRET_KEY="for tests alone",
    ROOT_URLCONF="tests.coexistence.django_site",
    ALLOWED_HOSTS=["*"],
    USE_TZ=True,
    INTERNAL_IPS=["127.0.0.1"],
    STATIC_URL="static/",
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "django.contrib.staticfiles",
        "debug_toolbar",
        "inprofile",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.middleware.common.CommonMiddleware",
    ],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(PLACE.name) / "site.sqlite3"),
        }
    },
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": False,
            "OPTIONS": {
                "loaders": [
                    ("django.template.loaders.locmem.Loader", {"page.html": PAGE}),
                    "django.template.loaders.app_directories.Loader",
                ]
            },
        }
    ],
    LOGGING_CONFIG=None,
)
django.setup()


def order(request, number):
    from django.contrib.auth.models import Group

    names = list(Group.objects.values_list("name", flat=True))
    response = HttpResponse(everything(number, carriers[-1]), content_type="application/json")
    response["x-order"] = f"{number} {names}"
    response.set_cookie("seen", "yes")
    return response


async def later(request):
    from django.contrib.auth.models import Group

    count = await Group.objects.acount()
    found = dict(await gathered(carriers[-1]))
    return HttpResponse(f"{count} {sorted(found.items())}")


def page(request):
    from django.contrib.auth.models import Group

    return render(request, "page.html", {"names": Group.objects.order_by("pk")})


def broken(request):
    raise RuntimeError("broken")


async def parts():
    for part in (b"one ", b"two"):
        yield part


def stream(request):
    sent: Any = parts() if hasattr(request, "scope") else iter([b"one ", b"two"])
    return StreamingHttpResponse(sent)


urlpatterns: list[Any] = [
    path("__debug__/", include("debug_toolbar.urls")),
    path("orders/<int:number>", order),
    path("later", later),
    path("page", page),
    path("broken", broken),
    path("stream", stream),
]


def carrier(url):
    """Call the service of this URL from now on; and have tables, with two rows."""
    from django.contrib.auth.models import Group
    from django.core.management import call_command

    carriers.append(url)
    if len(carriers) > 1:
        return
    call_command("migrate", verbosity=0)
    for name in ("one", "two"):
        Group.objects.create(name=name)
