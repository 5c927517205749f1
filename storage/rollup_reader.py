"""What was rolled up, for people and programs. Only buckets that are over are there."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo

from protocols.model import Quantity
from protocols.quantities import BY_ID, HOME
from storage.buckets import Bucket, Calendar, Span
from storage.connection import Row, Session
from storage.reader import array
from storage.rolling import AT_END, AT_START, BACK, FIRST_LATER, LAST_EARLIER
from storage.statements import load

SQL = load("rollup")


class Unknown(StrEnum):
    """Why there is no energy for a bucket. None is invented: that is left to estimation and billing."""

    WENT_BACK = "went_back"
    """The register was lower than before: rollover, exchange, reset, or a wrong reading."""
    NO_START = "no_start"
    """No register read at the very start."""
    NO_END = "no_end"
    """No register read at the very end."""


class Energy(NamedTuple):
    """One register of one meter over one bucket, whose end belongs to it. Numbers are in steps of the quantity."""

    meter_id: int
    quantity_id: int
    start: datetime
    captures: int
    """Captures of the layout, the end not counted."""
    first_capture: datetime
    last_capture: datetime
    first: int
    last: int
    flags: int

    @property
    def quantity(self) -> Quantity:
        return BY_ID[self.quantity_id]

    @property
    def steps(self) -> int | None:
        """The energy in steps, None where it is not known."""
        return None if self.unknown else self.last - self.first

    @property
    def value(self) -> Decimal | None:
        """The energy in the quantity's unit, before the CT/PT multiplier."""
        steps = self.steps
        return None if steps is None else self.quantity.value(steps)

    @property
    def unknown(self) -> Unknown | None:
        """Why there is none."""
        if self.flags & BACK:
            return Unknown.WENT_BACK
        if not self.flags & AT_START:
            return Unknown.NO_START
        return None if self.flags & AT_END else Unknown.NO_END

    @property
    def first_time(self) -> datetime | None:
        """When `first` was read; None where the first capture lacked this register."""
        return None if self.flags & FIRST_LATER else self.first_capture

    @property
    def last_time(self) -> datetime | None:
        """When `last` was read; None where the last capture lacked this register."""
        return None if self.flags & LAST_EARLIER else self.last_capture


class Statistic(NamedTuple):
    """One instantaneous quantity or demand of one meter over one bucket, in steps; the mean is total / values."""

    meter_id: int
    quantity_id: int
    start: datetime
    captures: int
    first_capture: datetime
    last_capture: datetime
    values: int
    low: int
    high: int
    high_at: datetime
    """The first moment of the highest."""
    total: int | None
    """The exact sum; None where it is too large to be kept."""

    @property
    def quantity(self) -> Quantity:
        return BY_ID[self.quantity_id]


class Rollups(Session):
    """One connection; `meters` None means all. A bucket belongs to a question if it begins in [start, end)."""

    def __init__(self, conninfo: str, zone: ZoneInfo) -> None:
        super().__init__(conninfo)
        self.calendar = Calendar(zone)

    async def energy(
        self,
        meters: Collection[int] | None,
        start: datetime,
        end: datetime,
        span: Span,
        quantities: Collection[Quantity] | None = None,
    ) -> list[Energy]:
        """In no order."""
        return [Energy._make(row) for row in await self._rows("energy", meters, start, end, span, quantities)]

    async def energies(
        self, meters: Collection[int], quantity: Quantity, bucket: Bucket, span: Span
    ) -> list[tuple[int, int | None]]:
        """Only meter and energy in steps, None where it is not known, of one bucket: for very many meters."""
        layout, position = HOME[quantity.id]
        given = {"level": int(span), "start": bucket.start, "layout": layout.id, "pos": position + 1}
        async with self.use() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(SQL["energies"], {**given, "meters": array(meters)})
            return await cursor.fetchall()

    async def statistics(
        self,
        meters: Collection[int] | None,
        start: datetime,
        end: datetime,
        span: Span,
        quantities: Collection[Quantity] | None = None,
    ) -> list[Statistic]:
        """In no order."""
        return [Statistic._make(row) for row in await self._rows("statistics", meters, start, end, span, quantities)]

    async def _rows(
        self,
        statement: str,
        meters: Collection[int] | None,
        start: datetime,
        end: datetime,
        span: Span,
        quantities: Collection[Quantity] | None,
    ) -> list[Row]:
        given = {
            "level": int(span),
            "starts": [bucket.start for bucket in self.calendar.buckets(span, start, end)],
            "meters": array(meters),
            "quantities": None if quantities is None else [quantity.id for quantity in quantities],
        }
        async with self.use() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(SQL[statement], given)
            return await cursor.fetchall()
