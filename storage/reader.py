"""What the database knows, for people and programs: exact values with time and quality.

A span is half-open: `start` is in it, `end` is not. `meters` None means all.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from decimal import Decimal

from protocols.model import Quality, Quantity, Source
from protocols.quantities import BY_ID
from storage.connection import Row, Session
from storage.statements import load

SQL = load("reader")
_QUALITY = {int(quality): quality for quality in Quality}
_SOURCE = {int(source): source for source in Source}


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of one meter. `value` is None where the meter itself said that it has none: `quality` tells why."""

    meter_id: int
    quantity: Quantity
    time: datetime
    received: datetime
    value: Decimal | None
    quality: Quality
    source: Source

    def told(self, zone: tzinfo | None = None) -> str | None:
        """The value as people see it; a moment in `zone`, or in that of the reading's own time."""
        return None if self.value is None else self.quantity.told(self.value, zone or self.time.tzinfo)

    @property
    def moment(self) -> datetime | None:
        """The value, where it is a moment."""
        return None if self.value is None else self.quantity.moment(self.value)

    def age(self, now: datetime) -> timedelta:
        """How old it is: a last value is never shown without it."""
        return now - self.time


@dataclass(frozen=True, slots=True)
class Count:
    """What one meter gave in one layout."""

    meter_id: int
    layout: int
    captures: int
    values: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class Totals:
    """What is stored."""

    captures: int
    values: int


@dataclass(frozen=True, slots=True)
class MissingSlot:
    """An expected capture that is not there. `reason` is the last try's, `not_collected` where nothing was tried."""

    meter_id: int
    layout: int
    time: datetime
    reason: str
    tried: datetime | None
    """When the last try was given up."""


@dataclass(frozen=True, slots=True)
class Gaps:
    """expected = received + the sum of `missing` by reason."""

    expected: int
    received: int
    missing: Mapping[str, int]


class Reader(Session):
    """One connection; questions wait their turn. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def readings(
        self,
        meters: Collection[int],
        start: datetime,
        end: datetime,
        quantities: Collection[Quantity] | None = None,
    ) -> list[Reading]:
        """By meter, time and quantity."""
        rows = await self._rows("readings", meters, quantities=_ids(quantities), start=start, end=end)
        return [reading_of(row) for row in rows]

    async def stream(
        self,
        meters: Collection[int],
        start: datetime,
        end: datetime,
        quantities: Collection[Quantity] | None = None,
        *,
        size: int = 200,
    ) -> AsyncGenerator[list[Reading], None]:
        """The same in parts of `size`, as they are taken: nobody holds them all. Close what is not read to its end."""
        given = {"meters": array(meters), "quantities": _ids(quantities), "start": start, "end": end}
        async with self.transaction() as connection, connection.cursor("readings", binary=True) as cursor:
            await cursor.execute(SQL["readings"], given)
            while rows := await cursor.fetchmany(size):
                yield [reading_of(row) for row in rows]

    async def latest(
        self,
        meters: Collection[int] | None,
        now: datetime,
        within: timedelta,
        quantities: Collection[Quantity] | None = None,
    ) -> list[Reading]:
        """The newest of every quantity that a meter gave within that time; None: all active meters."""
        given = {"meters": array(meters), "quantities": _ids(quantities), "since": now - within}
        async with self.transaction() as connection, connection.cursor(binary=True) as cursor:
            await cursor.execute(SQL["short_walks"])
            await cursor.execute(SQL["latest"], given)
            return [reading_of(row) for row in await cursor.fetchall()]

    async def counts(self, start: datetime, end: datetime, meters: Collection[int] | None = None) -> list[Count]:
        """By meter and layout."""
        return [Count(*row) for row in await self._rows("counts", meters, start=start, end=end)]

    async def totals(self, start: datetime, end: datetime, meters: Collection[int] | None = None) -> Totals:
        """Rows and values in them."""
        (row,) = await self._rows("totals", meters, start=start, end=end)
        return Totals(*row)

    async def expected_missing(
        self, start: datetime, end: datetime, meters: Collection[int] | None = None, *, limit: int | None = None
    ) -> list[MissingSlot]:
        """Every slot that the plans expect of active meters and that no capture has, newest first.

        A capture counts for the slot that its time is equal to.
        """
        rows = await self._rows("expected_missing", meters, start=start, end=end, limit=limit)
        return [MissingSlot(*row) for row in rows]

    async def expected_values(self, start: datetime, end: datetime, meters: Collection[int] | None = None) -> int:
        """How many values the plans expect."""
        (row,) = await self._rows("expected_values", meters, start=start, end=end)
        return int(row[0])

    async def gaps(self, start: datetime, end: datetime, meters: Collection[int] | None = None) -> Gaps:
        """The same as numbers that add up."""
        by_reason: dict[str | None, int] = dict(await self._rows("gaps", meters, start=start, end=end))
        received = by_reason.pop(None, 0)
        missing = {reason: count for reason, count in by_reason.items() if reason is not None}
        return Gaps(received + sum(missing.values()), received, missing)

    async def _rows(self, statement: str, meters: Collection[int] | None, **given: object) -> list[Row]:
        given["meters"] = array(meters)
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()


def array(numbers: Collection[int] | None) -> str | None:
    """As PostgreSQL writes an array: the driver spends ten times as long on a list of thousands."""
    return None if numbers is None else f"{{{','.join(map(str, numbers))}}}"


def _ids(quantities: Collection[Quantity] | None) -> list[int] | None:
    return None if quantities is None else [quantity.id for quantity in quantities]


def reading_of(row: Row) -> Reading:
    """Of meter, quantity's number, time, received, steps, quality and source."""
    meter_id, number, time, received, steps, quality, source = row
    quantity = BY_ID[number]
    value = None if steps is None else quantity.value(steps)
    return Reading(meter_id, quantity, time, received, value, _QUALITY[quality], _SOURCE[source])
