"""The commands that benchmarks/README.md and each --help show are understood."""

import re
import shlex
from pathlib import Path

import pytest

from benchmarks.__main__ import COMMANDS, main, parser

README = Path(__file__).parents[2] / "benchmarks" / "README.md"
SHOWN = "\n".join([README.read_text(), *(command.EXAMPLES for command in COMMANDS.values())])
LINES = sorted(set(re.findall(r"^ *scripts/bench (.+)$", SHOWN, re.MULTILINE)))


@pytest.mark.parametrize("line", LINES)
def test_a_command_that_is_shown_is_understood(line):
    command, *_ = words = shlex.split(line, comments=True)
    assert parser().parse_args(words).command == command


def test_every_command_is_shown_and_helped_with(capsys):
    assert {line.split()[0] for line in LINES} == set(COMMANDS)
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert all(name in shown and module.SUMMARY[:20] in shown for name, module in COMMANDS.items())


@pytest.mark.parametrize("words", [[], ["nonesuch"]], ids=["none", "unknown"])
def test_without_a_known_command_it_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "COMMAND" in capsys.readouterr().err
