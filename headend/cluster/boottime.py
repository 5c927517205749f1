"""A clock that nobody sets and that goes on while the machine sleeps."""

from __future__ import annotations

import time
from typing import Final

_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def boottime() -> float:
    """Seconds since some moment. CLOCK_MONOTONIC, the event loop's, stands still in a suspended machine; so does this
    where there is nothing better."""
    return time.clock_gettime(_CLOCK)
