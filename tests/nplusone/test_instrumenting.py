"""Whether the frameworks are imported before or after us, and once or twice: the same is found."""

import os
from pathlib import Path

import pytest

import inprofile
from tests import child

PROGRAM = """
import json, sys
import inprofile

when = sys.argv[1]
if when != "after":
    inprofile.instrument()
if when == "twice":
    inprofile.instrument()
import django
from django.conf import settings

settings.configure(
    INSTALLED_APPS=["django.contrib.contenttypes", "tests.nplusone.social"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
import requests, sqlite3
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from sqlalchemy import create_engine, event, select
from sqlalchemy.orm import Session
from sqlalchemy.pool import StaticPool

from inprofile.testing import record
from tests.integrations.answers import answers, asked
from tests.nplusone.shop import Passport, fill
from tests.nplusone.social.models import City, Profile, User

if when != "before":
    inprofile.instrument()
if when == "twice":
    inprofile.instrument()

call_command("migrate", verbosity=0, run_syncdb=True)
for n in range(4):
    city = City.objects.create(name=f"{n}")
    Profile.objects.create(user=User.objects.create(name=f"{n}"), city=city)
engine = create_engine("sqlite://", poolclass=StaticPool)
with engine.begin() as connected:
    fill(connected)
db = sqlite3.connect(":memory:")
db.execute("CREATE TABLE t (id INTEGER)")
sent = []


def of_django():
    with CaptureQueriesContext(connection) as queries:
        for profile in Profile.objects.all():
            profile.city.name
    sent.append(len(queries))


def of_sqlalchemy():
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *_: seen.append(1))
    with Session(engine) as session:
        for passport in session.scalars(select(Passport)):
            passport.customer
    sent.append(len(seen))


def of_a_driver():
    seen = []
    db.set_trace_callback(seen.append)
    for n in range(4):
        db.execute("SELECT id FROM t WHERE id = ?", (n,))
    sent.append(len(seen))


def of_a_client():
    with answers() as url:
        for n in range(4):
            requests.get(f"{url}/users/{n}")
    sent.append(len(asked))


found = []
for run in (of_django, of_sqlalchemy, of_a_driver, of_a_client):
    with record() as recording:
        run()
    lines = run.__code__.co_firstlineno
    found.append([
        (one.kind, one.relation, one.count, one.elements, one.fix.split(" on ")[0],
         one.loop.function, one.loop.line - lines, one.query.line - lines)
        for one in recording.findings
    ])
print(json.dumps([found, sent]))
"""


@pytest.mark.parametrize("when", ["before", "after", "twice"])
def test_what_is_found_depends_on_no_order(when, tmp_path):
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    found_in = Path(__file__).parents[2], Path(inprofile.__file__).parents[1]
    places = {"PYTHONPATH": os.pathsep.join(map(str, found_in)), "INPROFILE_DIR": tmp_path / "g"}
    found, sent = child.run(file, when, **places)
    assert sent == [5, 5, 4, 4]
    assert [[one[:4] for one in each] for each in found] == [
        [["n_plus_one", "Profile.city", 4, 4]],
        [["n_plus_one", "Passport.customer", 4, 4]],
        [["n_plus_one", "", 4, 4]],
        [["http_n_plus_one", "", 4, 4]],
    ]
    assert [each[0][4] for each in found][:3] == [
        'select_related("city")',
        "joinedload(Passport.customer)",
        "WHERE id IN (?, ?, ...)",
    ]
    assert [each[0][5:] for each in found] == [
        ["of_django", 2, 3],
        ["of_sqlalchemy", 4, 5],
        ["of_a_driver", 3, 4],
        ["of_a_client", 2, 3],
    ]
