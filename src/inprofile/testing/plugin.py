"""The pytest plugin's way in. pytest imports it for every run: it adds options and no more."""

from types import SimpleNamespace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

NAME = "inprofile-hooks"
"""What the hooks are registered as; whoever comes second finds them there."""


def pytest_addoption(parser: "pytest.Parser", pluginmanager: "pytest.PytestPluginManager") -> None:
    """Declare the options, and register the hooks and fixtures, once."""
    if pluginmanager.has_plugin(NAME):
        return
    said = (
        "Fail tests for findings of these kinds, separated by commas: n_plus_one, repeated_query, "
        "http_n_plus_one, cache_n_plus_one, slow_query, sync_io_on_loop, unused_eager_load, "
        "blocked_event_loop; or all, which are all but the last two, as a test may read less of "
        "what it loads than a page does, and shares its processor with other tests"
    )
    group = parser.getgroup("inprofile", "inprofile: N+1 queries and other findings")
    group.addoption("--inprofile-fail-on", metavar="KINDS", default=None, help=said)
    parser.addini("inprofile_fail_on", said, type="linelist", default=[])
    from inprofile.testing import hooks

    pluginmanager.register(hooks, NAME)


entry = SimpleNamespace(pytest_addoption=pytest_addoption)
"""What the package's entry point names. Not the module: pytest takes no plugin under two names, and
it may be asked for by its module, too."""
