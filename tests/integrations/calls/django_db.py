"""Django: databases."""

KINDS = {"db"}


def call(_):
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        rows = cursor.fetchall()
    connection.close()
    return rows
