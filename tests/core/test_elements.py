"""Parameters are told apart by their values, and no code of anybody's class runs for that."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from uuid import UUID

import pytest

from inprofile.core.elements import element


def forbidden(*_args):
    raise AssertionError


FORBIDDEN = dict.fromkeys(
    (  # noqa: SIM905 - a list would take a line a word
        "__eq__ __hash__ __repr__ __str__ __bool__ __len__ __iter__ __getitem__ __int__ __index__"
        " __float__ __reduce__ __reduce_ex__ __getstate__"
    ).split(),
    forbidden,
)

VALUES = [
    (str, "a", "b"),
    (int, 1, 2),
    (float, 1.5, 2.5),
    (bytes, b"a", b"b"),
    (Decimal, "1.1", "1.2"),
    (UUID, "0" * 32, "1" * 32),
    (tuple, (1,), (2,)),
    (list, [1], [2]),
]
MOMENTS = [
    (datetime, (2026, 1, 1), (2026, 1, 2)),
    (date, (2026, 1, 1), (2026, 1, 2)),
    (time, (1,), (2,)),
    (timedelta, (1,), (2,)),
]
CASES = [*((kind, (one,), (two,)) for kind, one, two in VALUES), *MOMENTS]


@pytest.mark.parametrize(("kind", "one", "two"), CASES)
def test_values_of_a_class_made_of_a_plain_one_are_read_without_its_code(kind, one, two):
    made = type("Made", (kind,), FORBIDDEN)
    assert element((made(*one),)) == element((made(*one),))
    assert element((made(*one),)) != element((made(*two),))


def test_anything_else_is_told_apart_by_identity():
    made = type("Made", (), FORBIDDEN)
    one, two = made(), made()
    assert element((one,)) == element((one,))
    assert element((one,)) != element((two,))
