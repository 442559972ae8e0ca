"""Django on MySQL: it works as it did, and each statement counts once, whoever times it."""

import importlib.util
from pathlib import Path

import pytest

from inprofile.integrations._sql_mask import mask
from tests import child

PROGRAM = """
import json, sys
driver, door, user, database = sys.argv[1:]
if driver == "pymysql":
    import pymysql
    pymysql.install_as_MySQLdb()

import inprofile
from inprofile.testing import record

import django
from django.conf import settings
settings.configure(DATABASES={"default": {
    "ENGINE": "django.db.backends.mysql", "HOST": door, "USER": user, "NAME": database,
}})
django.setup()
from django.db import IntegrityError, connection, models, transaction
from django.test.utils import CaptureQueriesContext

class Author(models.Model):
    name = models.CharField(max_length=50, unique=True)
    class Meta:
        app_label = "library"

def conversation():
    author = Author.objects.create(name="one")
    Author.objects.bulk_create([Author(name=f"many {n}") for n in range(3)])
    yield list(Author.objects.order_by("id").values_list("name", flat=True))
    yield Author.objects.filter(name__startswith="many").count()
    yield [one.name for one in Author.objects.order_by("name").iterator(chunk_size=2)]
    author.name = "changed"
    author.save()
    try:
        with transaction.atomic():
            Author.objects.create(name="changed")
    except IntegrityError as error:
        yield repr(error.args)
    with transaction.atomic():
        yield Author.objects.select_for_update().get(name="changed").pk == author.pk
        Author.objects.exclude(pk=author.pk).delete()
    with connection.cursor() as cursor:
        cursor.execute('SELECT name, "secret" FROM library_author WHERE name = %s', ["changed"])
        yield cursor.fetchone(), cursor.fetchmany(2), cursor.fetchall()
        cursor.executemany("UPDATE library_author SET name = %s", [["a"], ["b"]])
        cursor.execute("SELECT name FROM library_author")
        yield list(cursor)
    yield Author.objects.all().delete()[0]

def talk():
    sent = []
    def send(execute, sql, params, many, context):
        sent.append(sql)
        return execute(sql, params, many, context)
    with connection.execute_wrapper(send), CaptureQueriesContext(connection) as seen:
        results = [repr(each) for each in conversation()]
    commits = [each["sql"] for each in seen].count("COMMIT")
    return results, sent, commits

with connection.schema_editor() as editor:
    editor.create_model(Author)
try:
    without = talk()
    with record() as recorded, inprofile.job("work"):
        within = talk()
        status = inprofile.status()
    trace = recorded.trace
finally:
    with connection.schema_editor() as editor:
        editor.delete_model(Author)
connection.close()
found = [span for span in trace.spans if span.kind == "db" for _ in range(span.count)]
print(json.dumps({
    "module": connection.Database.__name__,
    "same": within == without,
    "results": within[0],
    "sent": within[1],
    "commits": within[2],
    "counted": [str(span.name) for span in found],
    "systems": sorted({span.attributes["db.system.name"] for span in found}),
    "adds up": sum(trace.stages.values()) == trace.wall_ns,
    "errors": status["errors"],
    "missing": status["missing"],
}))
"""
VERBS = {"BEGIN", "COMMIT", "ROLLBACK", "SET AUTOCOMMIT"}


@pytest.mark.parametrize("driver", ["MySQLdb", "pymysql"])
def test_django_works_and_each_statement_counts_once(driver, mariadb, tmp_path):
    if importlib.util.find_spec(driver) is None:
        pytest.skip("mysqlclient is not installed")
    root = Path(__file__).parents[2]
    told = child.run(PROGRAM, driver, *mariadb, PYTHONPATH=root, INPROFILE_DIR=tmp_path)
    sent, counted = told.pop("sent"), told.pop("counted")
    commits = told.pop("commits")
    assert len(told.pop("results")) == 8
    assert told == {
        "module": driver,
        "same": True,
        "systems": ["mysql"],
        "adds up": True,
        "errors": 0,
        "missing": [],
    }
    statements = [name for name in counted if name not in VERBS]
    assert statements == [mask(statement, "mysql") for statement in sent]
    assert counted.count("COMMIT") == commits > 0
    assert counted.count("ROLLBACK") == 1
