"""``inprofile status``: which groups there are."""

import os
import re


def test_it_lists_every_group_with_its_workers_and_requests(inprofile, group, tmp_path):
    old = type(group)(tmp_path / "old-one")
    old.worker().request("/", own_ms=1)
    old.end()
    for path in old.directory.iterdir():
        os.utime(path, (1_000, 1_000))
    for _ in range(2):
        worker = group.worker()
        for _ in range(600):
            worker.request("/", own_ms=1)
    code, out, err = inprofile("status", "--dir", tmp_path)
    assert (code, err) == (0, "")
    heads, live, ended = (re.split(r"  +", line) for line in out.splitlines())
    assert heads == ["group", "live workers", "requests", "last change"]
    assert live[:3] == ["live", "2", "1,200"]
    assert ended[:3] == ["old-one", "0", "1"]
    assert live[3].endswith(" s ago")
    assert re.fullmatch(r"\d+ d( \d+ h)? ago", ended[3])


def test_no_group(inprofile, tmp_path):
    code, out, err = inprofile("status", "--dir", tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith(f"inprofile: no app has been measured in {tmp_path}. ")
