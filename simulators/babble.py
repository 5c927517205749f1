"""A station that speaks without being asked: bursts of bytes that drown everything else on its line. No I/O, no clock.

Where a burst overlaps a request no meter hears it; where it overlaps an answer the answer is spoilt.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from datetime import datetime, timedelta


@dataclass(frozen=True, slots=True)
class Babble:
    """`share` of the time (0 to below 1) is bursts; one lasts `burst_s` seconds on the average."""

    seed: int = 0
    share: float = 0.0
    burst_s: float = 1.0

    def __post_init__(self) -> None:
        if not 0 <= self.share < 1 or self.burst_s <= 0:
            raise ValueError("share is from 0 to below 1, burst_s above 0")


class Babbler:
    """The bursts of one line, the same for the same seed; asked in whatever order."""

    def __init__(self, babble: Babble) -> None:
        self._babble = babble
        self._random = random.Random(babble.seed)
        self._bytes = random.Random(babble.seed + 1)
        self._bursts: list[tuple[float, float]] = []
        self._since: datetime | None = None

    def bursts(self, begin: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Those that overlap [begin, end), in order. Nothing was heard before the first time that is asked for."""
        if not self._babble.share:
            return []
        if self._since is None:
            self._since = begin
        first, last = ((moment - self._since).total_seconds() for moment in (begin, end))
        while not self._bursts or self._bursts[-1][1] < last:
            self._draw()
        found = []
        for start, stop in reversed(self._bursts):
            if stop <= first:
                break
            if start < last:
                found.append((self._since + timedelta(seconds=start), self._since + timedelta(seconds=stop)))
        return found[::-1]

    def noise(self, count: int) -> bytes:
        """Bytes of a burst."""
        return self._bytes.randbytes(count)

    def spoilt(self, data: bytes, begin: datetime, end: datetime) -> bytes:
        """`data` as it is heard when it is sent from `begin` to `end`."""
        heard = bytearray(data)
        whole = (end - begin).total_seconds() or 1.0
        for start, stop in self.bursts(begin, end):
            first = int(max(0.0, (start - begin).total_seconds()) / whole * len(data))
            last = -int(-min(whole, (stop - begin).total_seconds()) / whole * len(data) // 1)
            for place in range(first, min(last, len(data))):
                heard[place] &= self._bytes.getrandbits(8)
        return bytes(heard)

    def _draw(self) -> None:
        babble = self._babble
        silence = babble.burst_s * (1 - babble.share) / babble.share
        after = self._bursts[-1][1] if self._bursts else 0.0
        start = after + silence * self._random.uniform(0.5, 1.5)
        self._bursts.append((start, start + babble.burst_s * self._random.uniform(0.5, 1.5)))
