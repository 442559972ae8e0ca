"""How many are too many: one below what is reported, that, and one more; for every kind."""

import contextlib
import sqlite3

import pytest
import requests
from sqlalchemy import select

import inprofile
from tests.integrations.answers import answers
from tests.nplusone.django_rows import judged, rows, tables  # noqa: F401
from tests.nplusone.judging import findings
from tests.nplusone.shop import Customer, Passport, on_session
from tests.nplusone.social.models import City, Post, User


def of(found):
    return [(one.kind, one.count, one.elements) for one in found]


def reported(kind, times, elements=None):
    return [(kind, times, times if elements is None else elements)]


@pytest.fixture
def db():
    inprofile.instrument()
    with contextlib.closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE t (id INTEGER, v INTEGER)")
        yield db


def read(db, values):
    for value in values:
        db.execute("SELECT v FROM t WHERE id = ?", (value,)).fetchone()


def written(db, values):
    for value in values:
        db.execute("UPDATE t SET v = 1 WHERE id = ?", (value,))


@pytest.mark.parametrize("run", [read, written])
def test_a_statement_is_reported_from_the_third_on(run, db):
    assert of(findings(run, db, [1])) == []
    assert of(findings(run, db, [1, 2])) == []
    assert of(findings(run, db, [1, 2, 3])) == reported("n_plus_one", 3)
    assert of(findings(run, db, [1, 2, 3, 4])) == reported("n_plus_one", 4)


def test_a_statement_that_is_repeated_is_reported_as_that(db):
    assert of(findings(read, db, [1])) == []
    assert of(findings(read, db, [1, 1])) == []
    assert of(findings(read, db, [1] * 6)) == reported("repeated_query", 6, 1)
    (finding,) = findings(read, db, [1] * 7)
    assert (finding.kind, finding.count, finding.relation) == ("repeated_query", 7, "")
    assert finding.fix == "run it once, before the loop"


def test_a_poll_a_retry_and_a_health_check_are_no_n_plus_one(db):
    def polled():
        times = 0
        while db.execute("SELECT v FROM t WHERE id = ?", (7,)).fetchone() is None:
            times += 1
            if times == 20:
                break

    def retried():
        for _ in range(3):
            with contextlib.suppress(sqlite3.OperationalError):
                db.execute("SELECT v FROM missing WHERE id = ?", (7,))

    def healthy():
        for _ in range(20):
            db.execute("SELECT 1")

    assert {one.kind for one in findings(polled)} <= {"repeated_query"}
    assert findings(retried) == []
    assert {one.kind for one in findings(healthy)} <= {"repeated_query"}


@pytest.mark.usefixtures("rows")
def test_a_relation_and_a_column_of_djangos_are_reported_from_the_second_on():
    def relation(times):
        for post in Post.objects.order_by("pk")[:times]:
            str(post.author.name)

    def many(times):
        for user in User.objects.order_by("pk")[:times]:
            list(user.posts.all())

    def column(times):
        for post in Post.objects.only("title").order_by("pk")[:times]:
            str(post.text)

    def row(times):
        for pk in User.objects.order_by("pk").values_list("pk", flat=True)[:times]:
            User.objects.get(pk=pk)

    for run in (relation, many, column, row):
        assert of(judged(lambda run=run: run(1))) == []
        assert of(judged(lambda run=run: run(2))) == reported("n_plus_one", 2)
        assert of(judged(lambda run=run: run(3))) == reported("n_plus_one", 3)


@pytest.mark.usefixtures("rows")
def test_other_statements_of_djangos_are_reported_from_the_third_on():
    def created(times):
        for n in range(times):
            City.objects.create(name=f"{n}")

    def asked(times):
        for n in range(times):
            City.objects.filter(name=f"city {n}").exists()

    for run in (created, asked):
        assert of(judged(lambda run=run: run(1))) == []
        assert of(judged(lambda run=run: run(3))) == reported("n_plus_one", 3)
        assert of(judged(lambda run=run: run(4))) == reported("n_plus_one", 4)


def test_a_relation_a_column_and_an_expired_object_of_sqlalchemys_likewise():
    def relation(session, times):
        for passport in session.scalars(select(Passport).limit(times)):
            passport.customer  # noqa: B018

    def column(session, times):
        for customer in session.scalars(select(Customer).limit(times)):
            customer.bio  # noqa: B018

    def expired(session, times):
        customers = session.scalars(select(Customer).limit(times)).all()
        session.commit()
        for customer in customers:
            customer.name  # noqa: B018

    for run in (relation, column, expired):
        for times in (1, 2, 3):
            found, _ = on_session(lambda session, run=run, times=times: run(session, times))
            assert of(found) == (reported("n_plus_one", times) if times > 1 else [])


def test_a_row_by_its_key_of_sqlalchemys_is_reported_from_the_third_on():
    def run(session, times):
        for n in range(1, times + 1):
            session.get(Customer, n)

    for times in (1, 3, 4):
        found, _ = on_session(lambda session, times=times: run(session, times))
        assert of(found) == (reported("n_plus_one", times) if times > 2 else [])


def test_a_request_is_reported_from_the_third_on():
    inprofile.instrument()

    def run(times):
        for i in range(times):
            requests.get(f"{server}/users/{i}")

    with answers() as server:
        assert of(findings(run, 1)) == []
        assert of(findings(run, 2)) == []
        assert of(findings(run, 3)) == reported("http_n_plus_one", 3)
        assert of(findings(run, 4)) == reported("http_n_plus_one", 4)


@pytest.mark.parametrize("name", ["redis", "valkey"])
def test_a_command_of_a_cache_is_reported_from_the_third_on(name, valkey_address):
    library = pytest.importorskip(name)
    inprofile.instrument()

    def run(client, times):
        for i in range(times):
            client.get(f"user:{i}")

    with library.from_url(valkey_address) as client:
        assert of(findings(run, client, 1)) == []
        assert of(findings(run, client, 2)) == []
        assert of(findings(run, client, 3)) == reported("cache_n_plus_one", 3)
        assert of(findings(run, client, 4)) == reported("cache_n_plus_one", 4)


def test_another_table_in_every_pass_is_silent(db):
    def run():
        for name in ("a", "b", "c", "d"):
            db.execute(f"CREATE TABLE {name} (id INTEGER)")
            db.execute(f"SELECT id FROM {name} WHERE id = ?", (1,))

    assert findings(run) == []
