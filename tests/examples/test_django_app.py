"""The Django shop, asked over real sockets: as it is under gunicorn, repaired under uvicorn."""

import sqlite3
import subprocess
import sys
import time
from contextlib import closing

import psycopg
import pytest

from examples.shop.fixes import FIXES
from tests.examples.shop_rows import ADA_ORDERED, CARD, LAMP, NEW_ORDER
from tests.examples.shop_server import GUNICORN, UVICORN, environment, manage, serving
from tests.load.server import REPOSITORY

SAME = (
    "/api/v1/orders?limit=20&offset=100",
    "/api/v1/orders/2469",
    "/api/v1/orders/7/split_shipping",
    "/api/v1/products?category=garden",
    "/api/v1/products/search?q=lamp",
    "/api/v1/products/popular",
    "/api/v1/products/17/buyers",
    "/admin/stats",
)
FEWER_STATEMENTS = ("/api/v1/orders?limit=20", "/api/v1/orders/2469")


@pytest.fixture(scope="module")
def naive(tmp_path_factory):
    """The shop with all its defects."""
    with serving(tmp_path_factory.mktemp("naive"), GUNICORN) as shop:
        yield shop


@pytest.fixture(scope="module")
def repaired(tmp_path_factory):
    """The shop without any of them."""
    place = tmp_path_factory.mktemp("repaired")
    with serving(place, UVICORN, SHOP_FIX=",".join(FIXES)) as shop:
        yield shop


@pytest.fixture(params=["naive", "repaired"])
def shop(request):
    """Either of them."""
    return request.getfixturevalue(request.param)


def counted(shop, path):
    """How many statements a visit takes; the first one of a worker may do more."""
    shop.get(path)
    before = shop.statements()
    shop.get(path)
    return shop.statements() - before


def test_orders_are_listed_with_their_lines_newest_first(shop):
    assert shop.get("/api/v1/orders?status=returned&limit=1&offset=3") == [ADA_ORDERED]
    assert shop.get("/api/v1/orders/2469") == ADA_ORDERED


def test_products_are_listed_searched_and_shown(shop):
    found = shop.get("/api/v1/products?category=workshop&limit=1&offset=15")
    assert (found["total"], len(found["products"])) == (20, 1)
    assert shop.get("/api/v1/products?limit=1")["total"] == 120
    assert shop.get("/api/v1/products/search?q=OAK l") == [LAMP]
    assert shop.get("/api/v1/products/17") == LAMP
    assert shop.get("/api/v1/products/17/price_per_kilogram") == {
        "cents_per_kilogram": 1_000 * 9500 / 1340
    }


def test_customers_are_listed_and_shown_with_what_they_ordered(shop):
    grace = {
        "id": 5,
        "name": "Grace Knuth",
        "email": "grace.knuth.5@example.com",
        "country": "BE",
    }
    assert shop.get("/api/v1/customers?limit=1&offset=4") == [grace]
    assert shop.get("/api/v1/customers/5") == grace
    orders = shop.get("/api/v1/customers/1/orders")
    assert [order["id"] for order in orders] == [2355, 1289, 647, 85, 17]
    assert orders[0] == {
        "id": 2355,
        "status": "packed",
        "placed_at": "2024-06-07T23:15:00",
        "total_cents": 39950,
    }


def test_the_office_asks_for_sums(shop):
    assert shop.get("/admin/stats")["packed"] == {"orders": 492, "revenue_cents": 18442150}
    assert shop.get("/admin/customers/1/spending") == {"customer": 1, "spent_cents": 157400}


def test_shipping_asks_the_carrier_over_http(shop):
    quote = {"country": "IT", "weight_grams": 17730, "price_cents": 2763, "days": 5}
    assert shop.get("/api/v1/orders/7/shipping") == quote
    split = shop.get("/api/v1/orders/7/split_shipping")
    assert sum(one["weight_grams"] for one in split) == 17730


def test_orders_are_exported_as_a_csv_stream(shop):
    with shop.client.stream("GET", "/api/v1/orders/export?limit=2") as answer:
        lines = list(answer.iter_lines())
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert lines[:2] == ["order,product,quantity,price_cents", "2500,Small vase,1,10200"]
    assert len(lines) == 10


def test_the_page_shows_every_product_and_is_compressed(shop):
    answer = shop.client.get("/")
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.text.count("<li>") == 120
    assert '<li><a href="/api/v1/products/17">Oak lamp</a>, 95.00</li>' in answer.text


def test_a_request_keeps_its_id_or_is_given_one(shop):
    answers = [shop.client.get("/health", headers=given) for given in ({"x-request-id": "7"}, {})]
    assert answers[0].headers["x-request-id"] == "7"
    assert len(answers[1].headers["x-request-id"]) == 32


def test_a_placed_order_is_answered_at_once_and_gets_its_receipt_later(shop):
    answer = shop.client.post("/api/v1/orders", json=NEW_ORDER, headers={"x-customer-id": "5"})
    order = answer.json()
    try:
        assert (answer.status_code, order | {"placed_at": None}) == (
            201,
            {
                "id": 2501,
                "customer": "Grace Knuth",
                "status": "new",
                "placed_at": None,
                "receipt_sent_at": None,
                "total_cents": 27750,
                "items": [
                    {"product": LAMP, "quantity": 2, "price_cents": 9500},
                    {"product": CARD, "quantity": 1, "price_cents": 8750},
                ],
            },
        )
        end = time.monotonic() + 30
        while (shown := shop.get("/api/v1/orders/2501"))["receipt_sent_at"] is None:
            assert time.monotonic() < end
        assert shown | {"receipt_sent_at": None} == order
    finally:
        with closing(sqlite3.connect(shop.database)) as database, database:
            database.execute("DELETE FROM item WHERE order_id > 2500")
            database.execute("DELETE FROM orders WHERE id > 2500")


def test_an_order_is_dispatched_with_a_price_from_the_carrier(shop):
    (order,) = shop.get("/api/v1/orders?status=shipped&limit=1")
    address = f"/api/v1/orders/{order['id']}"
    dispatched = shop.client.post(f"{address}/dispatch").json()
    assert dispatched == shop.get(f"{address}/shipping")
    assert shop.get(address) == order


@pytest.mark.parametrize(
    ("customer", "order", "status"),
    [
        ("9999", NEW_ORDER, 401),
        ("nobody", NEW_ORDER, 401),
        (None, NEW_ORDER, 401),
        ("5", {"items": [{"product_id": 121, "quantity": 1}]}, 404),
        ("5", {"items": [{"product_id": 1, "quantity": 0}]}, 400),
        ("5", {"items": []}, 400),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(naive, customer, order, status):
    headers = {} if customer is None else {"x-customer-id": customer}
    assert naive.client.post("/api/v1/orders", json=order, headers=headers).status_code == status


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/api/v1/orders/2501", 404),
        ("/api/v1/orders/2501/shipping", 404),
        ("/api/v1/orders/2501/split_shipping", 404),
        ("/api/v1/orders/99999999999999999999", 404),
        ("/api/v1/orders/x", 404),
        ("/api/v1/products/121", 404),
        ("/api/v1/products/121/label", 404),
        ("/api/v1/customers/401/orders", 404),
        ("/admin/customers/401/spending", 404),
        ("/api/v1/orders?limit=101", 400),
        ("/api/v1/orders/export?limit=0", 400),
        ("/api/v1/products/search?q=a", 400),
        ("/api/v1/products/3/price_per_kilogram", 500),  # a gift card: the bug of this shop
    ],
)
def test_what_cannot_be_answered_is_said_so(shop, path, status):
    assert shop.client.get(path).status_code == status


@pytest.mark.parametrize("path", SAME)
def test_the_repairs_do_not_change_the_answer(naive, repaired, path):
    assert repaired.get(path) == naive.get(path)


def test_the_label_is_the_same_wherever_it_is_drawn(naive, repaired):
    drawn = naive.client.get("/api/v1/products/17/label").text
    assert repaired.client.get("/api/v1/products/17/label").text == drawn
    assert drawn.count("\n") == 159


@pytest.mark.parametrize("path", FEWER_STATEMENTS)
def test_the_fix_for_n_plus_one_sends_fewer_statements(naive, repaired, path):
    assert counted(repaired, path) <= 4 < counted(naive, path)


def test_the_fix_for_row_by_row_writes_sends_one_statement(naive, repaired):
    sent = {}
    for name, shop in (("naive", naive), ("repaired", repaired)):
        before = shop.statements()
        dearer = {"category": "garden", "cents": 0}
        answer = shop.client.post("/api/v1/products/reprice", json=dearer)
        assert (answer.status_code, answer.json()) == (200, {"repriced": 20})
        sent[name] = shop.statements() - before
    assert sent["repaired"] <= 2
    assert sent["naive"] > 20


def test_the_fix_for_the_huge_payload_answers_with_the_newest_orders(naive, repaired):
    everything = naive.get("/api/v1/orders/archive")
    assert len(everything) == 2500
    assert repaired.get("/api/v1/orders/archive") == everything[:100]


def test_the_fix_for_the_missing_index_makes_one(naive, repaired):
    question = "SELECT count(*) FROM sqlite_master WHERE name = 'item_product'"
    counts = []
    for shop in (naive, repaired):
        with closing(sqlite3.connect(shop.database)) as database:
            counts += database.execute(question).fetchone()
    assert counts == [0, 1]


def test_the_fix_for_slow_logging_logs_only_how_many_orders_were_listed(naive, repaired):
    for shop in (naive, repaired):
        shop.get("/api/v1/orders?limit=1")
    assert "order 2500 listed: {" in naive.log.read_text()
    assert "order 2500 listed: {" not in repaired.log.read_text()
    assert "1 orders listed" in repaired.log.read_text()


def test_the_metrics_tell_the_stages_of_a_route(shop):
    shop.get("/api/v1/orders")
    shop.client.get("/")
    text = shop.client.get("/metrics").text
    for stage in ("db", "orm", "middleware", "routing", "handler", "serialization", "template"):
        assert f'stage="{stage}"' in text


def test_the_admin_shows_the_orders_to_who_signs_in(naive):
    made = naive.manage(
        *("createsuperuser", "--noinput", "--username", "boss", "--email", "boss@example.com"),
        DJANGO_SUPERUSER_PASSWORD="only here",
    )
    assert made.returncode == 0, made.stderr
    naive.client.get("/admin/login/")
    answer = naive.client.post(
        "/admin/login/?next=/admin/shop/order/",
        data={
            "username": "boss",
            "password": "only here",
            "csrfmiddlewaretoken": naive.client.cookies["csrftoken"],
        },
        follow_redirects=True,
    )
    assert (answer.status_code, answer.url.path) == (200, "/admin/shop/order/")
    assert "2500 orders" in answer.text


def test_the_same_shop_is_on_postgresql(naive, postgres_dsn, tmp_path):
    with psycopg.connect(postgres_dsn, autocommit=True) as server:
        server.execute("CREATE DATABASE shop")
    address = postgres_dsn.replace("/postgres?", "/shop?")
    with serving(tmp_path, GUNICORN, DATABASE_URL=address) as shop:
        assert not shop.database.exists()
        for path in (*SAME, "/api/v1/orders/archive", "/api/v1/customers/1/orders"):
            assert shop.get(path) == naive.get(path)
        answer = shop.client.post("/api/v1/orders", json=NEW_ORDER, headers={"x-customer-id": "5"})
        assert (answer.status_code, answer.json()["id"]) == (201, 2501)


def test_the_same_shop_is_seeded_even_by_several_processes_at_once(naive, tmp_path):
    env = environment(tmp_path)
    command = [sys.executable, "-m", "examples.django_app.manage", "seed"]
    seeders = [
        subprocess.Popen(command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    path = env["SHOP_DATABASE"]
    said = sorted(seeder.communicate()[0].removeprefix(f"{path}: ") for seeder in seeders)
    assert said == ["400 customers, 120 products, 2500 orders\n", "already there\n"]
    with closing(sqlite3.connect(path)) as one, closing(sqlite3.connect(naive.database)) as other:
        for table in ("customer", "product", "orders", "item"):
            question = f"SELECT * FROM {table} ORDER BY id"
            assert one.execute(question).fetchall() == other.execute(question).fetchall()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("SHOP_FIX", "everything", "SHOP_FIX: unknown everything; allowed: orders_n_plus_one, "),
        ("DATABASE_URL", "mysql://x", "mysql:// is not served here; allowed: postgresql://"),
    ],
)
def test_a_setting_that_makes_no_sense_is_refused_at_start(tmp_path, name, value, message):
    done = manage(("seed",), environment(tmp_path, **{name: value}))
    assert done.returncode == 1
    assert f"ValueError: {message}" in done.stderr.replace("DATABASE_URL: ", "")


def test_no_migration_is_missing(tmp_path):
    done = manage(("makemigrations", "--check", "--dry-run"), environment(tmp_path))
    assert (done.returncode, done.stdout) == (0, "No changes detected\n")
