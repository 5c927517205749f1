"""Validated days as columns: a row is a usage point, a quantity and a local day, as one version has it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Bytes = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.bool_]

ACTUAL = 1
"""The source, and the method, of a value that is the meter's own; `analytics.vee` numbers them."""


@dataclass(frozen=True, slots=True, eq=False)
class Days:
    """n days of intervals of `step_s` seconds; tables are (day, interval), padded at the end to the longest day.

    Of an interval beyond `count` all is 0. `steps` and `raw` are whole steps of the quantity, multiplied, and 0 where
    not `present`, `raw_present`. `source`, `method`, `reason` are the numbers of `analytics.vee.validated`,
    bit k of `failed` is set where its check k failed.
    """

    step_s: int
    point: Ints
    """Usage points by id."""
    quantity: Ints
    """Quantities by id."""
    day: npt.NDArray[np.datetime64]
    """Local days, as datetime64[D]."""
    start: Ints
    """When the day begins, seconds since 1970 UTC."""
    count: Ints
    """Intervals of the day: 92, 96 or 100 quarter-hours."""
    steps: Ints
    present: Mask
    raw: Ints
    raw_present: Mask
    source: Bytes
    method: Bytes
    reason: Bytes
    failed: npt.NDArray[np.uint32]
    version: Ints
    run: Ints
    profiles: Ints
    """The version of the class profiles that the day's values stand on; 0: on none."""

    def __len__(self) -> int:
        return len(self.point)

    @property
    def inside(self) -> Mask:
        """Which places of the tables are intervals."""
        return np.asarray(np.arange(self.steps.shape[1])[None, :] < self.count[:, None])

    def take(self, rows: Any) -> Self:
        """Some rows: a mask, numbers or a slice."""
        return type(self)(self.step_s, *(getattr(self, name)[rows] for name in NAMES))

    @classmethod
    def joined(cls, step_s: int, parts: Sequence[Days]) -> Self:
        """One after the other, all padded to the longest."""
        whole = cls.empty(step_s, sum(map(len, parts)), max((part.steps.shape[1] for part in parts), default=0))
        at = 0
        for part in parts:
            rows, width = slice(at, at + len(part)), part.steps.shape[1]
            for name in NAMES:
                own = getattr(part, name)
                getattr(whole, name)[(rows, slice(width)) if own.ndim == 2 else rows] = own
            at += len(part)
        return whole

    @classmethod
    def empty(cls, step_s: int, rows: int, width: int) -> Self:
        """All 0, to be filled in."""

        def table(kind: type[np.generic]) -> Any:
            return np.zeros((rows, width), kind)

        def column() -> Ints:
            return np.zeros(rows, np.int64)

        return cls(
            step_s, column(), column(), np.zeros(rows, "datetime64[D]"), column(), column(), table(np.int64),
            table(np.bool_), table(np.int64), table(np.bool_), table(np.uint8), table(np.uint8), table(np.uint8),
            table(np.uint32), column(), column(), column(),
        )  # fmt: skip


NAMES: Final = tuple(each.name for each in fields(Days) if each.name != "step_s")
"""All columns and tables."""
