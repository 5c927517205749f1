"""Values that were decoded one by one, on their way into columns."""

from __future__ import annotations

from typing import Final

import numpy as np

from protocols.model import Quality, Quantity, Value
from protocols.push.heard import Heard
from protocols.push.readings import Readings
from protocols.quantities import BY_OBIS, HOME
from protocols.stored_value import stored

UNDATED: Final = -(1 << 62)
"""Stands for the time of a value that has none of its own."""


class Rows:
    """Collects; a value that is no stored quantity is passed over."""

    def __init__(self) -> None:
        self._rows: list[tuple[int, int, int, int, int, int, int, int]] = []

    def add(self, heard: Heard, message: int, key: int, value: Value, time_us: int = UNDATED) -> None:
        quantity = measured(value)
        if quantity is None:
            return
        told = heard.received(message)
        self.put(message, key, quantity, *stored(value, quantity, heard.settings.zone, told), time_us)

    def put(
        self, message: int, key: int, quantity: Quantity, steps: int | None, quality: Quality, time_us: int
    ) -> None:
        layout, position = HOME[quantity.id]
        self._rows.append((message, key, layout.id, position, time_us, steps or 0, steps is not None, quality))

    def __len__(self) -> int:
        return len(self._rows)

    def readings(self) -> Readings:
        columns = np.array(self._rows, np.int64).reshape(-1, 8).T
        return Readings(
            columns[0].astype(np.intp),
            columns[1].astype(np.intp),
            columns[2].astype(np.int16),
            columns[3].astype(np.intp),
            columns[4].copy(),
            columns[5].copy(),
            columns[6].astype(np.bool_),
            columns[7].astype(np.uint8),
        )


def measured(value: Value) -> Quantity | None:
    """What was measured, now or at the value's own time; None for what is not stored."""
    part = value.part
    if part.quantity is not None:
        return part.quantity
    return None if part.obis is None else BY_OBIS.get(part.obis)
