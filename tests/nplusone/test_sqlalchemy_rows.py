"""SQLAlchemy's rows, read and refreshed one by one: columns, expired objects, `session.get`."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import pytest
from sqlalchemy import func, inspect, select, text
from sqlalchemy.orm import (
    immediateload,
    joinedload,
    load_only,
    selectin_polymorphic,
    selectinload,
    undefer,
)

from tests.nplusone.shop import Customer, Gift, Item, Order, Passport, clean, judge, on_session


def deferred(session):
    for customer in session.scalars(select(Customer)):  # L W
        customer.bio  # Q


def deferred_fixed(session):
    for customer in session.scalars(select(Customer).options(undefer(Customer.bio))):
        customer.bio


def left_out(session):
    for customer in session.scalars(select(Customer).options(load_only(Customer.id))):  # L W
        customer.name  # Q


def left_out_fixed(session):
    rows = select(Customer).options(load_only(Customer.id), undefer(Customer.name))
    for customer in session.scalars(rows):
        customer.name


def deferred_below(session):
    for passport in session.scalars(select(Passport).options(joinedload(Passport.customer))):  # L W
        passport.customer.bio  # Q


def deferred_below_fixed(session):
    load = joinedload(Passport.customer).undefer(Customer.bio)
    for passport in session.scalars(select(Passport).options(load)):
        passport.customer.bio


def of_a_subclass(session):
    gifts = session.scalars(select(Order).where(Order.kind == "gift")).all()  # W
    for gift in gifts:  # L
        gift.wish  # Q


def of_a_subclass_fixed(session):
    rows = select(Order).where(Order.kind == "gift").options(selectin_polymorphic(Order, [Gift]))
    for gift in session.scalars(rows):
        gift.wish


BELOW = "joinedload(Passport.customer).undefer(Customer.bio)"


@pytest.mark.parametrize(
    ("run", "fixed", "relation", "fix"),
    [
        (deferred, deferred_fixed, "Customer.bio", "undefer(Customer.bio)"),
        (left_out, left_out_fixed, "Customer.name", "undefer(Customer.name)"),
        (deferred_below, deferred_below_fixed, "Customer.bio", BELOW),
        (of_a_subclass, of_a_subclass_fixed, "Gift.wish", "selectin_polymorphic(Order, [Gift])"),
    ],
)
def test_a_column_that_is_loaded_later_is_named(run, fixed, relation, fix):
    finding = judge(run, count=4, relation=relation, fix=fix)
    assert finding.fix == fix
    clean(fixed)


def after_commit(session):
    customers = session.scalars(select(Customer)).all()  # W
    session.commit()
    for customer in customers:  # L
        customer.name  # Q


def key_after_commit(session):
    passports = session.scalars(select(Passport).options(joinedload(Passport.customer))).all()
    session.commit()
    for passport in passports[:2]:  # L
        passport.customer_id  # Q


def test_what_a_commit_has_expired_is_not_to_be_expired():
    fix = "expire_on_commit=False"
    judge(after_commit, count=4, relation="Customer.name", fix=fix)
    judge(key_after_commit, count=2, relation="Passport.customer_id", fix=fix)
    clean(after_commit, expire_on_commit=False)
    clean(key_after_commit, expire_on_commit=False)


def relation_after_commit(session):
    passports = session.scalars(select(Passport)).all()
    session.commit()
    for passport in passports:
        passport.customer


def test_an_expired_object_and_its_relation_are_two_findings():
    findings, _ = on_session(relation_after_commit)
    assert [(f.relation, f.count) for f in findings] == [
        ("Passport.customer_id", 4),
        ("Passport.customer", 4),
    ]


def expired_by_hand(session):
    customers = session.scalars(select(Customer)).all()  # W
    session.expire_all()
    for customer in customers:  # L
        customer.name  # Q


def expired_by_hand_fixed(session):
    ids = [inspect(each).identity[0] for each in session.scalars(select(Customer)).all()]
    session.expire_all()
    rows = select(Customer).where(Customer.id.in_(ids)).execution_options(populate_existing=True)
    for customer in session.scalars(rows):
        customer.name


def test_what_was_expired_by_hand_is_loaded_again_at_once():
    fix = "select(Customer).where(Customer.id.in_(ids)).execution_options(populate_existing=True)"
    options = {"expire_on_commit": False}
    judge(expired_by_hand, count=4, relation="Customer.name", fix=fix, **options)
    clean(expired_by_hand_fixed, **options)


def got(session):
    for n in (1, 2, 3):  # L
        session.get(Customer, n)  # Q


def got_fixed(session):
    for customer in session.scalars(select(Customer).where(Customer.id.in_([1, 2, 3]))):
        customer.name


def got_twice(session):
    for n in (1, 2):
        session.get(Customer, n)


def got_with_relations(session):
    for n in (1, 2, 3):  # L
        session.get(Customer, n, options=[joinedload(Customer.passport)])  # Q


def merged(session):
    for n in (1, 2, 3):  # L
        session.merge(Customer(id=n, name="merged"))  # Q


def merged_fixed(session):
    found = session.scalars(select(Customer).where(Customer.id.in_([1, 2, 3]))).all()
    for n in (1, 2, 3):
        session.merge(Customer(id=n, name="merged"))
    return found


def filtered(session):
    for n in (1, 2, 3):  # L
        session.scalars(select(Customer).where(Customer.id == n, Customer.name != "")).one()  # Q


def queried(session):
    for n in (1, 2, 3):  # L
        session.query(Customer).filter_by(id=n).one()  # Q


def columns(session):
    for n in (1, 2, 3):  # L
        session.execute(select(Customer.name).where(Customer.id == n)).scalar()  # Q


@pytest.mark.parametrize("run", [got, got_with_relations, merged, filtered, queried, columns])
def test_rows_by_their_keys_are_one_statement(run):
    judge(run, count=3, fix="where(Customer.id.in_(ids))")


def test_three_of_them_are_needed():
    clean(got_twice)
    clean(got_fixed)
    clean(merged_fixed)


def of_a_key(session):
    for n in (1, 2, 3):  # L
        session.scalars(select(Order).where(Order.customer_id == n)).all()  # Q


def counted(session):
    for n in (1, 2, 3):  # L
        session.scalar(select(func.count()).select_from(Order).where(Order.customer_id == n))  # Q


def of_a_table(session):
    table = Order.__table__
    for n in (1, 2, 3):  # L
        session.execute(select(table.c.id).where(table.c.customer_id == n)).all()  # Q


def in_text(session):
    for n in (1, 2, 3):  # L
        session.execute(text("SELECT id FROM orders WHERE customer_id = :n"), {"n": n})  # Q


def in_text_with_literals(session):
    for n in (1, 2, 3):  # L
        session.execute(text(f"SELECT id FROM orders WHERE customer_id = {n}"))  # Q


def through_the_driver(session):
    for n in (1, 2, 3):  # L
        session.connection().exec_driver_sql(f"SELECT id FROM orders WHERE customer_id = {n}")  # Q


@pytest.mark.parametrize(
    ("run", "fix"),
    [
        (of_a_key, "where(Order.customer_id.in_(ids))"),
        (counted, "where(Order.customer_id.in_(ids))"),
        (of_a_table, "where(orders.c.customer_id.in_(ids))"),
        (in_text, "WHERE customer_id IN (?, ?, ...)"),
        (in_text_with_literals, "WHERE customer_id IN (?, ?, ...)"),
        (through_the_driver, "WHERE customer_id IN (?, ?, ...)"),
    ],
)
def test_any_statement_for_one_value_is_one_for_many(run, fix):
    judge(run, count=3, fix=fix)


def refreshed(session):
    customers = session.scalars(select(Customer)).all()
    for customer in customers:  # L
        session.refresh(customer)  # Q


def relation_refreshed(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        session.refresh(customer, ["orders"])  # Q


def column_refreshed(session):
    customers = session.scalars(select(Customer)).all()
    for customer in customers:  # L
        session.refresh(customer, ["name"])  # Q


def test_refreshing_each_is_one_statement_for_all():
    fix = "select(Customer).where(Customer.id.in_(ids)).execution_options(populate_existing=True)"
    judge(refreshed, count=4, fix=fix)
    judge(column_refreshed, count=4, fix=fix)
    judge(
        relation_refreshed, count=4, relation="Customer.orders", fix="selectinload(Customer.orders)"
    )


def test_pages_are_silent():
    def by_offset(session):
        for n in range(4):
            session.scalars(select(Order).order_by(Order.id).limit(2).offset(n * 2)).all()

    def by_key(session):
        last = 0
        for _ in range(4):
            rows = select(Order).where(Order.id > last).order_by(Order.id).limit(2)
            last = session.scalars(rows).all()[-1].id

    def of_one_customer(session):
        for n in range(4):
            rows = select(Order).where(Order.customer_id == 1).order_by(Order.id)
            session.scalars(rows.limit(2).offset(n)).all()

    clean(by_offset)
    clean(by_key)
    clean(of_one_customer)


def row_by_row(session):
    for n in range(4):  # L
        session.scalars(select(Order).order_by(Order.id).limit(1).offset(n)).all()  # Q


def first_page_of_each(session):
    for n in (1, 2, 3):  # L
        rows = select(Order).where(Order.customer_id == n).order_by(Order.id)
        session.scalars(rows.limit(2).offset(0)).all()  # Q


def latest_of_each(session):
    for n in (1, 2, 3):  # L
        rows = select(Order).where(Order.customer_id == n).order_by(Order.id.desc())
        session.scalars(rows.limit(3)).all()  # Q


def of_a_kind(session):
    for n in (1, 2, 3):  # L
        rows = select(Order).where(Order.customer_id == n, Order.kind.in_(["order", "gift"]))
        session.scalars(rows).all()  # Q


def test_rows_at_an_offset_and_the_first_rows_of_each_are_no_pages():
    judge(row_by_row, count=4)
    judge(first_page_of_each, count=3, fix="where(Order.customer_id.in_(ids))")
    judge(latest_of_each, count=3, fix="where(Order.customer_id.in_(ids))")
    judge(of_a_kind, count=3, fix="where(Order.customer_id.in_(ids))")


def test_batches_are_silent_and_batches_of_one_are_not():
    def of_two(session):
        for n in range(1, 9, 2):
            session.scalars(select(Item).where(Item.order_id.in_([n, n + 1]))).all()

    def of_two_of_a_customer(session):
        for n in range(1, 9, 2):
            rows = select(Order).where(Order.customer_id == 1, Order.id.in_([n, n + 1]))
            session.scalars(rows).all()

    clean(of_two)
    clean(of_two_of_a_customer)
    judge(of_one, count=4, fix="where(Item.order_id.in_(ids))")


def of_one(session):
    for n in range(1, 9, 2):  # L
        session.scalars(select(Item).where(Item.order_id.in_([n]))).all()  # Q


def asked_again(session):
    for _ in range(6):  # L
        session.execute(select(func.count(Order.id)).where(Order.customer_id == 1)).scalar()  # Q


def test_the_same_again_is_repeated_and_a_few_times_silent():
    judge(asked_again, count=6, kind="repeated_query", fix="")

    def twice(session):
        for _ in range(2):
            session.execute(select(func.count(Order.id))).scalar()

    clean(twice)


def loaded_at_once_in_a_loop(session):
    for n in (1, 2):
        session.scalars(
            select(Customer)
            .where(Customer.id > n * 2 - 2, Customer.id <= n * 2)
            .options(immediateload(Customer.orders), selectinload(Customer.passport))
        ).all()


def test_statements_of_a_loop_and_of_its_library_are_told_apart():
    findings, _ = on_session(loaded_at_once_in_a_loop)
    assert {f.relation for f in findings} == {"Customer.orders"}
    assert sum(f.count for f in findings) == 4
