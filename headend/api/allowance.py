"""So many requests in a minute, of each who asks."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import ceil
from typing import Final

_MOST: Final = 10_000
"""So many are remembered; whoever has a full allowance need not be."""


@dataclass(slots=True)
class _Bucket:
    left: float
    at: float


class Allowance:
    """A token bucket for each name. `now` is a monotonic clock in seconds."""

    def __init__(self, a_minute: int, now: Callable[[], float]) -> None:
        self.limit = a_minute
        self._rate = a_minute / 60
        self._now = now
        self._buckets: dict[str, _Bucket] = {}

    def take(self, name: str) -> int:
        """0 where it may go on; else the seconds after which it may try again."""
        bucket = self._filled(name)
        if bucket.left >= 1:
            bucket.left -= 1
            return 0
        return self._wait(bucket)

    def look(self, name: str) -> int:
        """The same without taking anything."""
        bucket = self._filled(name)
        return 0 if bucket.left >= 1 else self._wait(bucket)

    def _wait(self, bucket: _Bucket) -> int:
        return max(1, ceil((1 - bucket.left) / self._rate))

    def left(self, name: str) -> int:
        return int(self._filled(name).left)

    def _filled(self, name: str) -> _Bucket:
        now = self._now()
        bucket = self._buckets.get(name)
        if bucket is None:
            if len(self._buckets) >= _MOST:
                self._forget(now)
            bucket = self._buckets[name] = _Bucket(float(self.limit), now)
        bucket.left = min(float(self.limit), bucket.left + (now - bucket.at) * self._rate)
        bucket.at = now
        return bucket

    def _forget(self, now: float) -> None:
        """Those that are full again; where all are in use, the oldest half."""
        full = [name for name, b in self._buckets.items() if b.left + (now - b.at) * self._rate >= self.limit]
        for name in full or sorted(self._buckets, key=lambda name: self._buckets[name].at)[: _MOST // 2]:
            del self._buckets[name]
