"""What the dead have left is added up now and then, while nobody waits."""

import pytest

from inprofile.core.buckets import layout
from inprofile.core.cells import Cells, written
from inprofile.core.folding import EVERY_S, Folding
from inprofile.core.metrics import KEPT
from inprofile.core.slots import BASE, fold, snapshot

BOUNDS = layout()


@pytest.fixture
def clock():
    """Seconds that a test moves."""

    class Clock:
        now_s = 100.0

        def __call__(self):
            return self.now_s

    return Clock()


def die(directory, number):
    """Leave the file of a worker that has kept one trace."""
    cells = Cells(directory / f"{number}.1.{number}.cells", BOUNDS, 4 << 20)
    cells.add(cells.offset(KEPT, ("slow",)), 1)
    cells.close()


def files(directory):
    return sorted(path.name for path in directory.glob("*.cells"))


def kept(directory):
    return snapshot(directory, BOUNDS).series[KEPT.name, "slow"]


def test_it_folds_every_so_often_however_often_it_is_called(tmp_path, clock):
    folding = Folding(tmp_path, BOUNDS, clock)
    die(tmp_path, 1)
    seen = []
    for _ in range(4):
        folding()
        seen.append(files(tmp_path))
        clock.now_s += EVERY_S / 2
        if len(seen) == 3:
            die(tmp_path, 2)
    assert seen == [["1.1.1.cells"], ["1.1.1.cells"], [BASE], ["2.1.2.cells", BASE]]
    folding()
    assert (files(tmp_path), kept(tmp_path)) == ([BASE], [2])


@pytest.mark.parametrize("spoiled", [b"", b"something else", written({}, [1, 2])])
def test_a_base_that_it_cannot_read_is_left_to_a_worker_that_begins(tmp_path, clock, spoiled):
    """Workers of two versions would set each other's aside in turns."""
    (tmp_path / BASE).write_bytes(spoiled)
    die(tmp_path, 1)
    folding = Folding(tmp_path, BOUNDS, clock)
    clock.now_s += EVERY_S
    folding()
    assert (files(tmp_path), (tmp_path / BASE).read_bytes()) == (["1.1.1.cells", BASE], spoiled)
    assert kept(tmp_path) == [1]
    assert fold(tmp_path, BOUNDS) == 1
    assert (files(tmp_path), kept(tmp_path)) == ([BASE], [1])
