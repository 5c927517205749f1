"""Gathering: the same captures as a dictionary would hold, the first number of each place."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from protocols.push.arrivals import MeterKey
from protocols.push.readings import Readings

SMALL = st.integers(0, 2)
ROWS = st.lists(
    st.tuples(SMALL, SMALL, st.integers(1, 2), st.integers(0, 7), SMALL, st.integers(-9, 9), st.booleans()), max_size=40
)


@given(rows=ROWS)
def test_gathered(rows: list[tuple[int, int, int, int, int, int, bool]]) -> None:
    columns = np.array(rows, np.int64).reshape(-1, 7).T
    present = columns[6].astype(np.bool_)
    arrivals = Readings(
        columns[0].astype(np.intp),
        columns[1].astype(np.intp),
        columns[2].astype(np.int16),
        columns[3].astype(np.intp),
        columns[4].copy(),
        np.where(present, columns[5], 0),
        present,
        np.where(present, 0, 1).astype(np.uint8),
    ).gathered((MeterKey("A"), MeterKey("B"), MeterKey("C")), ())
    expected: dict[tuple[int, int, int, int], dict[int, int | None]] = {}
    for message, key, layout, position, time, number, is_number in rows:
        capture = expected.setdefault((message, key, layout, time), {})
        if capture.get(position) is None:
            capture[position] = number if is_number else None
    found: dict[tuple[int, int, int, int], dict[int, int | None]] = {}
    for row in range(len(arrivals)):
        place = (arrivals.message[row], arrivals.key[row], arrivals.layout[row], arrivals.time_us[row])
        capture = found.setdefault(place, {})
        assert not capture, "one row a capture"
        for position in range(8):
            if arrivals.present[row, position]:
                capture[position] = int(arrivals.values[row, position])
                assert arrivals.quality[row, position] == 0
            elif arrivals.quality[row, position]:
                capture[position] = None
    assert found == expected
