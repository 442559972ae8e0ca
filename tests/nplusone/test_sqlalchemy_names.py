"""The names of SQLAlchemy's that relations are read by: private ones, so each is pinned here."""
# ruff: noqa: B018 - reading an attribute is what runs a statement

import asyncio
import inspect

import greenlet  # type: ignore[import-untyped]
import pytest
from sqlalchemy import event, select
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session, loading, selectinload, with_parent
from sqlalchemy.orm import session as orm_session

from inprofile.core.guard import guard
from inprofile.integrations import _greenlet, _sqlalchemy_relations
from tests.nplusone.shop import Customer, Order, Passport, on_session, shop


@pytest.fixture
def contexts():
    """The contexts of what runs, with a session."""
    seen = []
    with shop() as engine, Session(engine) as session:

        @event.listens_for(engine, "before_cursor_execute")
        def listen(_connection, _cursor, _statement, _parameters, context, _many):
            seen.append(context)

        yield session, seen


def test_a_lazy_load_says_for_whom_and_what(contexts):
    session, seen = contexts
    passport = session.scalars(select(Passport)).first()
    passport.customer
    rows, load = seen
    assert _sqlalchemy_relations.LOAD_OPTIONS not in rows.execution_options
    options = load.execution_options[_sqlalchemy_relations.LOAD_OPTIONS]
    assert options._lazy_loaded_from is inspect.unwrap(passport._sa_instance_state)
    assert options._refresh_state is None
    path = load.compiled.compile_state.compile_options._current_path
    assert path.prop is Passport.customer.property
    assert path.path[-1] is path.prop
    assert rows.compiled.compile_state.compile_options._current_path.path == ()


def test_a_refresh_says_whom_and_which_columns(contexts):
    session, seen = contexts
    customer = session.scalars(select(Customer)).first()
    customer.bio
    session.refresh(customer)
    _, deferred, refreshed = seen
    options = deferred.execution_options[_sqlalchemy_relations.LOAD_OPTIONS]
    assert options._refresh_state is customer._sa_instance_state
    assert not options._is_user_refresh
    assert deferred.compiled.compile_state.compile_options._only_load_props == {"bio"}
    assert refreshed.execution_options[_sqlalchemy_relations.LOAD_OPTIONS]._is_user_refresh


def test_a_select_in_load_has_a_path_and_nobody_who_asks(contexts):
    session, seen = contexts
    session.scalars(select(Customer).options(selectinload(Customer.orders))).all()
    load = seen[-1]
    options = load.execution_options[_sqlalchemy_relations.LOAD_OPTIONS]
    assert (options._lazy_loaded_from, options._refresh_state) == (None, None)
    path = load.compiled.compile_state.compile_options._current_path
    assert path.prop is Customer.orders.property


def test_a_statement_has_its_class_its_criteria_and_their_operators(contexts):
    session, seen = contexts
    session.scalars(select(Order).where(Order.customer_id == 1)).all()
    statement = seen[-1].invoked_statement
    assert statement._propagate_attrs["plugin_subject"] is Order.__mapper__
    (criterion,) = statement._where_criteria
    assert criterion.operator.__name__ == "eq"
    assert criterion.left._annotations["proxy_key"] == "customer_id"
    assert criterion.right.__visit_name__ == "bindparam"


def test_a_comparison_with_a_parent_leads_to_its_relation(contexts):
    session, seen = contexts
    customer = session.get(Customer, 1)
    session.scalars(select(Order).where(with_parent(customer, Customer.orders))).all()
    found = _sqlalchemy_relations._of_parent(seen[-1].invoked_statement._where_criteria)
    assert found == (customer._sa_instance_state, Customer.orders.property)


def test_a_result_knows_its_run_and_objects_know_in_which_they_were_loaded(contexts):
    session, _ = contexts
    customer = session.scalars(select(Customer)).first()
    assert isinstance(customer._sa_instance_state.runid, int)
    assert customer._sa_instance_state.load_path.path[-1] is Customer.__mapper__
    assert "context" in loading.instances.__code__.co_cellvars or any(
        "context" in code.co_freevars
        for code in inspect.unwrap(loading.instances).__code__.co_consts
        if hasattr(code, "co_freevars")
    )


def test_functions_are_known_by_their_names():
    assert hasattr(orm_session.Session, "_flush")
    assert "chunks" in inspect.getsource(inspect.unwrap(loading.instances))


def test_a_greenlet_of_sqlalchemys_is_known_and_another_is_not():
    async def run():
        engine = create_async_engine("sqlite+aiosqlite://")
        async with AsyncSession(engine) as session:
            frame = await session.run_sync(lambda _session: _greenlet.awaiting())
        await engine.dispose()
        return frame

    assert asyncio.run(run()) is not None
    assert greenlet.greenlet(_greenlet.awaiting).switch() is None
    assert _greenlet.awaiting() is None


def lazily(session):
    for passport in session.scalars(select(Passport)):
        passport.customer


def test_where_a_name_is_gone_a_statement_is_found_without_its_relation(monkeypatch):
    monkeypatch.setattr(_sqlalchemy_relations, "LOAD_OPTIONS", "_renamed")
    (finding, *more), _ = on_session(lazily)
    assert (finding.kind, finding.relation, finding.count, more) == ("n_plus_one", "", 4, [])


def test_where_explaining_fails_a_statement_is_found_without_its_relation(monkeypatch):
    def fails(*_):
        raise AttributeError("renamed")

    monkeypatch.setattr(_sqlalchemy_relations, "way", fails)
    (finding, *more), _ = on_session(lazily)
    assert (finding.kind, finding.relation, finding.count, more) == ("n_plus_one", "", 4, [])
    assert guard.errors == 1
    guard.errors = 0
