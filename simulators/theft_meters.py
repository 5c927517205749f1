"""The registers of a district's meters at any moment: what is read off them, thieves' included."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulators.theft import District

_STEPS_PER_KWH: Final = 100


class Registers:
    """Active import of member k, and of the total meter (None), in steps of 0.01 kWh as an eight-digit meter shows it;
    between the intervals' edges it rises evenly. `begin` is when the district's first interval begins."""

    def __init__(self, district: District, begin: datetime) -> None:
        self._begin = begin
        slots = district.total.shape[1]
        self._step_s = 86400 / slots
        lines = np.concatenate([district.reported.reshape(len(district.reported), -1), district.total.reshape(1, -1)])
        self._counted: NDArray[Any] = np.concatenate([np.zeros((len(lines), 1)), np.cumsum(lines, axis=1)], axis=1)

    def shown(self, member: int | None, at: datetime) -> int:
        """Zero before the first interval; after the last the register stands."""
        counted = self._counted[-1 if member is None else member]
        place = max((at - self._begin).total_seconds() / self._step_s, 0.0)
        edge = min(int(place), len(counted) - 1)
        beyond = counted[min(edge + 1, len(counted) - 1)] - counted[edge]
        return int((counted[edge] + (place - edge) * beyond) * _STEPS_PER_KWH / 1000)
