"""Which processes belong together, and the directory that is theirs alone."""

import os
import stat
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from inprofile.core.buckets import layout
from inprofile.core.group import (
    KEEP_GROUPS,
    KEEP_S,
    Group,
    UnsafeDirectory,
    default_base,
    identify,
    prepare,
    started_ticks,
    supervisor,
)
from inprofile.core.slots import claim
from tests.child import environment, run

linux = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="reads /proc")

BOUNDS = layout()


# Who belongs together

SAY = """
import json, multiprocessing, os, sys
from pathlib import Path
from inprofile.core.group import identify

def name():
    return identify(Path("base"), sys.argv[2] if len(sys.argv) > 2 else "shop", "").name

def forked(say):
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        os.write(writes, say().encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writes)
    with open(reads) as answer:
        return answer.read()

def spawned(method):
    with multiprocessing.get_context(method).Pool(2) as pool:
        return pool.map(_name, range(4), chunksize=1)

def _name(_):
    return name()

if __name__ == "__main__":
    if sys.argv[1] == "fork":
        found = [name(), forked(name), forked(name)]
    elif sys.argv[1] == "both":
        found = [name(), forked(name), *spawned("spawn")]
    elif sys.argv[1] == "alone":
        found = [name()]
    else:
        found = [name(), *spawned(sys.argv[1])]
    print(json.dumps(found))
"""


@pytest.fixture
def say(tmp_path):
    """A program that prints the names of its own group and of its children's."""
    program = tmp_path / "say.py"
    program.write_text(SAY)
    return program


@linux
@pytest.mark.parametrize("kind", ["fork", "spawn", "forkserver", "both"])
def test_a_supervisor_and_the_workers_that_it_starts_are_one_group(say, kind):
    names = run(say, kind)
    assert len(names) > 2
    assert set(names) == {names[0]}
    assert names[0].startswith("shop-")


@linux
def test_two_apps_that_one_shell_started_do_not_mix_nor_with_their_shell(say):
    lines = subprocess.run(
        ["sh", "-c", '"$1" "$2" alone & "$1" "$2" alone; wait', "sh", sys.executable, say],
        env=environment(),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.splitlines()
    assert len(lines) == 2
    assert lines[0] != lines[1]


@linux
def test_a_restarted_supervisor_is_another_group_even_with_the_same_process_id():
    ticks = started_ticks(os.getpid())
    assert ticks.isdecimal()
    assert ticks != started_ticks(1)
    assert started_ticks(2**22 + 1) == "0"


def test_a_process_on_its_own_is_its_own_supervisor():
    script = """
import json, os
from inprofile.core.group import supervisor
print(json.dumps([supervisor(), os.getpid()]))
"""
    found, own = run(script)
    assert found == own
    assert supervisor() in {os.getpid(), os.getppid()}


def test_the_service_and_the_command_line_tell_groups_apart(tmp_path, monkeypatch):
    shop, again, mail = (identify(tmp_path, name, "").name for name in ("shop", "shop", "mail"))
    monkeypatch.setattr("sys.argv", [*sys.argv, "--port=2"])
    other_port = identify(tmp_path, "shop", "").name
    assert shop == again
    assert len({shop, mail, other_port}) == 3


def test_without_a_service_the_group_is_named_after_the_program(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["/srv/my app/manage.py", "runserver"])
    assert identify(tmp_path, "", "").name.startswith("manage.py-")


def test_an_override_names_the_group_outright(tmp_path):
    assert identify(tmp_path, "shop", "blue") == Group("blue", tmp_path / "blue")
    assert identify(tmp_path, "mail", "blue") == Group("blue", tmp_path / "blue")


@given(st.text(min_size=1), st.text())
@example(".", ".")
@example("..", "..")
@example("../../etc", "/etc")
def test_no_name_leads_out_of_the_base(override, service):
    base = Path("/base")
    for group in (identify(base, service, override), identify(base, service, "")):
        assert Path(os.path.normpath(group.directory)).parent == base
        assert group.directory.name == group.name
        assert len(group.name) <= 120


def test_the_default_base_is_the_users_own():
    assert default_base().name == f"inprofile-{os.getuid()}"


# The directory


def modes(*directories):
    return [stat.S_IMODE(directory.stat().st_mode) for directory in directories]


def test_the_directories_are_made_private(tmp_path):
    base, group = tmp_path / "deep" / "base", tmp_path / "deep" / "base" / "shop"
    before = os.umask(0)
    try:
        prepare(base, group)
    finally:
        os.umask(before)
    assert modes(base, group) == [0o700, 0o700]
    prepare(base, group)


def refused(base, group):
    with pytest.raises(UnsafeDirectory) as raised:
        prepare(base, group)
    return str(raised.value)


@pytest.mark.parametrize("which", ["base", "group"])
@pytest.mark.parametrize("made", ["link", "dangling link", "file", "open", "group-readable"])
def test_a_directory_that_is_not_ours_alone_is_refused_with_what_to_do(tmp_path, which, made):
    base, group = tmp_path / "base", tmp_path / "base" / "shop"
    bad = base if which == "base" else group
    if which == "group":
        base.mkdir(0o700)
    (tmp_path / "elsewhere").mkdir(0o700)
    if made == "link":
        bad.symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    elif made == "dangling link":
        bad.symlink_to(tmp_path / "nowhere")
    elif made == "file":
        bad.write_text("")
    else:
        bad.mkdir()
        bad.chmod(0o777 if made == "open" else 0o750)
    problem = {
        "open": "is open to other users (mode 0777)",
        "group-readable": "is open to other users (mode 0750)",
    }.get(made, "is a symbolic link or not a directory")
    assert refused(base, group) == (
        f"INPROFILE_DIR: {bad} {problem}. Allowed: a directory of our own with mode 0700. "
        "Remove it, chmod 700 it, or set INPROFILE_DIR to another place."
    )
    assert list((tmp_path / "elsewhere").iterdir()) == []


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path):
    base = tmp_path / "base"
    base.mkdir(0o700)
    os.chown(base, 65534, -1)
    assert f"{base} belongs to user 65534, and we are 0" in refused(base, base / "shop")


def test_a_base_that_cannot_be_made_is_an_operating_system_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="Not a directory"):
        prepare(tmp_path / "file" / "base", tmp_path / "file" / "base" / "shop")


# Groups that have ended


def ended(base, name, age_s):
    """A group whose workers are gone, last touched ``age_s`` ago."""
    directory = base / name
    directory.mkdir(0o700)
    claim(directory, BOUNDS, 1 << 20).close()
    aged(directory, age_s)
    return directory


def aged(directory, age_s):
    then = time.time() - age_s
    os.utime(directory, (then, then))


@pytest.fixture
def base(tmp_path):
    made = tmp_path / "base"
    made.mkdir(0o700)
    return made


def names(base):
    return {path.name for path in base.iterdir() if path.name != "removal.lock"}


def test_the_newest_ended_groups_are_kept_and_older_ones_removed(base):
    for number in range(KEEP_GROUPS + 5):
        ended(base, f"shop-{number}", 100 + number)
    prepare(base, base / "mine")
    assert names(base) == {"mine"} | {f"shop-{number}" for number in range(KEEP_GROUPS)}


def test_groups_that_ended_long_ago_are_removed(base):
    ended(base, "old", KEEP_S + 100)
    ended(base, "recent", KEEP_S - 100)
    prepare(base, base / "mine")
    assert names(base) == {"mine", "recent"}


def test_a_living_group_is_never_removed_however_old(base):
    directory = base / "living"
    directory.mkdir(0o700)
    cells = claim(directory, BOUNDS, 1 << 20)
    aged(directory, KEEP_S * 10)
    for number in range(KEEP_GROUPS):
        ended(base, f"shop-{number}", 100)
    prepare(base, base / "mine")
    assert directory.exists()
    cells.close()
    prepare(base, base / "mine")
    assert not directory.exists()


def test_what_is_not_a_group_of_ours_is_never_touched(base, tmp_path):
    """INPROFILE_DIR may be a place where the user keeps other things."""
    photos = base / "photos"
    photos.mkdir(0o700)
    (photos / "cat.jpg").write_text("meow")
    (base / "notes.txt").write_text("buy milk")
    outside = ended(tmp_path, "outside", KEEP_S + 100)
    (base / "link").symlink_to(outside, target_is_directory=True)
    aged(photos, KEEP_S * 10)
    prepare(base, base / "mine")
    assert names(base) == {"mine", "photos", "notes.txt", "link"}
    assert names(photos) == {"cat.jpg"}
    assert "base.cells" in names(outside) or "fold.lock" in names(outside)


def test_workers_that_start_at_once_may_remove_the_same_groups(base):
    for number in range(KEEP_GROUPS + 30):
        ended(base, f"shop-{number}", 100 + number)
    script = """
import os, sys
from pathlib import Path
from inprofile.core.group import prepare
base = Path(sys.argv[1])
children = []
for number in range(8):
    child = os.fork()
    if not child:
        try:
            prepare(base, base / "mine")
        except BaseException as error:
            os.write(2, repr(error).encode())
            os._exit(1)
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children])
"""
    assert Counter(run(script, base)) == {0: 8}
    assert len(names(base)) == KEEP_GROUPS + 1
