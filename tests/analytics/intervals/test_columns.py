"""Many meters at once get what each would get alone."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.intervals.columns import differences, placed
from analytics.intervals.cumulative import series
from analytics.intervals.grid import grid
from analytics.intervals.words import Mounting, Reading

BERLIN = ZoneInfo("Europe/Berlin")
GRID = grid(date(2026, 10, 25), date(2026, 10, 26), BERLIN, 60)
N = len(GRID)

random_ = st.lists(st.one_of(st.none(), st.integers(0, 10**9)), min_size=N + 1, max_size=N + 1)
rising = st.lists(st.integers(0, 10**6), min_size=N + 1, max_size=N + 1).map(lambda used: np.cumsum(used).tolist())
registers = random_ | rising


@given(st.lists(st.tuples(registers, st.sets(st.integers(0, N)), st.integers(1, 9)), min_size=1, max_size=4))
def test_columns_say_what_a_series_says(rows: list[tuple[list[int | None], set[int], int]]) -> None:
    values = np.array([[value or 0 for value in row] for row, _, _ in rows], np.int64)
    present = np.array([[v is not None and at not in lost for at, v in enumerate(row)] for row, lost, _ in rows])
    found = differences(values, present, np.array([multiplier for _, _, multiplier in rows]))
    for number, (_, _, multiplier) in enumerate(rows):
        own = values[number][present[number]].tolist()
        assert found.left[number] == (own != sorted(own))
        gaps = [tuple(total) for total in found.totals.tolist() if total[0] == number]
        if found.left[number]:
            assert not found.present[number].any()
            assert not gaps
            continue
        readings = [
            Reading("m", GRID.start(int(at)), Decimal(int(values[number, at]))) for at in np.nonzero(present[number])[0]
        ]
        alone = series(readings, [Mounting("m", GRID.start(0), GRID.start(N), Decimal(multiplier))], GRID)
        told = {GRID.place(interval.start): int(interval.energy) for interval in alone.intervals}
        assert {at: int(found.steps[number, at]) for at in np.nonzero(found.present[number])[0].tolist()} == told
        assert gaps == [
            (number, GRID.place(gap.start), GRID.place(gap.end), int(gap.energy))
            for gap in alone.gaps
            if gap.energy is not None
        ]


def test_what_does_not_fit_is_an_error() -> None:
    values = np.array([[0, 2**40]])
    with pytest.raises(OverflowError):
        differences(values, np.ones((1, 2), np.bool_), np.array([2**30]))


entries = st.lists(
    st.tuples(st.integers(0, 2), st.integers(-2, N + 1), st.sampled_from([0, 0, 0, 900]), st.integers(0, 3))
)


@given(entries, st.randoms(use_true_random=False))
def test_a_profile_is_placed_whatever_its_order(given_: list[tuple[int, int, int, int]], random: object) -> None:
    def made(rows: list[tuple[int, int, int, int]]) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int64]], ...]:
        columns = np.array(rows, np.int64).reshape(-1, 4).T
        row, at, off, steps = columns
        found = placed(GRID, 3, row, GRID.starts[0] + at * 3600 + off, steps)
        return found.steps, found.present.astype(np.int64), found.duplicate.astype(np.int64), found.off

    steps, present, duplicate, off = made(given_)
    expected: dict[tuple[int, int], set[int]] = {}
    for row, at, late, value in given_:
        if not late and 0 <= at < N:
            expected.setdefault((row, at), set()).add(value)
    for row in range(3):
        for at in range(N):
            values = expected.get((row, at), set())
            assert present[row, at] == (len(values) == 1)
            assert duplicate[row, at] == (len(values) > 1)
            assert steps[row, at] == (next(iter(values)) if len(values) == 1 else 0)
    assert [given_[k] for k in off] == [each for each in given_ if each[2] or not 0 <= each[1] < N]
    random.shuffle(given_)  # type: ignore[attr-defined]
    for one, other in zip((steps, present, duplicate), made(given_), strict=False):
        assert (one == other).all()
