"""Rows of the bookshop for the scenarios, and what a run asks the database for."""

from contextlib import contextmanager

from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

import inprofile
from tests.integrations.bookshop.models import Profile, Publisher, Tag, Volume, Writer
from tests.nplusone.judging import findings, marked, place, same_code

ROWS = 4

PUBLISHER = {"relation": "Volume.publisher", "fix": 'select_related("publisher")'}
WRITERS = {"relation": "Publisher.writers", "fix": 'prefetch_related("writers")'}
PROFILE = {"relation": "Writer.profile", "fix": 'prefetch_related("writers__profile")'}
COUNT = {"fix": 'annotate(Count("writers"))'}


@contextmanager
def filled():
    """As many volumes, publishers, writers and profiles: each volume has a publisher of its own."""
    for options in ({}, {"run_syncdb": True}):  # whose tables refer to those of the first
        call_command("migrate", verbosity=0, **options)
    publishers = [Publisher.objects.create(name=f"house {n}") for n in range(ROWS)]
    for n, publisher in enumerate(publishers):
        writer = Writer.objects.create(name=f"writer {n}", publisher=publisher)
        Profile.objects.create(writer=writer, text=f"text {n}")
        volume = Volume.objects.create(title=f"volume {n}", publisher=publisher)
        volume.writers.add(writer, *Writer.objects.filter(name="writer 0"))
        volume.tags.create(word=f"tag {n}")
    try:
        yield
    finally:
        for model in (Tag, Profile, Volume, Writer, Publisher):
            model.objects.all().delete()
        connection.close()


def statements(run):
    """What a call asks the database for."""
    with CaptureQueriesContext(connection) as queries:
        run()
    return [query["sql"] for query in queries]


def judged(run, *sources, times=ROWS, relation="", fix=""):
    """The only finding of a call, whose lines are those marked in ``sources``."""
    inprofile.uninstrument()
    without = statements(run)
    inprofile.instrument()
    found = []
    within = statements(lambda: found.extend(findings(run)))
    assert within == without
    assert len(without) >= times
    (finding,) = found
    marks = marked(*sources)
    assert (finding.kind, finding.count) == ("n_plus_one", times)
    assert place(finding.query) == marks["Q"]
    assert place(finding.loop) == marks.get("L")
    assert finding.relation == relation
    assert same_code(finding.fix, fix)
    return finding
