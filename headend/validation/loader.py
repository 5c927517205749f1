"""Raw intervals of some points with all that is known of them, out of the database."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from functools import cache
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.intervals.grid import Grid, grid
from headend.series.board import Board, board
from headend.validation.facts import by_meter, idle, mark, outages
from headend.validation.intervals import Ints, Mounted, raw
from headend.validation.limits import limit_kw
from headend.validation.reconcile import Others, apart, last_digits, off_boundaries
from headend.validation.rows import Quantified, Rows, rows_of
from headend.validation.settings import Rules
from protocols import models
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import BY_NAME, HOME
from storage.circumstances import Circumstances, Point
from storage.columns import time_us
from storage.copy_rows import NONE
from storage.registers import Of, Registers, Stay
from storage.validated import Validated, Which

_VOLTAGE: Final = BY_NAME["voltage_l1"]


class Loader:
    """Connections of its own, made at the first use. Raises storage errors."""

    def __init__(self, conninfo: str, rules: Rules, zone: ZoneInfo) -> None:
        self.rules = rules
        self.zone = zone
        self.registers = Registers(conninfo)
        self.circumstances = Circumstances(conninfo)
        self.validated = Validated(conninfo)

    async def close(self) -> None:
        for session in (self.registers, self.circumstances, self.validated):
            await session.close()

    def grid(self, first: date, until: date) -> Grid:
        return grid(first, until, self.zone, self.rules.step_minutes)

    async def points(self, names: Sequence[str] | None, days: tuple[date, date]) -> list[Point]:
        """Those at which a meter stood on the local days [first, until), by id. Raises `NotFound`."""
        return await self.circumstances.points(names, _span(self.grid(*days)))

    async def known(self, points: Sequence[Point], days: tuple[date, date]) -> set[tuple[int, int]]:
        """Which quantities of which points were validated then or not long before."""
        since = days[0] - timedelta(days=self.rules.parameters.estimations.like_day.horizon_days)
        ids = [point.id for point in points]
        return await self.validated.pairs(Which(ids, self.rules.quantities, self.rules.step_s, since, days[1]))

    async def rows(
        self, points: Sequence[Point], cells: Grid, always: Collection[tuple[int, int]] = frozenset()
    ) -> Rows:
        """See `rows_of`."""
        found: list[Quantified] = []
        for pair in _pairs(self.rules.quantities):
            found += await self._pair(points, cells, pair)
        found.sort(key=lambda one: self.rules.quantities.index(one.quantity))
        rows = rows_of(points, cells, found, always, self.rules.voltage)
        await self._circumstances(rows)
        return rows

    async def _pair(self, points: Sequence[Point], cells: Grid, pair: Sequence[Quantity]) -> list[Quantified]:
        """One or two quantities of one layout."""
        span, near = _span(cells), self.rules.near
        names = [point.name for point in points]
        stays = []
        for quantity in pair:
            told = await self.registers.stays(Of.POINT, names, quantity, *span)
            stays.append({name: tuple(own) for name, own in groupby(told, key=lambda stay: stay.key)})
        meters = sorted({stay.meter_id for by_name in stays for own in by_name.values() for stay in own})
        read = await self.registers.captured(meters, pair, (span[0] - near, span[1] + near))
        models_of = await self.circumstances.models(meters)
        is_checked = self.rules.parameters.checks.sum.action != "off"
        made = []
        for number, quantity in enumerate(pair):
            good = read.steps[number] != NONE
            held = board(cells, meters, read.meter_id[good], read.time_us[good], read.steps[number][good], near)
            digits = {meter: _digits(model, quantity) for meter, model in models_of.items()}
            own = {point.id: stays[number].get(point.name, ()) for point in points}
            mounted = [Mounted(own[point.id], digits, limit_kw(point, self.rules.voltage)) for point in points]
            digit = last_digits(held)
            others = off_boundaries(
                cells, held, read.meter_id[good], read.time_us[good], read.steps[number][good], near
            )
            others += await self._by_persons(quantity, meters, span)
            made.append(
                Quantified(
                    quantity, raw(cells, quantity, mounted, held), _units(mounted, held, digit), own,
                    apart(cells, held, digit, others if is_checked else others.none()),
                )
            )  # fmt: skip
        return made

    async def _by_persons(self, quantity: Quantity, meters: Collection[int], span: tuple[datetime, datetime]) -> Others:
        rows = await self.circumstances.read_by_persons(meters, quantity, span)
        return Others(
            np.array([meter for meter, _, _ in rows], np.int64),
            np.array([time_us(at) for _, at, _ in rows], np.int64),
            np.array([steps for _, _, steps in rows], np.int64),
        )

    async def _circumstances(self, rows: Rows) -> None:
        """Supply and contracts, clocks, and voltage where nothing was used."""
        cells, span, own = rows.cells, _span(rows.cells), by_meter(rows.stays)
        mark(rows.facts, cells, await outages(self.circumstances, rows.stays, cells))
        mark(rows.facts, cells, await idle(self.circumstances, rows.point.tolist(), rows.stays, cells))
        checks = self.rules.parameters.checks
        offsets = await self.circumstances.clock_offsets(own, span, checks.clock_sync.beyond_ms)
        if offsets:
            far_off = {meter for meter, _, offset in offsets if abs(offset) > checks.clock_quarantine.beyond_ms}
            dated = {(meter, _day(cells, at)) for meter, at in await self.registers.recorded(far_off, span)}
            for meter, at, offset in offsets:
                day = _day(cells, at)
                far = abs(offset) if (meter, day) in dated else min(abs(offset), checks.clock_quarantine.beyond_ms)
                for row, stay in own[meter]:
                    if stay.start <= at < stay.end:
                        rows.clock_ms[row, day] = max(rows.clock_ms[row, day], far)
        await self._voltage(rows, own)

    async def _voltage(self, rows: Rows, own: Mapping[int, Sequence[tuple[int, Stay]]]) -> None:
        """Of days on which a meter stood there and nothing was used."""
        cells = rows.cells
        used = np.add.reduceat(rows.steps, cells.layout[:, 0], axis=1)
        read = np.add.reduceat(rows.present, cells.layout[:, 0], axis=1, dtype=np.int64)
        idle = (used == 0) & (read > 0)
        idle &= (rows.quantity == self.rules.quantities[0].id)[:, None]
        still = np.flatnonzero(idle.sum(axis=1) >= min(self.rules.parameters.checks.zero.days, len(cells.days)))
        meters = {stay.meter_id for row in still for stay in rows.stays[row]}
        if not meters:
            return
        found = await self.registers.captured(meters, [_VOLTAGE], _span(cells))
        good = found.steps[0] != NONE
        edges = np.append(cells.starts[cells.layout[:, 0]], cells.starts[-1] + cells.step_s)
        day = np.searchsorted(edges, found.time_us // 1_000_000, side="right") - 1
        enough = found.steps[0] >= _VOLTAGE.steps(Decimal(self.rules.voltage) / 2)
        for is_on, value in ((good & ~enough, 0), (good & enough, 1)):  # there was, if it was at any moment
            pairs = np.unique(np.stack([found.meter_id[is_on], day[is_on]]), axis=1)
            for meter, at in pairs.T.tolist():
                for row, _ in own[meter] if at < len(cells.days) else ():
                    rows.voltage[row, at] = value


def _span(cells: Grid) -> tuple[datetime, datetime]:
    return cells.start(0), cells.start(len(cells))


def _pairs(quantities: Sequence[Quantity]) -> Iterator[list[Quantity]]:
    """Two of one layout are read at once."""
    left = sorted(quantities, key=lambda quantity: HOME[quantity.id][0].id)
    for _, own in groupby(left, key=lambda quantity: HOME[quantity.id][0].id):
        of_one = list(own)
        yield from (of_one[at : at + 2] for at in range(0, len(of_one), 2))


@cache
def _digits(model: str, quantity: Quantity) -> int | None:
    try:
        return models.load(model).digits(quantity)
    except ModelError:  # a model that is not shipped any more tells no digits
        return None


def _units(points: Sequence[Mounted], held: Board, digit: Ints) -> Ints:
    """What the last digit of a point's registers is worth, multiplied, in steps."""
    worth = [
        max((int(digit[held.row[stay.meter_id]] * stay.multiplier) for stay in point.stays), default=1)
        for point in points
    ]
    return np.maximum(np.array(worth, np.int64), 1)


def _day(cells: Grid, at: datetime) -> int:
    edges = cells.starts[cells.layout[:, 0]]
    return int(np.searchsorted(edges, int(at.timestamp()), side="right")) - 1
