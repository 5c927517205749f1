"""Energies by interval out of the stored registers, for analyses: approximate numbers, never for bills.

Multipliers, exchanges and recorded resets are accounted for; an interval of which a boundary was not read is a gap, and
nothing is put into it. Memory is bounded by taking some names at a time (`batches`).
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.columns import differences
from analytics.intervals.cumulative import series
from analytics.intervals.grid import Grid, grid
from analytics.intervals.words import Mounting, Reading
from analytics.theft import Frame
from headend.series.board import Board, board
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from storage.registers import Of, Registers, Stay

IMPORT: Final = BY_NAME["active_energy_import"]
EXPORT: Final = BY_NAME["active_energy_export"]
_CELLS: Final = 500_000
"""Registers that are held at once."""
_NEAR: Final = timedelta(minutes=1)

Cells = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Energies:
    """`wh` (interval, name): Wh (varh) of each interval of the grid, NaN for a gap. Names in order."""

    grid: Grid
    names: tuple[str, ...]
    wh: Cells

    @property
    def starts(self) -> NDArray[np.datetime64]:
        """Of the intervals, UTC."""
        return self.grid.starts.astype("datetime64[s]")

    @property
    def wall(self) -> NDArray[np.datetime64]:
        """Of the intervals on the zone's wall clock: on the day of 25 hours an hour stands there twice."""
        days = np.array(self.grid.days, "datetime64[D]")[self.grid.day]
        found: NDArray[np.datetime64] = days + (self.grid.slot * self.grid.step_s).astype("timedelta64[s]")
        return found


async def energies(
    conninfo: str,
    of: Of,
    names: Sequence[str] | None,
    days: tuple[date, date],
    zone: ZoneInfo,
    *,
    step_minutes: int = 15,
    quantity: Quantity = IMPORT,
    near: timedelta = _NEAR,
) -> Energies:
    """Of the local days [first, until), all named at once; `names` None: all that were there.

    A register read within `near` of a boundary counts as the boundary's, the nearest first. Raises `ValueError` for
    days that are none, storage errors.
    """
    found = [
        batch
        async for batch in batches(
            conninfo, of, names, days, zone, step_minutes=step_minutes, quantity=quantity, near=near
        )
    ]
    cells = grid(*days, zone, step_minutes)
    if not found:
        return Energies(cells, (), np.zeros((len(cells), 0)))
    return Energies(cells, sum((b.names for b in found), ()), np.concatenate([b.wh for b in found], axis=1))


async def frame(
    conninfo: str,
    of: Of,
    names: Sequence[str] | None,
    days: tuple[date, date],
    zone: ZoneInfo,
    *,
    step_minutes: int = 15,
    quantity: Quantity = IMPORT,
) -> Frame:
    """The same by local time, for analyses that reckon in float32 anyway: half of it is held."""
    names_of: list[str] = []
    parts: list[NDArray[np.float32]] = []
    wall = None
    async for batch in batches(conninfo, of, names, days, zone, step_minutes=step_minutes, quantity=quantity):
        names_of += batch.names
        parts.append(batch.wh.astype(np.float32))
        wall = batch.wall
    if wall is None:
        nobody = Energies(grid(*days, zone, step_minutes), (), np.zeros((0, 0)))
        return Frame((), nobody.wall, np.zeros((len(nobody.grid), 0), np.float32))
    return Frame(tuple(names_of), wall, np.concatenate(parts, axis=1))


async def batches(
    conninfo: str,
    of: Of,
    names: Sequence[str] | None,
    days: tuple[date, date],
    zone: ZoneInfo,
    *,
    step_minutes: int = 15,
    quantity: Quantity = IMPORT,
    near: timedelta = _NEAR,
) -> AsyncIterator[Energies]:
    """The same some names at a time, so that a few million registers are held and no more."""
    cells = grid(*days, zone, step_minutes)
    span = cells.start(0), cells.start(len(cells))
    async with Registers(conninfo) as registers:
        stays = await registers.stays(of, names, quantity, *span)
        by_name = [(key, tuple(own)) for key, own in groupby(stays, key=lambda stay: stay.key)]
        size = max(_CELLS // (len(cells) + 1), 1)
        for at in range(0, len(by_name), size):
            chosen = by_name[at : at + size]
            meters = sorted({stay.meter_id for _, own in chosen for stay in own})
            read = await registers.at_boundaries(meters, quantity, span, timedelta(minutes=step_minutes), near)
            held = board(cells, meters, read.meter_id, read.time_us, read.steps)
            columns = [_energy(held, cells, own, quantity, of in (Of.AREA, Of.FEEDER)) for _, own in chosen]
            yield Energies(cells, tuple(key for key, _ in chosen), np.stack(columns, axis=1))


async def step_of(conninfo: str, quantity: Quantity = IMPORT) -> int:
    """The grid's step in minutes that fits how often the quantity is collected: 15, 30 or 60."""
    async with Registers(conninfo) as registers:
        period = await registers.period_s(quantity) or 900
    return next((step for step in (15, 30) if period <= step * 60), 60)


def _energy(held: Board, cells: Grid, stays: Sequence[Stay], quantity: Quantity, adds_up: bool) -> Cells:
    """One name's column. `adds_up`: several meters count side by side, else one after the other."""
    if not adds_up:
        return _column(held, cells, stays, quantity)
    total, counted = np.zeros(len(cells)), np.zeros(len(cells), np.bool_)
    for meter in sorted({stay.meter_id for stay in stays}):
        own = [stay for stay in stays if stay.meter_id == meter]
        there = np.zeros(len(cells), np.bool_)
        for stay in own:
            begins, ends = (np.datetime64(t.astimezone(UTC).replace(tzinfo=None), "s") for t in (stay.start, stay.end))
            starts = cells.starts.astype("datetime64[s]")
            there |= (starts < ends) & (starts + np.timedelta64(cells.step_s, "s") > begins)
        total += np.where(there, _column(held, cells, own, quantity), 0)
        counted |= there
    return np.where(counted, total, np.nan)


def _column(held: Board, cells: Grid, stays: Sequence[Stay], quantity: Quantity) -> Cells:
    wh = 1000 / 10**quantity.decimals
    if len(stays) == 1 and stays[0].initial is None and stays[0].final is None:
        (stay,) = stays
        row = held.row[stay.meter_id]
        moments = np.append(cells.starts, cells.starts[-1] + cells.step_s)
        within = (moments >= stay.start.timestamp()) & (moments <= stay.end.timestamp())
        present = held.present[row] & within
        found = differences(held.steps[row][None], present[None], np.ones(1, np.int64))
        if not found.left[0]:
            return np.where(found.present[0], found.steps[0] * (wh * float(stay.multiplier)), np.nan)
    return _judged(held, cells, stays, quantity)


def _judged(held: Board, cells: Grid, stays: Sequence[Stay], quantity: Quantity) -> Cells:
    """Exchanges, resets and registers that went down."""
    readings = [
        Reading(str(meter), cells.start(int(at)), quantity.value(int(held.steps[row, at])))
        for meter in sorted({stay.meter_id for stay in stays})
        for row in (held.row[meter],)
        for at in np.nonzero(held.present[row])[0]
    ]
    mountings = [
        Mounting(str(s.meter_id), s.start, s.end, s.multiplier, initial=s.initial, final=s.final) for s in stays
    ]
    column = np.full(len(cells), np.nan)
    first: datetime = cells.start(0)
    for interval in series(readings, mountings, cells).intervals:
        at = (interval.start - first) // timedelta(seconds=cells.step_s)
        column[at] = float(interval.energy * Decimal(1000))
    return column
