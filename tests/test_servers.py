import psycopg
import pymysql
import valkey
from pymemcache.client.base import Client


def test_postgres_keeps_what_was_committed_for_the_next_connection(postgres_dsn):
    with psycopg.connect(postgres_dsn) as connection:
        connection.execute("CREATE TABLE kept_orders (id serial PRIMARY KEY, customer text)")
        connection.execute("INSERT INTO kept_orders (customer) VALUES (%s), (%s)", ("Ada", "Grace"))
    with psycopg.connect(postgres_dsn) as connection:
        rows = connection.execute("SELECT id, customer FROM kept_orders ORDER BY id").fetchall()
        connection.execute("DROP TABLE kept_orders")
    assert rows == [(1, "Ada"), (2, "Grace")]


def test_postgres_is_of_the_version_that_is_promised(postgres_dsn):
    with psycopg.connect(postgres_dsn) as connection:
        assert connection.info.server_version // 10_000 == 18


def test_valkey_returns_what_was_set(valkey_address):
    with valkey.from_url(valkey_address) as client:
        client.set("order:1", "paid")
        assert client.get("order:1") == b"paid"
        client.delete("order:1")


def test_mariadb_keeps_what_was_committed_for_the_next_connection(mariadb):
    with pymysql.connect(**mariadb._asdict()) as connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TABLE kept_orders (id int AUTO_INCREMENT PRIMARY KEY, customer text)"
        )
        cursor.execute("INSERT INTO kept_orders (customer) VALUES (%s), (%s)", ("Ada", "Grace"))
        connection.commit()
    with pymysql.connect(**mariadb._asdict()) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT id, customer FROM kept_orders ORDER BY id")
        rows = cursor.fetchall()
        cursor.execute("DROP TABLE kept_orders")
    assert rows == ((1, "Ada"), (2, "Grace"))


def test_memcached_returns_what_was_set(memcached_address):
    client = Client(memcached_address, default_noreply=False)
    client.set("order", "paid")
    assert client.get("order") == b"paid"
    client.delete("order")
    client.close()
