"""Registers of very many meters at the boundaries of a grid, as columns, and whose they were when."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from protocols.model import Quantity, Source
from protocols.quantities import HOME
from storage.columns import time_us
from storage.connection import Row, Session
from storage.copy_rows import HEADER, NONE, POSTGRES_EPOCH_US, TRAILER
from storage.reader import array
from storage.statements import load

SQL = load("registers")
_NUMBER: Final = struct.Struct(">i")
_MICROSECOND: Final = timedelta(microseconds=1)
_HOLE: Final = NONE.to_bytes(8, "big", signed=True)


class Of(StrEnum):
    """Whose energy: what a name names."""

    POINT = "point"
    METER = "meter"
    AREA = "area"
    """What its total meters count."""
    FEEDER = "feeder"


@dataclass(frozen=True, slots=True)
class Stay:
    """A meter that counted for `key` in [start, end) under one multiplier. Registers are those stated at the edges, in
    the quantity's unit; None: none was."""

    key: str
    meter_id: int
    meter: str
    start: datetime
    end: datetime
    multiplier: Decimal
    initial: Decimal | None
    final: Decimal | None


@dataclass(frozen=True, slots=True, eq=False)
class Boundaries:
    """Registers in steps, each with its meter and its time in microseconds since 1970, UTC. In no order."""

    meter_id: NDArray[np.int64]
    time_us: NDArray[np.int64]
    steps: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Captured:
    """n captures of a layout, in no order. `steps` (quantity, n) as asked for, `NONE` where nothing good is."""

    meter_id: NDArray[np.int64]
    time_us: NDArray[np.int64]
    steps: NDArray[np.int64]


class Registers(Session):
    """One connection. Raises `DatabaseUnreachable`; the next question connects anew."""

    async def stays(
        self, of: Of, names: Collection[str] | None, quantity: Quantity, start: datetime, end: datetime
    ) -> list[Stay]:
        """By key and time; `names` None means all."""
        given = {
            "of": str(of), "names": None if names is None else list(names), "quantity": quantity.id,
            "start": start, "end": end,
        }  # fmt: skip

        def value(steps: int | None) -> Decimal | None:
            return None if steps is None else quantity.value(steps)

        async with self.use() as connection:
            rows = await (await connection.execute(SQL["stays"], given)).fetchall()
        return [
            Stay(key, meter_id, meter, since, until, multiplier, value(initial), value(final))
            for key, meter_id, meter, since, until, multiplier, initial, final in rows
        ]

    async def keys(self, of: Of, start: datetime, end: datetime) -> list[str]:
        """Names of which a meter counted in the span, in the order of `stays`."""
        given = {"of": str(of), "start": start, "end": end}
        async with self.use() as connection:
            rows = await (await connection.execute(SQL["keys"], given)).fetchall()
        return [key for (key,) in rows]

    async def at_boundaries(
        self,
        meters: Sequence[int],
        quantity: Quantity,
        span: tuple[datetime, datetime],
        step: timedelta,
        tolerance: timedelta,
    ) -> Boundaries:
        """Good registers within `tolerance` of `span[0]` plus a multiple of `step`, up to `span[1]` with it."""
        read = await self.captured(meters, [quantity], (span[0] - tolerance, span[1] + tolerance))
        off = read.time_us - time_us(span[0]) + tolerance // _MICROSECOND
        near = (read.steps[0] != NONE) & (off % (step // _MICROSECOND) <= 2 * (tolerance // _MICROSECOND))
        return Boundaries(read.meter_id[near], read.time_us[near], read.steps[0][near])

    async def captured(
        self, meters: Collection[int], quantities: Sequence[Quantity], span: tuple[datetime, datetime]
    ) -> Captured:
        """One or two quantities of one layout, both ends of the span included."""
        homes = [HOME[quantity.id] for quantity in quantities]
        ((layout, _), *_) = homes
        positions = [position + 1 for _, position in homes]
        if len(quantities) > 2 or any(home.id != layout.id for home, _ in homes):
            raise ValueError(f"{[quantity.name for quantity in quantities]}: expected one or two of one layout")
        given = {
            "meters": array(meters), "layout": layout.id, "first": positions[0], "second": (*positions, 0)[1],
            "start": span[0], "end": span[1],
        }  # fmt: skip
        async with self.transaction() as connection:
            await connection.execute(SQL["gather"])
            quick = await _copied(connection, "captures", given)
            found, doubtful = await asyncio.to_thread(_captured, quick, len(quantities))
            if doubtful:
                again = await _copied(connection, "captures_with_care", {**given, "meters": array(doubtful)})
                more, _ = await asyncio.to_thread(_captured, again, len(quantities))
                found = found.joined(more)
        return await asyncio.to_thread(found.captured)

    async def recorded(self, meters: Collection[int], span: tuple[datetime, datetime]) -> list[tuple[int, datetime]]:
        """Meters and times in the span that the meters' own clocks dated."""
        given = {"meters": array(meters), "start": span[0], "end": span[1], "source": int(Source.RECORD)}
        async with self.use() as connection:
            return await (await connection.execute(SQL["recorded"], given)).fetchall()

    async def period_s(self, quantity: Quantity) -> int | None:
        """The shortest at which a plan collects it at present."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["period"], {"quantity": quantity.id})).fetchone()
        return None if row is None else row[0]


class _Blocks(NamedTuple):
    """Meters, and of each the bytes of times and of one or two values."""

    quantities: int
    meters: list[int]
    times: list[bytes]
    steps: list[tuple[bytes, ...]]

    def joined(self, other: _Blocks) -> _Blocks:
        return _Blocks(self.quantities, self.meters + other.meters, self.times + other.times, self.steps + other.steps)

    def captured(self) -> Captured:
        counts = [len(each) // 8 for each in self.times]
        values = [b"".join(each) for each in zip(*self.steps, strict=True)] or [b""] * self.quantities
        return Captured(
            np.repeat(np.array(self.meters, np.int64), counts),
            np.frombuffer(b"".join(self.times), ">i8").astype(np.int64) + POSTGRES_EPOCH_US,
            np.stack([np.frombuffer(each, ">i8").astype(np.int64) for each in values]),
        )


async def _copied(connection: psycopg.AsyncConnection[Row], statement: str, given: dict[str, Any]) -> list[bytes]:
    """A block a row."""
    async with connection.cursor().copy(SQL[statement], given) as copy:
        return [bytes(block) async for block in copy]


def _captured(blocks: Sequence[bytes], quantities: int) -> tuple[_Blocks, list[int]]:
    """Also the meters that have fewer values than times, of which nothing is taken.

    A quantity of which a meter has nothing is told by holes.
    """
    made = _Blocks(quantities, [], [], [])
    doubtful: list[int] = []
    head = len(HEADER)
    for block in blocks:
        at, head = head, 0
        if len(block) - at <= len(TRAILER):
            continue
        (meter,) = _NUMBER.unpack_from(block, at + 6)
        at += 10
        fields = []
        for _ in range(3):
            (length,) = _NUMBER.unpack_from(block, at)
            fields.append(block[at + 4 : at + 4 + max(length, 0)])
            at += 4 + max(length, 0)
        times, *values = fields[: 1 + quantities]
        if any(len(each) not in (0, len(times)) for each in values):
            doubtful.append(meter)
            continue
        made.meters.append(meter)
        made.times.append(times)
        made.steps.append(tuple(each or _HOLE * (len(times) // 8) for each in values))
    return made, doubtful
