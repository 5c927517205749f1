"""What comes out of VEE: for each interval a value, where it came from, by which rule and why; raw beside it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import IntEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.vee.frame import Frame, Mask, Steps


class Source(IntEnum):
    """Where a value came from."""

    NONE = 0
    """There is no value: no rule had what it needs."""
    ACTUAL = 1
    ESTIMATED = 2
    """Nothing usable was there."""
    SUBSTITUTED = 3
    """Something was there and did not hold: it is kept as raw."""
    EDITED = 4


class Method(IntEnum):
    """The rule that gave the value."""

    NONE = 0
    RAW = 1
    OUTAGE = 2
    """No supply, by an outage or an open relay: nothing was used."""
    REGISTER = 3
    """What the registers leave, shared out by the shape of like days, of the class, or evenly."""
    LINEAR = 4
    LIKE_DAY = 5
    CLASS = 6
    EDIT = 7


NAMES: Final = (
    "clock_sync", "clock_quarantine", "channel", "duplicate", "missing", "long_gap", "negative", "limit", "spike",
    "static", "zero", "high_usage", "low_usage", "inactive", "no_reactive", "both_ways", "sum", "prolonged",
)  # fmt: skip
"""Checks by number; a reason is the number of one, plus 1; 0: none. Numbers are stored: new checks come at the end."""


class Finding(NamedTuple):
    """A check that failed for a row, on intervals [first, last] of which `fails` fail."""

    name: str
    check: str
    action: str
    first: int
    last: int
    fails: int


class Value(NamedTuple):
    """One interval as people see it. `raw` None: none came."""

    start: datetime
    energy: Decimal | None
    raw: Decimal | None
    source: Source
    rule: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True, eq=False)
class ValidatedFrame:
    """`steps` means something where `source` is not `NONE`. `failed`: bit k is set where check k of `NAMES` failed.

    `reason`: which check cost the raw value its place. `classed`: where the day of the class gave the value, or the
    shape of a register's. `parameters`: the version of those that judged.
    """

    raw: Frame
    steps: Steps
    source: NDArray[np.uint8]
    method: NDArray[np.uint8]
    reason: NDArray[np.uint8]
    failed: NDArray[np.uint32]
    classed: Mask
    findings: tuple[Finding, ...]
    parameters: str

    def value(self, row: int, at: int, step: Decimal = Decimal("0.0001")) -> Value:
        """`step`: the quantity's."""
        source = Source(int(self.source[row, at]))
        because = int(self.reason[row, at])
        start = self.raw.grid.start(at)
        name = NAMES[because - 1] if because else ""
        return Value(
            start,
            None if source is Source.NONE else int(self.steps[row, at]) * step,
            int(self.raw.steps[row, at]) * step if self.raw.present[row, at] else None,
            source,
            Method(int(self.method[row, at])).name.lower(),
            self.parameters,
            name,
        )
