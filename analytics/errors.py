"""The one error tree of this layer.

    AnalyticsError
    |- RegisterMissing       a register is not known where a segment begins or ends
    |- RegisterBackwards     a register is less at the end than at the beginning
    |- FrameUnusable         a table of energies from which nothing can be told

A wrong call of ours stays `ValueError` and crashes loudly.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal


class AnalyticsError(Exception):
    """The values do not allow the answer, and this is why."""


class FrameUnusable(AnalyticsError):
    """No row or no column of a table can be used; the message says of which table, and why."""


class RegisterMissing(AnalyticsError):
    """Without the register at `time` the energy before and after it cannot be told apart."""

    def __init__(self, meter: str, time: datetime) -> None:
        super().__init__(f"the register of meter {meter} at {time.isoformat()} is not known")
        self.meter = meter
        self.time = time


class RegisterBackwards(AnalyticsError):
    """A register that ran backwards: a reset, an exchange that was not recorded, or a wrong reading."""

    def __init__(self, meter: str, start: datetime, end: datetime, initial: Decimal, final: Decimal) -> None:
        super().__init__(
            f"the register of meter {meter} went from {initial} at {start.isoformat()} to {final} at {end.isoformat()}"
        )
        self.meter = meter
        self.start = start
        self.end = end
