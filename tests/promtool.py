"""Prometheus' own tool, which checks rules and configurations and plays series to rules."""

import json
import re
import subprocess

import pytest

from tests.servers import system_program


class Promtool:
    """It, in a directory of a test."""

    def __init__(self, program, directory):
        self._program = program
        self._directory = directory

    def check(self, what, text, name="checked.yml"):
        """What it says of a file of ``rules`` or a ``config``; fails unless all is well."""
        file = self._directory / name
        file.write_text(text)
        return self._run("check", what, file)

    def play(self, rules, series, *, look="1m", alerts=(), values=()):
        """Play ``series`` with a sample a minute, and compare what ``rules`` make of it.

        They are looked at every ``look``. ``alerts`` are (time, name, [(labels, annotations)]),
        ``values`` (time, query, {series: value}).
        """
        (self._directory / "rules.yml").write_text(rules)
        test = {
            "interval": "1m",
            "input_series": [{"series": name, "values": said} for name, said in series.items()],
            "alert_rule_test": [
                {
                    "eval_time": at,
                    "alertname": name,
                    "exp_alerts": [
                        {"exp_labels": labels, "exp_annotations": said} for labels, said in found
                    ],
                }
                for at, name, found in alerts
            ],
            "promql_expr_test": [
                {
                    "eval_time": at,
                    "expr": query,
                    "exp_samples": [{"labels": of, "value": found[of]} for of in found],
                }
                for at, query, found in values
            ],
        }
        told = {
            "rule_files": ["rules.yml"],
            "evaluation_interval": look,
            "group_eval_order": re.findall('- name: "(.*)"', rules),
            "tests": [test],
        }
        file = self._directory / "test.yml"
        file.write_text(json.dumps(told))
        return self._run("test", "rules", file)

    def _run(self, *arguments):
        command = [self._program, *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 0, said
        return said


@pytest.fixture
def promtool(tmp_path):
    program = system_program("promtool")
    if program is None:
        pytest.skip("promtool is not installed: apt-get install prometheus")
    return Promtool(program, tmp_path)
