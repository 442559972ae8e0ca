"""The pytest plugin's hooks and fixtures. Nothing of inprofile is loaded before a test asks."""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from inprofile.testing.limit import Limit
    from inprofile.testing.recording import Recorded
    from inprofile.testing.session import Session
    from inprofile.testing.watch import Watch

FIXTURES = {"inprofile_record", "max_queries"}

fail_on_key = pytest.StashKey[frozenset[str]]()
session_key = pytest.StashKey["Session"]()
watch_key = pytest.StashKey["Watch"]()
called_key = pytest.StashKey[bool]()


def _option(config: pytest.Config) -> str | None:
    option = config.known_args_namespace.inprofile_fail_on
    return getattr(config.option, "inprofile_fail_on", None) if option is None else option


def _said(config: pytest.Config) -> list[str]:
    """What the option says, else what the ini file says."""
    option = _option(config)
    return config.getini("inprofile_fail_on") if option is None else [option]


def _session(config: pytest.Config) -> "Session":
    """What is kept for the whole run; inprofile runs from here on."""
    session = config.stash.get(session_key, None)
    if session is None:
        from inprofile.testing.session import Session

        session = config.stash[session_key] = Session(config.rootpath)
    return session


def _is_controller(config: pytest.Config) -> bool:
    """Whether xdist has other processes run the tests."""
    return bool(getattr(config.known_args_namespace, "numprocesses", None)) and not hasattr(
        config, "workerinput"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start before the application is imported: what it opens then is measured, too."""
    if any(map(str.strip, _said(early_config))) and not _is_controller(early_config):
        _start(early_config)


def pytest_configure(config: pytest.Config) -> None:
    """Read the options."""
    config.addinivalue_line(
        "markers",
        "inprofile(max_queries=None, allow=[], fail_on=[]): at most so many queries; findings to"
        " allow, as in INPROFILE_IGNORE; kinds to fail for instead of --inprofile-fail-on.",
    )
    said = _said(config)
    if any(map(str.strip, said)):
        if not _is_controller(config):
            _start(config)
        config.stash[fail_on_key] = _kinds(config, said)


def _kinds(config: pytest.Config, said: list[str]) -> frozenset[str]:
    from inprofile.testing.watch import kinds_of

    try:
        return kinds_of(said)
    except ValueError as error:
        where = "inprofile_fail_on" if _option(config) is None else "--inprofile-fail-on"
        raise pytest.UsageError(f"{where}: {error}") from None


def _start(config: pytest.Config) -> None:
    try:
        _session(config).start()
    except ValueError as error:  # a bad setting
        raise pytest.UsageError(str(error)) from None


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop, and put everything back."""
    session = config.stash.get(session_key, None)
    if session is not None:
        session.stop()


# One test


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """See whether the test asks for anything, before its fixtures are made."""
    config = item.config
    fail_on = config.stash.get(fail_on_key, frozenset())
    markers = any(item.iter_markers("inprofile"))
    fixtures = FIXTURES.intersection(getattr(item, "fixturenames", ()))
    if not (fail_on or markers or fixtures) or not isinstance(item, pytest.Function):
        return
    _begin(item)


def _begin(item: pytest.Item) -> "Watch":
    session = _session(item.config)
    fail_on = item.config.stash.get(fail_on_key, frozenset())
    try:
        session.start()
        watch = session.watch(item.nodeid, item.iter_markers("inprofile"), fail_on)
    except ValueError as error:
        pytest.fail(str(error), pytrace=False)
    item.stash[watch_key] = watch
    return watch


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Put the recording around the test's function itself, whoever calls it and wherever."""
    item.stash[called_key] = True
    watch = item.stash.get(watch_key, None)
    if watch is None or not isinstance(item, pytest.Function):
        return (yield)
    session = _session(item.config)
    function, instance = item.obj, getattr(item, "instance", None)
    judged: list[str] = []

    def judge() -> str:
        judged.append(session.verdict(watch, has_ended=True))
        return judged[-1]

    item.obj = around = watch.around(function, judge)
    is_unittest = "unittest" in sys.modules and isinstance(
        instance, sys.modules["unittest"].TestCase
    )
    if is_unittest:
        setattr(instance, item.name, around)  # pytest does so itself, unless it is a coroutine
    session.lines.on = True
    try:
        return (yield)
    finally:
        session.lines.on = False
        item.obj = function
        if is_unittest:
            vars(instance).pop(item.name, None)
        if not judged and (said := session.verdict(watch, has_ended=False)):
            item.add_report_section("call", "inprofile", said)  # beside the test's own failure


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Let the recording go: pytest keeps every test until the end."""
    if watch_key in item.stash:
        del item.stash[watch_key]
    if called_key in item.stash:
        del item.stash[called_key]


@pytest.fixture
def inprofile_record(request: pytest.FixtureRequest) -> "Recorded":
    """The recording of this test: ``traces``, ``findings`` and ``block``, filled while it runs."""
    watch = _watch(request)
    if called_key in request.node.stash and not watch.is_running:
        pytest.fail(
            "inprofile_record records a test from its beginning: let the test or a fixture of its"
            " take it as an argument",
            pytrace=False,
        )
    return watch.recorded


@pytest.fixture
def max_queries(request: pytest.FixtureRequest) -> "Callable[[int], Limit]":
    """Limits the queries of a ``with`` block, which fails the test when there are more."""
    return _watch(request).limit


def _watch(request: pytest.FixtureRequest) -> "Watch":
    """What watches the test; begun now if only ``request.getfixturevalue`` asks for it."""
    watch = request.node.stash.get(watch_key, None)
    return _begin(request.node) if watch is None else watch


# The whole run


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker of xdist hands over what it found."""
    handed: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    ours = session.config.stash.get(session_key, None)
    if handed is not None and ours is not None:
        handed["inprofile"] = ours.tally.plain()


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """The controller of xdist takes what a worker hands over."""
    plain = (getattr(node, "workeroutput", None) or {}).get("inprofile")
    if plain is not None:
        _session(node.config).tally.merge(plain)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """What was found where, each once, and what ignores nothing."""
    session = config.stash.get(session_key, None)
    lines = [] if session is None else list(session.tally.lines())
    if lines:
        terminalreporter.section("inprofile")
        for line in lines:
            terminalreporter.line(line)
