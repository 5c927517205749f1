"""What a billing cycle stands on, of thousands of usage points at once: stays, multipliers, registers, contracts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from protocols.model import Quantity
from storage.connection import Row, Session
from storage.copy_rows import NONE, decode
from storage.reader import array
from storage.statements import load

SQL = load("cycle_reads")
_KINDS: Final = ("i4", "i2", "time", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "i8", "i8")
HOLE: Final = NONE


@dataclass(frozen=True, slots=True)
class BilledPoint:
    """What billing asks of a usage point."""

    id: int
    name: str
    tariff: str | None
    capacity_kw: Decimal | None
    options: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Stay:
    """A meter at a point from `start` until just before `end`; None: it stands there still."""

    point_id: int
    meter_id: int
    meter: str
    model: str
    multiplier: Decimal
    """That it began with."""
    start: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Mark:
    """A register stated at an edge, in steps of the quantity."""

    meter_id: int
    quantity: int
    time: datetime
    edge: str
    steps: int
    source: str


@dataclass(frozen=True, slots=True)
class HandRead:
    """A register that a person read, in steps."""

    meter_id: int
    quantity: int
    time: datetime
    steps: int
    kind: str


@dataclass(frozen=True, slots=True)
class Agreed:
    """A contract from `start` on."""

    point_id: int
    start: datetime
    capacity_kva: Decimal | None
    contract_kw: Decimal | None
    basic_charge: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What a maximum register showed at `time`, and when the meter says that it was; None: it does not say."""

    time: datetime
    value: Decimal
    occurred: datetime | None


@dataclass(frozen=True, slots=True)
class Highest:
    """The most that a maximum register showed within a span: of what is of the span, or of an unknown time; and of what
    by the meter's own word is of another time."""

    own: Shown | None = None
    outside: Shown | None = None


Captures = dict[tuple[int, int], dict[int, tuple[int, ...]]]
"""(microseconds since 1970, layout) to meter to its eight values in steps, `HOLE` for none, and the packed quality."""


class CycleReads(Session):
    """One connection. Times carry a zone. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def points(
        self, ids: Collection[int] | None = None, names: Collection[str] | None = None
    ) -> list[BilledPoint]:
        given = {"ids": array(ids), "names": None if names is None else list(names)}
        return [BilledPoint(*row) for row in await self._rows("points", given)]

    async def stays(self, points: Collection[int]) -> list[Stay]:
        """Of all times, by point and time."""
        return [Stay(*row) for row in await self._rows("stays", {"points": array(points)})]

    async def multipliers(self, meters: Collection[int]) -> list[tuple[int, datetime, Decimal]]:
        """Changes of all times, by meter and time."""
        rows = await self._rows("multipliers", {"meters": array(meters)})
        return [(meter, start, multiplier) for meter, start, multiplier in rows]

    async def marks(self, meters: Collection[int], start: datetime, end: datetime) -> list[Mark]:
        """Both ends are in."""
        given = {"meters": array(meters), "start": start, "end": end}
        return [Mark(*row) for row in await self._rows("marks", given)]

    async def contracts(self, points: Collection[int]) -> list[Agreed]:
        """Of all times, by point and time."""
        return [Agreed(*row) for row in await self._rows("contracts", {"points": array(points)})]

    async def hand_reads(self, meters: Collection[int], start: datetime, end: datetime) -> list[HandRead]:
        """Both ends are in."""
        given = {"meters": array(meters), "start": start, "end": end}
        return [HandRead(*row) for row in await self._rows("hand_reads", given)]

    async def captures(
        self, meters: Collection[int], times: Collection[datetime], layouts: Collection[int]
    ) -> Captures:
        """What the meters gave at those very moments."""
        found: Captures = {}
        if not meters or not times:
            return found
        given = {"meters": array(meters), "times": list(times), "layouts": list(layouts)}
        blocks: list[bytes] = []
        async with self.use() as connection, connection.cursor().copy(SQL["captures"], given) as copy:
            blocks.extend([bytes(block) async for block in copy])
        ids, kinds, moments, *values = (column.tolist() for column in decode(_KINDS, b"".join(blocks)))
        for meter, layout, moment, row in zip(ids, kinds, moments, zip(*values, strict=True), strict=True):
            found.setdefault((moment, layout), {})[meter] = row
        return found

    async def highest(
        self, quantity: Quantity, occurred: Quantity, spans: Sequence[tuple[int, datetime, datetime]]
    ) -> list[Highest]:
        """For each meter and (start, end]: the most that it showed, the first time; `occurred` tells when that was."""
        found = [Highest()] * len(spans)
        if not spans:
            return found
        given = {
            "meters": [meter for meter, _, _ in spans],
            "starts": [start for _, start, _ in spans],
            "ends": [end for _, _, end in spans],
            "start": min(start for _, start, _ in spans),
            "end": max(end for _, _, end in spans),
            "quantity": quantity.id,
            "occurred": occurred.id,
        }
        for number, is_outside, time, steps, moment in await self._rows("highest", given):
            shown = Shown(time, quantity.value(steps), moment)
            which = {"outside": shown} if is_outside else {"own": shown}
            found[number - 1] = replace(found[number - 1], **which)
        return found

    async def _rows(self, statement: str, given: Mapping[str, object]) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
