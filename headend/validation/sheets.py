"""From rows over many days to a day each, and back."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid
from analytics.vee.validated import NAMES, ValidatedFrame
from headend.validation.rows import Rows
from storage.validated_days import Days

_SUM: Final = np.uint32(1 << NAMES.index("sum"))


def by_day(values: ValidatedFrame, rows: Rows, asked: Grid, profiles: int) -> Days:
    """The days of `asked`, within those of `rows`; days on which no meter stood there at all are left out. `profiles`:
    the version of the class profiles that values may stand on.

    What was not expected has no value, and nothing failed there.
    """
    grid = rows.cells
    first = grid.days.index(asked.days[0])
    layout = grid.layout[first : first + len(asked.days)]
    width = int((layout >= 0).sum(axis=1).max())
    layout = layout[:, :width]

    def table(cells: NDArray[Any]) -> NDArray[Any]:
        if (layout >= 0).all():
            begins = int(layout[0, 0])
            return cells[:, begins : begins + layout.size].reshape(-1, width)
        return np.where(layout >= 0, cells[:, layout], np.zeros((), cells.dtype)).reshape(-1, width)

    expected = table(rows.expected)
    count = len(rows)
    made = Days(
        step_s=grid.step_s,
        point=np.repeat(rows.point, len(layout)),
        quantity=np.repeat(rows.quantity, len(layout)),
        day=np.tile(np.array(asked.days, "datetime64[D]"), count),
        start=np.tile(grid.starts[layout[:, 0]], count),
        count=np.tile((layout >= 0).sum(axis=1), count),
        steps=np.where(expected & (table(values.source) > 0), table(values.steps), 0),
        present=expected & (table(values.source) > 0),
        raw=np.where(expected & table(rows.present), table(rows.steps), 0),
        raw_present=expected & table(rows.present),
        source=np.where(expected, table(values.source), np.uint8(0)),
        method=np.where(expected, table(values.method), np.uint8(0)),
        reason=np.where(expected, table(values.reason), np.uint8(0)),
        failed=np.where(expected, table(values.failed | np.where(rows.apart, _SUM, np.uint32(0))), np.uint32(0)),
        version=np.zeros(count * len(layout), np.int64),
        run=np.zeros(count * len(layout), np.int64),
        profiles=np.where((expected & table(values.classed)).any(axis=1), profiles, 0),
    )
    there = expected.any(axis=1)
    return made if there.all() else made.take(there)


def places(grid: Grid, days: Days) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where each day's intervals stand in `grid`, as a table like those of `days`, and which of them do."""
    at = (days.day - np.datetime64(grid.days[0])).astype(np.int64)
    width = days.steps.shape[1]
    wide = np.full((len(grid.days), max(width, grid.layout.shape[1])), -1, np.int64)
    wide[:, : grid.layout.shape[1]] = grid.layout
    found = wide[at, :width]
    return found, (found >= 0) & days.inside
