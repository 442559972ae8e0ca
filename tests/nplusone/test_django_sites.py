"""Django's sites, content types and permissions: filling the caches of a framework is no N+1."""

import os
from pathlib import Path

import inprofile
from tests import child

PROGRAM = """
import json
import inprofile

inprofile.instrument()
import django
from django.conf import settings

settings.configure(
    ALLOWED_HOSTS=["*"],
    INSTALLED_APPS=[
        "django.contrib.contenttypes", "django.contrib.auth", "django.contrib.sites"
    ],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.contrib.sites.models import Site
from django.core.management import call_command
from django.db import connection
from django.test import RequestFactory, override_settings
from django.test.utils import CaptureQueriesContext

from inprofile.testing import record

call_command("migrate", verbosity=0, run_syncdb=True)
for n in range(4):
    Site.objects.create(domain=f"s{n}.test", name=f"{n}")
    User.objects.create(username=f"{n}")


def sites_of_requests():
    for n in range(4):
        Site.objects.get_current(RequestFactory(SERVER_NAME=f"s{n}.test").get("/"))


def sites_of_settings():
    for n in range(1, 5):
        with override_settings(SITE_ID=n):
            Site.objects.get_current()


def permissions():
    for user in users:
        user.has_perm("auth.add_user")
        user.get_all_permissions()


def content_types():
    for pk in pks:
        ContentType.objects.get_for_id(pk)


def sites_by_hand():
    for n in range(1, 5):
        Site.objects.get(pk=n)


users = list(User.objects.all())
pks = list(ContentType.objects.values_list("pk", flat=True))
told = []
for run in (sites_of_requests, sites_of_settings, permissions, content_types, sites_by_hand):
    Site.objects.clear_cache()
    ContentType.objects.clear_cache()
    with CaptureQueriesContext(connection) as sent, record() as recording:
        run()
    told.append([len(sent) >= 4, [(one.kind, one.count) for one in recording.findings]])
print(json.dumps(told))
"""


def test_caches_are_filled_one_by_one_and_lookups_by_hand_are_found(tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    found_in = Path(__file__).parents[2], Path(inprofile.__file__).parents[1]
    places = {"PYTHONPATH": os.pathsep.join(map(str, found_in)), "INPROFILE_DIR": tmp_path / "g"}
    *filled, by_hand = child.run(file, **places)
    assert filled == [[True, []]] * 4
    assert by_hand == [True, [["n_plus_one", 4]]]
