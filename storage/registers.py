"""Registers of very many meters at the boundaries of a grid, as columns, and whose they were when."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from protocols.model import Quantity, Source
from protocols.quantities import HOME
from storage.columns import time_us
from storage.connection import Session
from storage.copy_rows import HEADER, NONE, POSTGRES_EPOCH_US, TRAILER
from storage.reader import array
from storage.statements import load

SQL = load("registers")
_HEAD: Final = len(HEADER)
_NUMBER: Final = struct.Struct(">i")
_MICROSECOND: Final = timedelta(microseconds=1)


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
    """n captures of a layout, in no order. `steps` (quantity, n) in the order asked for, `NONE` where nothing good is.

    `kept`: read later from what the meter had kept, so that its own clock dated them.
    """

    meter_id: NDArray[np.int64]
    time_us: NDArray[np.int64]
    kept: NDArray[np.bool_]
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
        parts: list[bytes] = []
        async with self.transaction() as connection:
            await connection.execute(SQL["gather"])
            async with connection.cursor().copy(SQL["captures"], given) as copy:
                parts.extend([bytes(block) async for block in copy])
        return await asyncio.to_thread(_captured, b"".join(parts), len(quantities))

    async def period_s(self, quantity: Quantity) -> int | None:
        """The shortest at which a plan collects it at present."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["period"], {"quantity": quantity.id})).fetchone()
        return None if row is None else row[0]


def _captured(stream: bytes, quantities: int) -> Captured:
    meters, fields = [], [list[bytes]() for _ in range(2 + quantities)]
    at, end = _HEAD, len(stream) - len(TRAILER)
    while at < end:
        meters.append(_NUMBER.unpack_from(stream, at + 6)[0])
        at += 10
        for number in range(4):
            (length,) = _NUMBER.unpack_from(stream, at)
            at += 4
            if length > 0:
                fields[number].append(stream[at : at + length])
                at += length
    counts = [len(each) // 8 for each in fields[0]]
    times, sources, *steps = (b"".join(field) for field in fields)
    return Captured(
        np.repeat(np.array(meters, np.int64), counts),
        np.frombuffer(times, ">i8").astype(np.int64) + POSTGRES_EPOCH_US,
        np.frombuffer(sources, ">i2") == Source.RECORD,
        np.stack([np.frombuffer(each, ">i8").astype(np.int64) for each in steps]),
    )
