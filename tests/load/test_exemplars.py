"""Exemplars of every worker stand in each scrape, whichever worker answers it."""

import re
import time

import httpx
import pytest

from tests.load.scrapes import FORMATS, workers
from tests.load.test_soak import SERVERS

JOB = re.compile(r'inprofile_job="job:(\d+)"[^\n]* # \{trace_id="([0-9a-f]{32})"\}')


def exemplars(url):
    """Of which workers' jobs an exemplar is in one scrape."""
    with httpx.Client(timeout=30) as client:
        answer = client.get(f"{url}/metrics", headers={"accept": FORMATS[1]})
        found = JOB.findall(answer.raise_for_status().text)
    return {int(pid) for pid, _ in found}


@pytest.mark.parametrize("kind", SERVERS)
def test_each_scrape_has_those_of_all_four_workers(serve, base, monkeypatch, kind):
    monkeypatch.setenv("INPROFILE_SAMPLE_RATE", "1")
    url = serve(*SERVERS[kind]).url
    seen, deadline = set(), time.monotonic() + 60
    while time.monotonic() < deadline:
        with httpx.Client(timeout=30) as client:
            seen.add(int(client.get(f"{url}/job").raise_for_status().text))
        if len(seen) == 4 and exemplars(url) == seen:  # what is kept is written twice a second
            break
    assert set(workers(url)) == seen
    assert [exemplars(url) for _ in range(16)] == [seen] * 16
