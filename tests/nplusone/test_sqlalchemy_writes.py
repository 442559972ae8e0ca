"""SQLAlchemy's writes, row by row and at once."""

import pytest
from sqlalchemy import delete, insert, select, update

from tests.nplusone.judging import marked, place
from tests.nplusone.shop import (
    TAGS,
    Customer,
    Gift,
    Node,
    Order,
    Product,
    Tag,
    Transfer,
    clean,
    judge,
    on_session,
)


def added_and_committed(session):
    for n in (1, 2, 3):  # L
        session.add(Tag(name=f"n{n}"))
        session.commit()  # Q


def added_and_flushed(session):
    for n in (1, 2, 3):  # L
        session.add(Tag(id=n, name="same"))
        session.flush()  # Q


def added_by_autoflush(session):
    for n in (1, 2, 3):  # L
        session.add(Tag(id=n, name=str(n)))
        session.scalar(select(Product.id).limit(1))  # Q


def added_fixed(session):
    session.add_all([Tag(name=f"n{n}") for n in range(3)])
    session.commit()


def inserted(session):
    for n in (1, 2, 3):  # L
        session.execute(insert(Tag).values(name=f"n{n}"))  # Q


def inserted_from_a_list(session):
    for n in (1, 2, 3):  # L
        session.execute(insert(Tag), [{"name": f"n{n}"}])  # Q


def inserted_fixed(session):
    session.execute(insert(Tag), [{"name": f"n{n}"} for n in range(3)])


def inserted_into_a_table(session):
    for n in (1, 2, 3):  # L
        session.connection().execute(insert(TAGS), {"name": f"n{n}"})  # Q


def changed_and_committed(session):
    products = session.scalars(select(Product)).all()[:3]
    for product in products:  # L
        product.name += "!"
        session.flush()  # Q


def changed_fixed(session):
    for product in session.scalars(select(Product)).all()[:3]:
        product.name += "!"
    session.flush()


def updated(session):
    for n in (111, 121, 211):  # L
        session.execute(update(Product).where(Product.id == n).values(name=str(n)))  # Q


def updated_fixed(session):
    session.execute(update(Product), [{"id": n, "name": str(n)} for n in (110, 120, 210)])


def deleted(session):
    for n in (1, 2, 3):  # L
        session.execute(delete(Tag).where(Tag.id == n))  # Q


def deleted_fixed(session):
    session.execute(delete(Tag).where(Tag.id.in_([1, 2, 3])))


def removed(session):
    tags = [Tag(id=n, name="t") for n in (1, 2, 3)]
    session.add_all(tags)
    session.flush()
    for tag in tags:  # L
        session.delete(tag)
        session.flush()  # Q


@pytest.mark.parametrize(
    ("run", "fix"),
    [
        (added_and_committed, "session.add_all(rows)"),
        (added_and_flushed, "session.add_all(rows)"),
        (added_by_autoflush, "session.add_all(rows)"),
        (inserted, "execute(insert(Tag), rows)"),
        (inserted_from_a_list, "execute(insert(Tag), rows)"),
        (inserted_into_a_table, "execute(insert(tag), rows)"),
        (changed_and_committed, "session.execute(update(Product), rows)"),
        (updated, "execute(update(Product), rows)"),
        (deleted, "execute(delete(Tag).where(Tag.id.in_(ids)))"),
        (removed, "execute(delete(Tag).where(Tag.id.in_(ids)))"),
    ],
)
def test_a_write_for_each_row_is_one_for_all(run, fix):
    if run is added_by_autoflush:  # which reads the same each time as well
        findings, _ = on_session(run)
        assert [(f.operation, f.count, f.fix) for f in findings] == [("write", 3, fix)]
        return
    finding = judge(run, count=3, fix=fix)
    assert finding.operation == "write"


@pytest.mark.parametrize(
    "run", [added_fixed, inserted_fixed, changed_fixed, updated_fixed, deleted_fixed]
)
def test_writing_at_once_is_silent(run):
    clean(run)


def test_a_flush_that_writes_row_by_row_itself_is_silent():
    def run(session):
        for customer in session.scalars(select(Customer)):
            customer.name = Customer.name + "!"  # each an UPDATE of its own
        session.flush()

    assert len(clean(run)) == 5


def test_rows_that_depend_on_each_other_are_written_in_one_flush():
    def run(session):
        parent = None
        for n in range(100, 106):
            parent = Node(id=n, parent=parent)
            session.add(parent)
        session.flush()

    clean(run, is_ordered=False)


def test_versioned_rows_are_written_in_one_flush():
    def run(session):
        for node in session.scalars(select(Node)):
            node.parent_id = None
        session.flush()

    clean(run, is_ordered=False)


def into_two_tables(session):
    for n in (900, 901, 902):  # L
        session.add(Gift(id=n, customer_id=1))
        session.flush()  # Q


def deleted_and_committed(session):
    for transfer in session.scalars(select(Transfer)).all():  # L
        session.delete(transfer)
        session.commit()  # Q


def test_each_statement_of_a_flush_in_a_loop_is_found():
    findings, _ = on_session(into_two_tables)
    marks = marked(into_two_tables)
    assert [(f.count, f.operation, f.fix) for f in findings] == [
        (3, "write", "session.add_all(rows)"),
        (3, "write", "session.add_all(rows)"),
    ]
    assert {(place(f.loop), place(f.query)) for f in findings} == {(marks["L"], marks["Q"])}


def test_deleting_and_committing_each_is_two_findings():
    findings, _ = on_session(deleted_and_committed)
    assert sorted((f.count, f.relation, f.fix) for f in findings) == [
        (3, "Transfer.source_id", "expire_on_commit=False"),
        (4, "", "execute(delete(Transfer).where(Transfer.id.in_(ids)))"),
    ]


def test_savepoints_and_the_ends_of_transactions_are_silent():
    def run(session):
        for _ in range(4):
            with session.begin_nested():
                pass
            session.connection()
            session.commit()

    clean(run)


def test_relations_that_a_flush_reads_are_found_where_it_is_called():
    def run(session):
        for order in session.scalars(select(Order)).all():
            session.delete(order)
        session.flush()

    findings, _ = on_session(run, is_ordered=False)
    assert {f.relation for f in findings} >= {"Order.items", "Order.tags", "Order.labels"}
