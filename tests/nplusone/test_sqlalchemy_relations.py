"""SQLAlchemy's relations, read one by one: found with their names; loaded together: silent."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import pytest
from sqlalchemy import insert, select
from sqlalchemy.orm import (
    Session,
    immediateload,
    joinedload,
    selectinload,
    subqueryload,
    with_parent,
)

from tests.nplusone.judging import marked, place
from tests.nplusone.shop import (
    CUSTOMERS_TABLE,
    Customer,
    Gift,
    Item,
    Node,
    Order,
    Passport,
    Transfer,
    clean,
    judge,
    on_session,
)

SOME = select(Item).where(Item.id < 400)


def many_to_one(session):
    for passport in session.scalars(select(Passport)):  # L W
        passport.customer  # Q


def many_to_one_fixed(session):
    for passport in session.scalars(select(Passport).options(joinedload(Passport.customer))):
        passport.customer


def one_to_one(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        customer.passport  # Q


def one_to_one_fixed(session):
    for customer in session.scalars(select(Customer).options(joinedload(Customer.passport))):
        customer.passport


def collection(session):
    customers = session.query(Customer).order_by(Customer.id)[:3]  # W
    return [len(customer.orders) for customer in customers]  # LQ


def collection_fixed(session):
    customers = session.query(Customer).options(selectinload(Customer.orders))
    return [len(customer.orders) for customer in customers]


def many_to_many(session):
    for order in session.execute(select(Order)).scalars():  # L W
        for tag in order.tags:  # Q
            tag.name


def many_to_many_fixed(session):
    for order in session.scalars(select(Order).options(selectinload(Order.tags))):
        for tag in order.tags:
            tag.name


def proxied(session):
    for order in session.scalars(select(Order)):  # L W
        list(order.words)  # Q


def proxied_fixed(session):
    for order in session.scalars(select(Order).options(selectinload(Order.labels))):
        list(order.words)


def inherited(session):
    for gift in session.scalars(select(Gift)):  # L W
        gift.customer  # Q


def inherited_fixed(session):
    for gift in session.scalars(select(Gift).options(joinedload(Gift.customer))):
        gift.customer


def below_an_option(session):
    orders = session.scalars(select(Order).options(selectinload(Order.items)))  # W
    for order in orders:
        for item in order.items:  # L
            item.product  # Q


def below_an_option_fixed(session):
    chain = selectinload(Order.items).joinedload(Item.product)
    for order in session.scalars(select(Order).options(chain)):
        for item in order.items:
            item.product


@pytest.mark.parametrize(
    ("run", "fixed", "count", "relation", "fix"),
    [
        (many_to_one, many_to_one_fixed, 4, "Passport.customer", "joinedload(Passport.customer)"),
        (one_to_one, one_to_one_fixed, 4, "Customer.passport", "joinedload(Customer.passport)"),
        (collection, collection_fixed, 3, "Customer.orders", "selectinload(Customer.orders)"),
        (many_to_many, many_to_many_fixed, 8, "Order.tags", "selectinload(Order.tags)"),
        (proxied, proxied_fixed, 8, "Order.labels", "selectinload(Order.labels)"),
        (inherited, inherited_fixed, 4, "Gift.customer", "joinedload(Gift.customer)"),
        (
            below_an_option,
            below_an_option_fixed,
            16,
            "Item.product",
            "selectinload(Order.items).joinedload(Item.product)",
        ),
    ],
)
def test_a_relation_is_named_and_its_fix_leaves_nothing(run, fixed, count, relation, fix):
    finding = judge(run, count=count, relation=relation, fix=fix)
    assert finding.fix == fix
    clean(fixed)


def chain(session):
    for customer in session.scalars(select(Customer)):  # L1 W
        for order in customer.orders:  # Q1 L2
            for item in order.items:  # Q2 L3
                item.product  # Q3


def test_a_chain_of_lazy_relations_names_the_whole_way_from_the_first_rows():
    findings, _ = on_session(chain)
    marks = marked(chain)
    assert [(f.relation, f.count, f.fix) for f in findings] == [
        ("Customer.orders", 4, "selectinload(Customer.orders)"),
        ("Order.items", 8, "selectinload(Customer.orders).selectinload(Order.items)"),
        (
            "Item.product",
            16,
            "selectinload(Customer.orders).selectinload(Order.items).joinedload(Item.product)",
        ),
    ]
    assert [place(f.loop) for f in findings] == [marks["L1"], marks["L2"], marks["L3"]]
    assert [place(f.query) for f in findings] == [marks["Q1"], marks["Q2"], marks["Q3"]]
    assert {place(f.where) for f in findings} == {marks["W"]}


def two_keys_on_one_line(session):
    for transfer in session.scalars(select(Transfer)):  # L W
        (transfer.source, transfer.target)  # Q


def two_keys_by_name(session):
    for transfer in session.scalars(select(Transfer)):  # L W
        list(map(transfer.__getattribute__, ("source", "target")))  # Q


@pytest.mark.parametrize("run", [two_keys_on_one_line, two_keys_by_name])
def test_two_keys_into_one_table_are_two_findings_though_the_statement_is_one(run):
    findings, statements = on_session(run)
    marks = marked(run)
    assert sorted((f.relation, f.count, f.fix) for f in findings) == [
        ("Transfer.source", 4, "joinedload(Transfer.source)"),
        ("Transfer.target", 4, "joinedload(Transfer.target)"),
    ]
    assert {f.statement for f in findings} == {findings[0].statement}
    assert {(place(f.loop), place(f.query)) for f in findings} == {(marks["L"], marks["Q"])}
    assert len({text for text, _ in statements[1:]}) == 1


def two_rows(session):
    for passport in session.scalars(select(Passport).limit(2)):  # L W
        passport.customer  # Q


def one_row(session):
    for passport in session.scalars(select(Passport).limit(1)):
        passport.customer


def test_two_parents_are_enough_for_a_relation_and_one_is_not():
    judge(two_rows, count=2, relation="Passport.customer", fix="joinedload(Passport.customer)")
    clean(one_row)


@pytest.mark.parametrize("load", [joinedload, subqueryload, selectinload])
def test_a_relation_that_is_loaded_together_is_silent(load):
    def run(session):
        for customer in session.scalars(select(Customer).options(load(Customer.orders))).unique():
            for order in customer.orders:
                order.customer

    clean(run)


def loaded_at_once_and_one_by_one(session):
    session.scalars(select(Customer).options(immediateload(Customer.orders))).all()  # LQ


def test_loading_at_once_but_one_by_one_is_as_many_statements():
    fix = "selectinload(Customer.orders)"
    judge(loaded_at_once_and_one_by_one, count=4, relation="Customer.orders", fix=fix)


def test_chunks_of_a_select_in_load_are_silent():
    def run(session):
        session.execute(insert(CUSTOMERS_TABLE), [{"name": "n", "bio": ""}] * 1303)
        for customer in session.scalars(select(Customer).options(selectinload(Customer.orders))):
            customer.orders

    assert len(clean(run)) == 1 + 1 + 3


def test_a_last_chunk_of_one_is_silent():
    def run(session):
        session.execute(insert(CUSTOMERS_TABLE), [{"name": "n", "bio": ""}] * 497)
        session.scalars(select(Customer).options(selectinload(Customer.orders))).all()

    assert len(clean(run)) == 1 + 1 + 2


def one_batch_for_each(session):
    load = selectinload(Customer.orders)
    for n in (1, 2, 3):  # L
        session.scalars(select(Customer).where(Customer.id == n).options(load)).one()  # Q


def test_a_select_in_load_of_one_for_each_pass_of_a_loop_is_not_exempt():
    findings, _ = on_session(one_batch_for_each)
    marks = marked(one_batch_for_each)
    assert [(f.relation, f.count) for f in findings] == [("", 3), ("Customer.orders", 3)]
    assert findings[0].fix == "where(Customer.id.in_(ids))"
    assert {(place(f.loop), place(f.query)) for f in findings} == {(marks["L"], marks["Q"])}

    def fixed(session):
        ids, load = [1, 2, 3], selectinload(Customer.orders)
        session.scalars(select(Customer).where(Customer.id.in_(ids)).options(load)).all()

    clean(fixed)


def test_rows_that_are_streamed_are_silent():
    def run(session):
        load = selectinload(Customer.orders)
        for customer in session.scalars(
            select(Customer).options(load).execution_options(yield_per=1)
        ):
            customer.orders

    clean(run)


def test_what_the_session_has_already_runs_no_statement():
    def run(session):
        customers = session.scalars(select(Customer)).all()
        for order in session.scalars(select(Order)):
            order.customer
        return customers

    assert len(clean(run)) == 2


def test_rows_of_one_parent_run_one_statement():
    def run(session):
        for order in session.scalars(select(Order).where(Order.customer_id == 1)):
            order.customer

    assert len(clean(run)) == 2


def test_parents_loaded_singly_on_lines_of_their_own_are_silent():
    def run(session):
        first, second = session.get(Customer, 1), session.get(Customer, 2)
        first.orders
        second.orders

    clean(run)


def test_levels_of_a_select_in_load_are_silent_though_each_is_of_one():
    def run(session):
        load = selectinload(Node.children, recursion_depth=6)
        session.scalars(select(Node).where(Node.id == 1).options(load)).one()

    assert len(clean(run)) == 6


def climbed(session):
    node = session.get(Node, 5)
    while node is not None:  # L
        node = node.parent  # Q


def descended(session):
    def visit(node):
        for child in node.children:  # Q L
            visit(child)

    visit(session.get(Node, 1))


def test_a_way_up_and_down_a_tree_is_found():
    judge(climbed, count=4, relation="Node.parent", fix="joinedload(Node.parent)")
    judge(descended, count=5, relation="Node.children", fix="selectinload(Node.children)")


def climbed_fixed(session):
    load = selectinload(Node.parent, recursion_depth=-1)
    node = session.get(Node, 5, options=[load])
    while node is not None:
        node = node.parent


def descended_fixed(session):
    def visit(node):
        for child in node.children:
            visit(child)

    load = selectinload(Node.children, recursion_depth=-1)
    visit(session.get(Node, 1, options=[load]))


@pytest.mark.parametrize(
    ("run", "fixed", "fix"),
    [
        (climbed, climbed_fixed, "selectinload(Node.parent, recursion_depth=-1)"),
        (descended, descended_fixed, "selectinload(Node.children, recursion_depth=-1)"),
    ],
)
def test_a_tree_is_loaded_at_any_depth_by_the_fix(run, fixed, fix):
    findings, _ = on_session(run)
    assert fix in findings[0].fix
    clean(fixed)


def of_each_customer(session):
    customers = session.scalars(select(Customer)).all()
    for customer in customers:  # L
        session.scalars(select(Order).where(Order.customer == customer, Order.id > 0)).all()  # Q


def test_rows_that_are_chosen_by_an_object_are_chosen_by_its_key():
    judge(of_each_customer, count=4, fix="where(Order.customer_id.in_(ids))")


def dynamic(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        customer.dynamic.all()  # Q


def dynamic_filtered(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        customer.dynamic.filter(Order.id > 0).first()  # Q


def dynamic_counted(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        customer.dynamic.count()  # Q


def written(session):
    customers = session.scalars(select(Customer)).all()  # W
    for customer in customers:  # L
        session.scalars(customer.written.select()).all()  # Q


@pytest.mark.parametrize(
    ("run", "relation"),
    [
        (dynamic, "Customer.dynamic"),
        (dynamic_filtered, "Customer.dynamic"),
        (dynamic_counted, "Customer.dynamic"),
        (written, "Customer.written"),
    ],
)
def test_a_collection_that_is_a_query_is_named_and_asked_for_many(run, relation):
    fix = "select(Order).where(Order.customer_id.in_(ids))"
    judge(run, count=4, relation=relation, fix=fix)


def asked_by_parent(session):
    for customer in session.scalars(select(Customer)):  # L W
        session.scalars(select(Order).where(with_parent(customer, Customer.orders))).all()  # Q


def test_a_statement_with_a_parent_is_its_relation():
    fix = "selectinload(Customer.orders)"
    judge(asked_by_parent, count=4, relation="Customer.orders", fix=fix)


def test_a_session_that_outlives_its_recording_is_as_it_was():
    from tests.nplusone.shop import shop

    with shop() as engine, Session(engine) as session:
        before = session.scalars(select(Customer)).all()
        many_to_one(session)
        assert session.scalars(select(Customer)).all() == before
