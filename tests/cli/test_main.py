"""The command itself: its version, its help, and what it says where extras are missing."""

import pytest

from inprofile import __version__

BLOCK = """
import sys
class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == {name!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)
sys.meta_path.insert(0, Missing())
"""


def test_the_version(inprofile):
    assert inprofile("--version") == (0, f"inprofile, version {__version__}\n", "")


def test_help_names_the_commands_with_examples(inprofile):
    code, out, _ = inprofile("--help")
    assert code == 0
    for words in (
        "inprofile status     which apps",
        "inprofile report     where the time",
        "inprofile rules      Prometheus rules",
        "Exit codes",
    ):
        assert words in out


def test_no_command_is_wrong_usage(inprofile):
    code, _, err = inprofile()
    assert code == 2
    assert err.startswith("Usage: inprofile [OPTIONS] COMMAND")


def test_an_unknown_command_is_wrong_usage(inprofile):
    code, out, err = inprofile("repotr")
    assert (code, out) == (2, "")
    assert "No such command 'repotr'" in err


@pytest.mark.parametrize("name", ["click", "rich"])
def test_a_missing_extra_is_said_with_its_pip_command(shell, name):
    done = shell("inprofile report", before=BLOCK.format(name=name))
    message = f"inprofile: the command line needs {name}: pip install 'inprofile[cli]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)


def test_another_missing_module_is_no_missing_extra(shell):
    done = shell("inprofile report", before=BLOCK.format(name="sqlite3"))
    assert done.returncode == 1
    assert done.stderr.endswith("ModuleNotFoundError: No module named 'sqlite3'\n")
