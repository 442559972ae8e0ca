"""The label on a parcel, drawn pixel by pixel."""

from typing import Final

SIDE: Final = 160


def draw(number: int) -> str:
    """Return the dark pixels of each row as a hexadecimal number: some 10 ms of pure Python."""
    rows = []
    state = number
    for _ in range(SIDE):
        bits = 0
        for _ in range(SIDE):
            state = (state * 1_103_515_245 + 12_345) % 2**31
            bits = bits << 1 | state >> 30
        rows.append(f"{bits:x}")
    return "\n".join(rows)
