"""What is said of readings: alike is said once, what is counted adds up."""

from __future__ import annotations

import numpy as np

from analytics.theft import Frame
from analytics.theft.grid import gridded
from analytics.theft.notes import together


def test_notes_of_pieces_are_put_together() -> None:
    times = np.array("2026-03-01", "datetime64[s]") + 3600 * np.array([0, 1, 2, 2, 3, 4])
    values = np.ones((6, 2), np.float32)
    values[0, 0] = values[1, 1] = -1
    values[5, 0] = 1e13
    first = gridded(Frame(("a {}", "b"), times, values), "readings {}")
    values[0, 1] = values[2, 1] = values[3, 1] = -2
    other = gridded(Frame(("c", "d"), times, values), "readings {}")
    assert first.notes == (
        "readings {}: 1 rows repeat a time, their values are averaged",
        "readings {}: 2 negative values are taken as gaps",
        "readings {}: 1 values above 1e+12 are taken as gaps",
    )
    assert together([first.noted, other.noted]).lines == (
        "readings {}: 1 rows repeat a time, their values are averaged",
        "readings {}: 6 negative values are taken as gaps",
        "readings {}: 2 values above 1e+12 are taken as gaps",
    )
