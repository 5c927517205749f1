"""Meter keys to the registry's numbers, remembered for a while."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, Protocol

from protocols.push.arrivals import MeterKey
from storage.meter_keys import Found, FoundMeter

REFRESH_S: Final = 60.0
"""How often it is looked whether the registry has changed: a meter that is removed or suspended is noticed then."""
RETRY_S: Final = 3.0
"""How soon a meter that was not there is asked for again."""

UNKNOWN: Final = "unknown_meter"
AMBIGUOUS: Final = "ambiguous_meter"
SUSPENDED: Final = "suspended_meter"

LookUp = Callable[[Sequence[MeterKey]], Awaitable[Sequence[int | str]]]
"""One a key: the meter's id, or the reason why there is none."""


class MeterSource(Protocol):
    """What is needed of `storage.meter_keys.MeterKeys`."""

    async def find(
        self, names: Sequence[str], places: Sequence[tuple[str, str]], addresses: Sequence[str]
    ) -> Found: ...

    async def revision(self) -> tuple[int, ...]: ...


class Meters:
    """A key leads to a meter's id, or to the reason why to none."""

    def __init__(self, registry: MeterSource, clock: Callable[[], float] = time.monotonic) -> None:
        self._registry = registry
        self._clock = clock
        self._known: dict[MeterKey, int] = {}
        self._revision: tuple[int, ...] = ()
        """Of before anything of what is known was asked."""
        self._looked = clock()
        self._lacking: dict[MeterKey, tuple[str, float]] = {}

    async def look_up(self, keys: Sequence[MeterKey]) -> list[int | str]:
        """One a key: the meter's id or a reason. Raises `StorageError`."""
        now = self._clock()
        if not self._revision or now - self._looked > REFRESH_S:
            await self._refresh(now)
        known: list[int | str | None] = [self._known.get(key) for key in keys]
        if None not in known:
            return known  # type: ignore[return-value]
        strange = [key for key, meter in zip(keys, known, strict=True) if meter is None]
        asked = [key for key in strange if self._lacking.get(key, ("", 0.0))[1] <= now]
        if asked:
            await self._ask(asked, now + RETRY_S)
        return [self._known[key] if key in self._known else self._lacking[key][0] for key in keys]

    async def _refresh(self, now: float) -> None:
        revision = await self._registry.revision()
        if revision != self._revision:
            self._known.clear()
        self._lacking.clear()
        self._revision, self._looked = revision, now

    async def _ask(self, keys: Sequence[MeterKey], retry_at: float) -> None:
        found = await self._registry.find(
            [key.name for key in keys if key.name],
            [(key.line, key.address) for key in keys if not key.name and key.line],
            [key.address for key in keys if not key.name and not key.line],
        )
        for key in keys:
            meter = _meter(found, key)
            if isinstance(meter, str):
                self._lacking[key] = (meter, retry_at)
            else:
                self._known[key] = meter
                self._lacking.pop(key, None)


def _meter(found: Found, key: MeterKey) -> int | str:
    meters: list[FoundMeter | None]
    if key.name:
        meters = [found.by_name.get(key.name)]
    elif key.line:
        meters = [found.by_place.get((key.line, key.address))]
    else:
        meters = list(found.by_address.get(key.address, ()))
    if len(meters) > 1:
        return AMBIGUOUS
    meter = meters[0] if meters else None
    if meter is None:
        return UNKNOWN
    return meter.id if meter.is_active else SUSPENDED
