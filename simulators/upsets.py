"""What befalls whole parts of a plant: outages of lines or areas, meters that are exchanged; and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec

from protocols.model import Kind
from simulators.load import EPOCH, mixed
from simulators.meter import Start, VirtualMeter

_AHEAD: Final = timedelta(days=400)
_HOUR: Final = timedelta(hours=1)


def moment_of(at: float | datetime, start: datetime) -> datetime:
    """Seconds after `start`, or the moment itself, in UTC."""
    return at.astimezone(UTC) if isinstance(at, datetime) else start + timedelta(seconds=at)


class OutageTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """No supply from `at` on for `seconds`; of the buses (and of those repeated from them) and meters that are named,
    of all where none is."""

    at: float | datetime
    seconds: float
    bus: list[str] = []
    meter: list[str] = []

    def strikes(self, bus: str, repeated: str, meter: VirtualMeter) -> bool:
        """`repeated` is the bus's name before its number."""
        if not (self.bus or self.meter):
            return True
        return bool({bus, repeated} & set(self.bus) or {meter.name, meter.address} & set(self.meter))


class ExchangeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """At `at` the meter of that name or address is taken down, and another of the same kind, with `address` and
    registers at 0, measures the same load from then on."""

    at: float | datetime
    meter: str
    address: str


def upset_problems(outages: Iterable[OutageTable], exchanges: Iterable[ExchangeTable]) -> Iterator[tuple[str, str]]:
    """What types cannot say: key, and what was expected."""
    for index, outage in enumerate(outages):
        yield from _at_problems(f"outage[{index}].at", outage.at)
        if outage.seconds <= 0:
            yield f"outage[{index}].seconds", f"{outage.seconds:g}, expected above 0"
    seen: set[str] = set()
    for index, exchange in enumerate(exchanges):
        yield from _at_problems(f"exchange[{index}].at", exchange.at)
        if exchange.meter in seen:
            yield f"exchange[{index}].meter", f"{exchange.meter!r} is exchanged twice"
        seen.add(exchange.meter)


def _at_problems(key: str, at: float | datetime) -> Iterator[tuple[str, str]]:
    if isinstance(at, datetime) and at.tzinfo is None:
        yield key, "expected a moment with its offset, or seconds after the start"
    elif not isinstance(at, datetime) and at < 0:
        yield key, f"{at:g}, expected seconds from 0 on"


def successor(old: VirtualMeter, address: str, start: datetime) -> VirtualMeter:
    """The meter that is hung in the place of `old`: without supply until then."""
    made = VirtualMeter(
        f"{old.name}-{address}",
        address,
        old.plate,
        old.load,
        Start(),
        mixed(old.seed, 11),
        old.phases,
        old.tick_s,
        0,
        old.utc_offset_s,
        0,
        start,
        old.word_3,
    )
    made.change(EPOCH, powered=False)
    return made


def registers(meter: VirtualMeter, at: datetime) -> dict[str, str]:
    """Its energies, exactly as shown."""
    found: dict[str, Decimal] = {
        quantity.name: value
        for quantity, value in meter.values(at).items()
        if quantity.kind is Kind.CUMULATIVE and value is not None
    }
    return {name: format(value, "f") for name, value in found.items()}


def saving_jumps(timezone: str, start: datetime) -> list[tuple[datetime, timedelta]]:
    """When a clock that keeps summer time is put forward or back, and by how much: at `start`, if it is summer, then at
    every change of the next 400 days."""
    zone = ZoneInfo(timezone)

    def saving(at: datetime) -> timedelta:
        return at.astimezone(zone).dst() or timedelta(0)

    before, found = timedelta(0), []
    at = start
    while at < start + _AHEAD:
        now = saving(at)
        if now != before:
            found.append((at, now - before))
            before = now
        at = at.replace(minute=0, second=0, microsecond=0) + _HOUR
    return found


class Happenings:
    """What happened, one JSON object a line: ``{"time", "event", ...}``. Raises `OSError`."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)

    def write(self, time: datetime, event: str, **told: Any) -> None:
        row = {"time": time.astimezone(UTC).isoformat(), "event": event, **told}
        self._file.write(json.dumps(row, separators=(",", ":"), ensure_ascii=False) + "\n")

    def close(self) -> None:
        self._file.close()
