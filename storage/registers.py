"""Registers of very many meters at the boundaries of a grid, as columns, and whose they were when."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from protocols.model import Quantity
from protocols.quantities import HOME
from storage.connection import Session
from storage.reader import array
from storage.statements import load

SQL = load("registers")
_HEADER_LENGTH: Final = 19
_POSTGRES_EPOCH_US: Final = 946_684_800_000_000
_ROW: Final = np.dtype([
    ("fields", ">i2"), ("l1", ">i4"), ("meter_id", ">i4"), ("l2", ">i4"), ("time", ">i8"), ("l3", ">i4"),
    ("value", ">i8"),
])  # fmt: skip


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
        layout, position = HOME[quantity.id]
        given = {
            "meters": array(meters), "layout": layout.id, "pos": position + 1, "start": span[0], "end": span[1],
            "step": step, "tolerance": tolerance,
        }  # fmt: skip
        parts: list[bytes] = []
        async with (
            self.use() as connection,
            connection.cursor() as cursor,
            cursor.copy(SQL["boundaries"], given) as copy,
        ):
            parts.extend([bytes(block) async for block in copy])
        rows: NDArray[Any] = np.frombuffer(b"".join(parts)[_HEADER_LENGTH:-2], _ROW)
        return Boundaries(
            rows["meter_id"].astype(np.int64),
            rows["time"].astype(np.int64) + _POSTGRES_EPOCH_US,
            rows["value"].astype(np.int64),
        )

    async def period_s(self, quantity: Quantity) -> int | None:
        """The shortest at which a plan collects it at present."""
        async with self.use() as connection:
            row = await (await connection.execute(SQL["period"], {"quantity": quantity.id})).fetchone()
        return None if row is None else row[0]
