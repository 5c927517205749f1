"""Rows at work: a quantity of a usage point each, its raw intervals and what is known of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid
from analytics.vee.frame import UNKNOWN, Frame, Totals, frame
from headend.validation.classes import klass
from headend.validation.intervals import Ints, Mask, Raw
from headend.validation.limits import limit_kw, limit_steps
from protocols.model import Quantity
from protocols.quantities import BY_ID, BY_NAME
from storage.circumstances import Point
from storage.registers import Stay

_SIBLINGS: Final = (
    ("export", BY_NAME["active_energy_import"].id, BY_NAME["active_energy_export"].id),
    ("reactive", BY_NAME["active_energy_import"].id, BY_NAME["reactive_energy_import"].id),
)
SIGNED: Final = (BY_NAME["active_energy_combined"].id,)
"""Import plus or less export, as the meter is set: it may count backwards."""


@dataclass(frozen=True, slots=True, eq=False)
class Quantified:
    """One quantity of some points. `unit`: what the register's last digit is worth, multiplied, in steps."""

    quantity: Quantity
    raw: Raw
    unit: Ints
    stays: Mapping[int, tuple[Stay, ...]]
    """By point."""
    apart: Ints
    """Meters and intervals that other registers contradict."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """n rows by point and quantity, on a grid; energies in steps. `totals` (gap, 4) by row. `expected`: a meter stood
    there, or before and after. The rest is as in `analytics.vee.frame.Frame`, a row each."""

    cells: Grid
    point: Ints
    quantity: Ints
    steps: Ints
    present: Mask
    expected: Mask
    apart: Mask
    """Intervals that other registers contradict."""
    unit: Ints
    limit: Ints
    facts: NDArray[np.uint8]
    clock_ms: Ints
    voltage: NDArray[np.int8]
    stays: tuple[tuple[Stay, ...], ...]
    klass: tuple[str, ...]
    totals: Ints

    def __len__(self) -> int:
        return len(self.point)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(f"{p} {BY_ID[q].name}" for p, q in zip(self.point.tolist(), self.quantity.tolist(), strict=True))

    def take(self, chosen: NDArray[np.int64]) -> Self:
        """Rows by number, in order."""
        row = np.full(len(self), -1, np.int64)
        row[chosen] = np.arange(len(chosen))
        totals = self.totals[row[self.totals[:, 0]] >= 0]
        totals[:, 0] = row[totals[:, 0]]
        more: dict[str, Any] = {each.name: getattr(self, each.name)[chosen] for each in fields(self)[1:12]}
        stays, klass = tuple(self.stays[at] for at in chosen), tuple(self.klass[at] for at in chosen)
        return type(self)(cells=self.cells, stays=stays, klass=klass, totals=totals, **more)

    def within(self, on: Grid, first_day: int) -> Self:
        """Of the days of `on`, the first of which is our day `first_day`."""
        first = int(self.cells.layout[first_day, 0])
        columns, days = slice(first, first + len(on)), slice(first_day, first_day + len(on.days))
        totals = self.totals[(self.totals[:, 1] >= columns.start) & (self.totals[:, 2] <= columns.stop)]
        totals[:, 1:3] -= first
        cut = {name: getattr(self, name)[:, columns] for name in ("steps", "present", "expected", "apart", "facts")}
        cut |= {name: getattr(self, name)[:, days] for name in ("clock_ms", "voltage")}
        kept = {name: getattr(self, name) for name in ("point", "quantity", "unit", "limit", "stays", "klass")}
        return type(self)(cells=on, totals=totals, **cut, **kept)

    def frame(self) -> Frame:
        siblings = {field: self._sibling(of, other) for field, of, other in _SIBLINGS}
        return frame(
            self.names, self.cells, self.steps, self.present, Totals(*self.totals.T.copy()), facts=self.facts,
            limit=self.limit, unit=self.unit, clock_ms=self.clock_ms, voltage=self.voltage, klass=self.klass,
            signed=np.isin(self.quantity, SIGNED), **siblings,
        )  # fmt: skip

    def _sibling(self, of: int, other: int) -> Ints:
        """For rows of the quantity `of` the row of the same point's `other`, else -1."""
        there = {point: row for row, point in enumerate(self.point.tolist()) if self.quantity[row] == other}
        pairs = zip(self.point.tolist(), self.quantity.tolist(), strict=True)
        return np.array([there.get(point, -1) if quantity == of else -1 for point, quantity in pairs], np.int64)


def rows_of(
    points: Sequence[Point],
    cells: Grid,
    found: Sequence[Quantified],
    always: Collection[tuple[int, int]],
    voltage: int,
) -> Rows:
    """A row for each point's first quantity, and for others of which something was read, or that `always` names.

    `always`: by point and quantity.
    """
    wanted = [
        (at, number)
        for at, point in enumerate(points)
        for number, one in enumerate(found)
        if one.raw.expected[at].any()
        and (number == 0 or one.raw.present[at].any() or (point.id, one.quantity.id) in always)
    ]
    at, number = np.array(wanted, np.int64).reshape(-1, 2).T
    row_of = np.full((len(found), len(points)), -1, np.int64)
    row_of[number, at] = np.arange(len(wanted))
    days, count = len(cells.days), len(wanted)
    made = {
        "steps": np.zeros((count, len(cells)), np.int64), "present": np.zeros((count, len(cells)), np.bool_),
        "expected": np.zeros((count, len(cells)), np.bool_), "apart": np.zeros((count, len(cells)), np.bool_),
        "unit": np.ones(count, np.int64),
        "limit": np.full(count, UNKNOWN),
    }  # fmt: skip
    totals = [np.zeros((0, 4), np.int64)]
    for n, one in enumerate(found):
        to, of = np.flatnonzero(number == n), at[number == n]
        made["steps"][to], made["present"][to] = one.raw.steps[of], one.raw.present[of]
        made["expected"][to], made["unit"][to] = one.raw.expected[of], one.unit[of]
        kw = [limit_kw(points[point], voltage) for point in of.tolist()]
        made["limit"][to] = [UNKNOWN if k is None else limit_steps(k, one.quantity, cells.step_s) for k in kw]
        gaps = one.raw.totals[row_of[n, one.raw.totals[:, 0]] >= 0]
        gaps[:, 0] = row_of[n, gaps[:, 0]]
        totals.append(gaps)
        for meter, cell in one.apart.tolist():
            moment = cells.start(cell + 1)
            for row, point in zip(to.tolist(), of.tolist(), strict=True):
                own = [stay for stay in one.stays[points[point].id] if stay.meter_id == meter]
                made["apart"][row, cell] |= any(stay.start < moment <= stay.end for stay in own)
    joined = np.concatenate(totals)
    return Rows(
        cells=cells, point=np.array([points[a].id for a, _ in wanted], np.int64),
        quantity=np.array([found[n].quantity.id for _, n in wanted], np.int64),
        facts=np.zeros((count, len(cells)), np.uint8), clock_ms=np.full((count, days), UNKNOWN),
        voltage=np.full((count, days), -1, np.int8),
        klass=tuple(klass(points[a].category, found[n].quantity.id) for a, n in wanted),
        stays=tuple(found[n].stays[points[a].id] for a, n in wanted),
        totals=joined[np.argsort(joined[:, 0], kind="stable")], **made,
    )  # fmt: skip
