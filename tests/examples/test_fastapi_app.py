"""Every route of the shop, asked over real sockets while the app runs in this process."""

import importlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from sqlalchemy import Engine, event
from websockets.sync.client import connect

import inprofile
from examples.fastapi_app import seed
from examples.shop import fixes
from tests.examples.shop_rows import ADA_ORDERED, CARD, LAMP, NEW_ORDER

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def seeded(tmp_path_factory):
    path = tmp_path_factory.mktemp("shop") / "shop.sqlite3"
    assert seed.seed(path)
    return path


@contextmanager
def serving(app):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="on", loop="asyncio"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while thread.is_alive() and not server.started:
                time.sleep(0.005)
            yield url
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def shop(seeded, tmp_path, monkeypatch):
    """A client of the freshly seeded shop."""
    database = shutil.copy(seeded, tmp_path / "shop.sqlite3")
    monkeypatch.setenv("SHOP_DATABASE", str(database))
    monkeypatch.setenv("INPROFILE_DIR", str(tmp_path / "inprofile"))
    monkeypatch.delenv("SHOP_FIX", raising=False)
    app = importlib.import_module("examples.fastapi_app.main").app
    inprofile.instrument(app)  # the import did it only the first time
    try:
        with serving(app) as url, httpx.Client(base_url=url, trust_env=False) as client:
            yield client
    finally:
        inprofile.uninstrument(app)


@contextmanager
def counted_statements():
    """A list that grows by every statement SQLAlchemy sends."""
    statements: list[str] = []

    def count(_connection, _cursor, statement, *_):
        statements.append(statement)

    event.listen(Engine, "before_cursor_execute", count)
    try:
        yield statements
    finally:
        event.remove(Engine, "before_cursor_execute", count)


def test_orders_are_listed_with_their_lines_newest_first(shop):
    page = {"status": "returned", "limit": 1, "offset": 3}
    assert shop.get("/api/v1/orders", params=page).json() == [ADA_ORDERED]
    newest = shop.get("/api/v1/orders").json()
    assert [order["id"] for order in newest] == list(range(2500, 2480, -1))


def test_an_order_is_shown_with_its_lines(shop):
    assert shop.get("/api/v1/orders/2469").json() == ADA_ORDERED


@pytest.mark.parametrize("path", ["/api/v1/orders?limit=20", "/api/v1/orders/2469"])
def test_the_fix_for_n_plus_one_changes_the_queries_and_not_the_answer(shop, monkeypatch, path):
    with counted_statements() as naive:
        before = shop.get(path).json()
    monkeypatch.setenv("SHOP_FIX", "orders_n_plus_one")
    with counted_statements() as few:
        after = shop.get(path).json()
    assert after == before
    assert len(few) <= 4 < len(naive)


@pytest.mark.parametrize(
    "path",
    [
        "/api/v1/orders/7/split_shipping",
        "/api/v1/products?category=garden",
        "/api/v1/products/search?q=lamp",
        "/api/v1/products/popular",
        "/api/v1/products/17/buyers",
        "/api/v1/products/17/label",
        "/admin/stats",
    ],
)
def test_the_repairs_do_not_change_the_answer(shop, monkeypatch, path):
    before = shop.get(path).raise_for_status().content
    monkeypatch.setenv("SHOP_FIX", ",".join(fixes.FIXES))
    assert shop.get(path).raise_for_status().content == before


def test_the_fix_for_row_by_row_writes_sends_one_statement(shop, monkeypatch):
    dearer = {"category": "garden", "cents": 0}
    with counted_statements() as naive:
        before = shop.post("/api/v1/products/reprice", json=dearer).json()
    monkeypatch.setenv("SHOP_FIX", "row_by_row_writes")
    with counted_statements() as few:
        after = shop.post("/api/v1/products/reprice", json=dearer).json()
    assert after == before == {"repriced": 20}
    assert (len(few), len(naive)) == (1, 21)


def test_the_fix_for_over_fetching_leaves_the_description_in_the_database(shop, monkeypatch):
    with counted_statements() as naive:
        shop.get("/api/v1/products/search?q=lamp")
    monkeypatch.setenv("SHOP_FIX", "over_fetching")
    with counted_statements() as few:
        shop.get("/api/v1/products/search?q=lamp")
    assert ["description" in statement for statement in naive + few] == [True, False]


def test_the_fix_for_the_huge_payload_answers_with_the_newest_orders(shop, monkeypatch):
    everything = shop.get("/api/v1/orders/archive").json()
    assert len(everything) == 2500
    monkeypatch.setenv("SHOP_FIX", "huge_payload")
    assert shop.get("/api/v1/orders/archive").json() == everything[:100]


@pytest.mark.parametrize("repaired", ["", "connection_held"])
def test_an_order_is_dispatched_with_a_price_from_the_carrier(shop, monkeypatch, repaired):
    monkeypatch.setenv("SHOP_FIX", repaired)
    order = ADA_ORDERED["id"]
    dispatched = shop.post(f"/api/v1/orders/{order}/dispatch").json()
    assert dispatched == shop.get(f"/api/v1/orders/{order}/shipping").json()
    shown = shop.get(f"/api/v1/orders/{order}").json()
    assert shown == ADA_ORDERED | {"status": "shipped"}


def test_the_fix_for_slow_logging_logs_only_how_many_orders_were_listed(shop, monkeypatch, caplog):
    shop.get("/api/v1/orders?limit=1")
    naive = [record.getMessage() for record in caplog.records if "listed" in record.getMessage()]
    assert naive[0].startswith("order 2500 listed: {")
    caplog.clear()
    monkeypatch.setenv("SHOP_FIX", "slow_logging")
    shop.get("/api/v1/orders?limit=1")
    few = [record.getMessage() for record in caplog.records if "listed" in record.getMessage()]
    assert few == ["1 orders listed"]


def test_the_fix_for_the_missing_index_makes_one(seeded, tmp_path, monkeypatch):
    path = shutil.copy(seeded, tmp_path / "shop.sqlite3")
    question = "SELECT count(*) FROM sqlite_master WHERE name = 'item_product'"
    counts = []
    for repaired in ("", "missing_index", ""):
        monkeypatch.setenv("SHOP_FIX", repaired)
        assert not seed.seed(path)
        with closing(sqlite3.connect(path)) as database:
            counts += database.execute(question).fetchone()
    assert counts == [0, 1, 0]


def test_a_placed_order_is_answered_at_once_and_gets_its_receipt_later(shop):
    answer = shop.post("/api/v1/orders", json=NEW_ORDER, headers={"x-customer-id": "5"})
    order = answer.json()
    placed_at = order.pop("placed_at")
    assert (answer.status_code, order) == (
        201,
        {
            "id": 2501,
            "customer": "Grace Knuth",
            "status": "new",
            "receipt_sent_at": None,
            "total_cents": 27750,
            "items": [
                {"product": LAMP, "quantity": 2, "price_cents": 9500},
                {"product": CARD, "quantity": 1, "price_cents": 8750},
            ],
        },
    )
    end = time.monotonic() + 10
    while (shown := shop.get("/api/v1/orders/2501").json())["receipt_sent_at"] is None:
        assert time.monotonic() < end
    assert shown | {"receipt_sent_at": None} == order | {"placed_at": placed_at}
    assert shown["receipt_sent_at"] > placed_at


@pytest.mark.parametrize(
    ("customer", "order", "status"),
    [
        ("9999", NEW_ORDER, 401),
        ("nobody", NEW_ORDER, 422),
        ("5", {"items": [{"product_id": 121, "quantity": 1}]}, 404),
        ("5", {"items": [{"product_id": 1, "quantity": 0}]}, 422),
        ("5", {"items": []}, 422),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(shop, customer, order, status):
    answer = shop.post("/api/v1/orders", json=order, headers={"x-customer-id": customer})
    assert answer.status_code == status
    assert shop.get("/api/v1/orders?limit=1").json()[0]["id"] == 2500


def test_shipping_asks_the_carrier_over_http(shop):
    quote = {"country": "IT", "weight_grams": 17730, "price_cents": 2763, "days": 5}
    assert shop.get("/api/v1/orders/7/shipping").json() == quote
    question = {"country": "DE", "weight_grams": 100}
    assert shop.get("/carrier/quote", params=question).json() == question | {
        "price_cents": 500,
        "days": 2,
    }


def test_orders_are_exported_as_a_csv_stream(shop):
    with shop.stream("GET", "/api/v1/orders/export", params={"limit": 2}) as answer:
        lines = list(answer.iter_lines())
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines == [
        "order,product,quantity,price_cents",
        "2500,Small vase,1,10200",
        "2500,Brass box,2,10200",
        "2500,Glass chair,1,7050",
        "2500,Glass tray,2,11400",
        "2500,Recycled chair,3,6250",
        "2499,Recycled basket,3,4800",
        "2499,Sturdy gift card,2,3200",
        "2499,Glass hook,3,3700",
        "2499,Glass lamp,3,7400",
    ]
    with shop.stream("GET", "/api/v1/orders/export", params={"limit": 10_000}) as answer:
        assert sum(1 for _ in answer.iter_lines()) == 7_481


def test_products_are_listed_searched_and_shown(shop):
    page = {"category": "workshop", "limit": 1, "offset": 15}
    found = shop.get("/api/v1/products", params=page).json()
    assert (found["total"], len(found["products"])) == (20, 1)
    assert shop.get("/api/v1/products", params={"limit": 1}).json()["total"] == 120
    assert shop.get("/api/v1/products/search", params={"q": "OAK l"}).json() == [LAMP]
    assert shop.get("/api/v1/products/17").json() == LAMP


def test_the_price_per_kilogram_of_a_gift_card_is_the_bug_of_this_shop(shop):
    answers = [shop.get(f"/api/v1/products/{id_}/price_per_kilogram") for id_ in (17, 3)]
    assert answers[0].json() == {"cents_per_kilogram": 1_000 * 9500 / 1340}
    assert (answers[1].status_code, answers[1].text) == (500, "Internal Server Error")


def test_customers_are_listed_and_shown_with_what_they_ordered(shop):
    grace = {
        "id": 5,
        "name": "Grace Knuth",
        "email": "grace.knuth.5@example.com",
        "country": "BE",
    }
    assert shop.get("/api/v1/customers?limit=1&offset=4").json() == [grace]
    assert shop.get("/api/v1/customers/5").json() == grace
    orders = shop.get("/api/v1/customers/1/orders").json()
    assert [order["id"] for order in orders] == [2355, 1289, 647, 85, 17]
    assert orders[0] == {
        "id": 2355,
        "status": "packed",
        "placed_at": "2024-06-07T23:15:00",
        "total_cents": 39950,
    }


def test_the_office_has_an_application_of_its_own(shop):
    assert shop.get("/admin/stats").json() == {
        "delivered": {"orders": 517, "revenue_cents": 20161000},
        "packed": {"orders": 492, "revenue_cents": 18442150},
        "paid": {"orders": 471, "revenue_cents": 17713200},
        "returned": {"orders": 494, "revenue_cents": 19858900},
        "shipped": {"orders": 526, "revenue_cents": 19407500},
    }
    spending = {"customer": 1, "spent_cents": 157400}
    assert shop.get("/admin/customers/1/spending").json() == spending


def test_the_page_shows_every_product_and_is_compressed(shop):
    answer = shop.get("/")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.count("<li>") == 120
    assert '<li><a href="/api/v1/products/17">Oak lamp</a>, 95.00</li>' in answer.text


def test_a_request_keeps_its_id_or_is_given_one(shop):
    answers = [shop.get("/health", headers=headers) for headers in ({"x-request-id": "7"}, {})]
    assert [answer.json() for answer in answers] == [{"status": "ok"}] * 2
    assert answers[0].headers["x-request-id"] == "7"
    assert len(answers[1].headers["x-request-id"]) == 32


@pytest.mark.filterwarnings(  # uvicorn 0.30 speaks to an older websockets
    "ignore:remove second argument of ws_handler:DeprecationWarning"
)
def test_prices_are_told_over_a_websocket(shop):
    url = shop.base_url.copy_with(scheme="ws", path="/ws/prices")
    with connect(str(url)) as websocket:
        for question in ("17", "121", "a lamp", "9" * 5_000):
            websocket.send(question)
        answers = [websocket.recv() for _ in range(4)]
    assert answers == [
        '{"product":17,"price_cents":9500}',
        '{"error":"there is no product 121"}',
        '{"error":"ask with the id of a product"}',
        '{"error":"ask with the id of a product"}',
    ]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/nothing", 404, '{"detail":"Not Found"}'),
        ("/admin/nothing", 404, "Not Found"),
        ("/api/v1/orders/2501", 404, '{"detail":"there is no order 2501"}'),
        ("/api/v1/orders/2501/shipping", 404, '{"detail":"there is no order 2501"}'),
        ("/api/v1/products/121", 404, '{"detail":"there is no product 121"}'),
        ("/api/v1/customers/401/orders", 404, '{"detail":"there is no customer 401"}'),
        ("/admin/customers/401/spending", 404, "there is no customer 401"),
    ],
)
def test_what_is_not_there_is_said_so(shop, path, status, body):
    answer = shop.get(path)
    assert (answer.status_code, answer.text) == (status, body)


@pytest.mark.parametrize("number", ["x", "0", "99999999999999999999"])
@pytest.mark.parametrize("route", ["orders/{}", "products/{}", "customers/{}/orders"])
def test_an_id_that_cannot_be_one_is_refused(shop, route, number):
    assert shop.get(f"/api/v1/{route.format(number)}").status_code == 422


def test_the_same_shop_is_seeded_every_time_even_by_several_processes_at_once(
    seeded, tmp_path, monkeypatch
):
    path = tmp_path / "var" / "shop.sqlite3"
    monkeypatch.setenv("SHOP_DATABASE", str(path))
    command = [sys.executable, "-m", "examples.fastapi_app.seed"]
    seeders = [
        subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(3)
    ]
    said = sorted(seeder.communicate()[0].removeprefix(f"{path}: ") for seeder in seeders)
    made = "400 customers, 120 products, 2500 orders\n"
    assert said == [made, "already there\n", "already there\n"]
    assert [file.name for file in path.parent.iterdir()] == ["shop.sqlite3"]
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(seeded)) as other:
        assert list(one.iterdump()) == list(other.iterdump())


def test_a_fix_that_does_not_exist_is_refused_at_start(monkeypatch):
    monkeypatch.setenv("SHOP_FIX", "orders_n_plus_one, everything")
    with pytest.raises(ValueError, match=r"unknown everything; allowed: orders_n_plus_one, "):
        fixes.check()
