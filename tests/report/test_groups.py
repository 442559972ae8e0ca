"""Which groups there are, which one is meant, and what cannot be read."""

import os
import sqlite3

import pytest

from inprofile.analysis.unknown import Unknown
from inprofile.core import cells
from inprofile.core.slots import LOCK
from inprofile.report.groups import CannotRead, NothingToReport, choose, find, read, started_s
from inprofile.storage.store import FILE, SCHEMA_VERSION
from tests.analysis.group import Group


@pytest.fixture
def base(tmp_path):
    """A base directory and a way to make groups in it that were active at a given time."""
    made = []

    def group(name, active_s, *, live):
        group = Group(tmp_path / name)
        made.append(group)
        group.worker().request("/", own_ms=1)
        if not live:
            group.end()
        for path in (tmp_path / name).iterdir():
            os.utime(path, (active_s, active_s))
        return group

    yield group
    for each in made:
        each.end()


def test_groups_are_found_the_most_recently_active_first(base, tmp_path):
    base("a", 100, live=False)
    base("b", 300, live=False)
    base("c", 200, live=False)
    (tmp_path / "no group").mkdir()
    (tmp_path / "a file").touch()
    assert [group.name for group in find(tmp_path)] == ["b", "c", "a"]


def test_a_groups_own_directory_will_do(base, tmp_path):
    base("a", 100, live=True)
    assert [group.name for group in find(tmp_path / "a")] == ["a"]


def test_the_only_live_group_is_chosen_without_a_word(base, tmp_path):
    base("live", 100, live=True)
    base("newer but ended", 200, live=False)
    chosen = choose(find(tmp_path))
    assert (chosen.group.name, chosen.remark) == ("live", "")


def test_of_several_live_groups_the_most_recently_active_is_chosen_and_the_others_named(
    base, tmp_path
):
    for name, active_s in (("a", 100), ("b", 300), ("c", 200)):
        base(name, active_s, live=True)
    chosen = choose(find(tmp_path))
    assert chosen.group.name == "b"
    assert chosen.remark == (
        "group b: the most recently active; live too: c, a. Choose one with --group NAME."
    )


def test_of_ended_groups_the_newest_is_chosen_and_said_to_have_ended(base, tmp_path):
    base("a", 100, live=False)
    base("b", 200, live=False)
    chosen = choose(find(tmp_path))
    assert chosen.group.name == "b"
    assert chosen.remark == (
        "group b: all of its workers have ended; these are the counts that they left; "
        "ended too: a. Choose one with --group NAME."
    )


@pytest.mark.parametrize(("name", "chosen"), [("shop", "shop"), ("oth", "other-1")])
def test_a_group_is_named_by_its_name_or_its_beginning(base, tmp_path, name, chosen):
    for each in ("shop", "shop-2", "other-1"):
        base(each, 100, live=False)
    assert choose(find(tmp_path), name).group.name == chosen


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x", "there is no group 'x'; there are: b-1, b-2. Choose one with --group NAME."),
        ("b", "several groups begin with 'b'; there are: b-1, b-2. Choose one with --group NAME."),
    ],
)
def test_a_name_that_fits_none_or_several_is_refused(base, tmp_path, name, message):
    base("b-1", 200, live=False)
    base("b-2", 100, live=False)
    with pytest.raises(CannotRead) as refused:
        choose(find(tmp_path), name)
    assert str(refused.value) == message


def test_where_nothing_was_measured_it_says_what_to_do(tmp_path):
    start = "Start the app with inprofile.instrument(app) and send it a request, or say where it "
    where = "keeps its counts: --dir DIR or INPROFILE_DIR."
    with pytest.raises(NothingToReport) as nothing:
        find(tmp_path)
    assert str(nothing.value) == f"no app has been measured in {tmp_path}. {start}{where}"
    with pytest.raises(NothingToReport) as nothing:
        find(tmp_path / "x")
    assert str(nothing.value) == f"there is no {tmp_path / 'x'}. {start}{where}"


def test_a_file_is_no_place_for_groups(tmp_path):
    (tmp_path / "x").touch()
    with pytest.raises(CannotRead, match=r"x is not a directory\. Give one with --dir DIR\.$"):
        find(tmp_path / "x")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_directory_of_another_user_is_said_so(tmp_path):
    (tmp_path / "x").mkdir(mode=0)
    with pytest.raises(CannotRead, match=r"Permission denied\. Run this as the user that runs"):
        find(tmp_path / "x")


def test_a_group_in_which_nothing_was_counted(group):
    group.worker()
    with pytest.raises(NothingToReport, match=r"^group shop has counted nothing yet"):
        read(*find(group.directory))


def test_the_facts_of_a_live_group(shop):
    found = read(*find(shop.directory))
    assert found.requests.count == 4
    assert found.source.workers == (os.getpid(),)
    assert found.source.started_s == (shop.directory / LOCK).stat().st_mtime
    assert found.source.seconds is not None


def test_the_start_of_a_group_outlives_its_workers(group):
    group.worker().request("/", own_ms=1)
    os.utime(group.directory / LOCK, (100, 100))
    group.end()
    group.worker().request("/", own_ms=1)
    assert started_s(group.directory) == 100
    (group.directory / LOCK).unlink()
    assert started_s(group.directory) is None


def test_counts_of_another_version_alone_are_said_so(group):
    group.worker().cells.words[1] = cells.VERSION + 1
    with pytest.raises(
        CannotRead, match=r"written by another version .* pip install --upgrade inp"
    ):
        read(*find(group.directory))


def test_counts_of_another_version_beside_ours_are_a_gap(group):
    group.worker().request("/", own_ms=1)
    newer = group.worker()
    newer.request("/", own_ms=1)
    newer.cells.words[1] = cells.VERSION + 1
    found = read(*find(group.directory))
    why = "another version of inprofile wrote them"
    assert found.requests.count == 1
    assert found.unknown[0] == Unknown("counter files left out", 1, why)


def test_nothing_but_alien_files(group):
    group.directory.mkdir()
    (group.directory / "0.1.1.cells").write_bytes(b"x" * 4096)
    with pytest.raises(CannotRead, match=r"can be read \(1: they are not inprofile's\)"):
        read(*find(group.directory))


def test_stored_traces_of_a_newer_schema_are_said_so(shop):
    with sqlite3.connect(shop.directory / FILE) as db:
        db.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    db.close()
    with pytest.raises(CannotRead, match=r"was written by a newer inprofile .* pip install --upgr"):
        read(*find(shop.directory))


def test_a_damaged_store_is_a_gap_and_hides_no_count(shop):
    for path in shop.directory.glob(f"{FILE}*"):
        path.unlink()
    (shop.directory / FILE).write_bytes(b"no database" * 100)
    found = read(*find(shop.directory))
    why = f"{FILE} cannot be read: file is not a database"
    assert found.unknown[0] == Unknown("findings and kept traces", 0, why)
    assert (found.requests.count, found.findings) == (4, ())
