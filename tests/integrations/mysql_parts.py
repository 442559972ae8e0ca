"""What the tests of the MySQL drivers share: a table, a procedure, and how an error looks."""

from typing import Any

TABLE = "CREATE TEMPORARY TABLE t (a INT AUTO_INCREMENT PRIMARY KEY, b VARCHAR(50)) ENGINE=InnoDB"
FILL = "INSERT INTO t (a, b) VALUES (%s, %s)"
ROWS = [(1, "x"), (2, "y"), (3, "z")]
PROCEDURE = "CREATE OR REPLACE PROCEDURE twice(IN n INT) BEGIN SELECT n; SELECT n * 2 AS m; END"
QUESTIONS = "SHOW SESSION STATUS LIKE 'Questions'"
SLOW = "SELECT a, SLEEP(0.01) FROM t"


class Unlucky:
    """A value whose every look fails."""

    def _fails(self, *_: Any) -> Any:
        raise ZeroDivisionError("looked at")

    __repr__ = __str__ = __hash__ = __eq__ = __bool__ = __len__ = _fails


def looks(error):
    """What of an error can be compared."""
    return type(error), error.args, error.__cause__, type(error.__context__)
