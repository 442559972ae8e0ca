"""Every way to write a loop: as many statements with us as without, and one for all is silent."""

import pytest

from tests.nplusone import test_loops as shapes
from tests.nplusone.judging import findings
from tests.nplusone.test_loops import STATEMENT, db

__all__ = ["db"]


@pytest.mark.parametrize("run", shapes.SYNC + shapes.ASYNC)
def test_a_loop_is_as_many_statements_as_are_counted(run, db):
    sent: list[str] = []
    db.set_trace_callback(sent.append)
    run(db)
    without = len(sent)
    sent.clear()
    found = findings(run, db)
    db.set_trace_callback(None)
    assert len(sent) == without
    (finding,) = [one for one in found if one.statement == STATEMENT]
    assert finding.fix == "WHERE id IN (?, ?, ...)"
    others = sum(text == "SELECT 1" for text in sent)
    assert finding.count == len(sent) - others


def test_one_statement_for_all_is_silent(db):
    def run():
        rows = db.execute("SELECT id, v FROM t WHERE id IN (?, ?, ?, ?)", range(4)).fetchall()
        for row in rows:
            str(row)

    assert findings(run) == []
