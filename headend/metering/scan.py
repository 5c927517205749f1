"""Who is on a line, protocol by protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Final

from headend.collection.line import Line
from headend.errors import UsageFault
from protocols import models
from protocols.errors import BadAnswer, NoAnswer
from protocols.modbus import ModbusModel
from protocols.modbus.scan import Candidate, Found, Grade, Presence, fitting, look
from protocols.modbus.sunspec import SunSpecDevice, discover
from protocols.models.sunspec_json import points_of

Scan = Callable[[Line, Sequence[int]], AsyncIterator[Found]]

_THERE: Final = frozenset({Presence.ANSWERS, Presence.REFUSES, Presence.GARBLED})


def units(text: str) -> list[int]:
    """``1-247`` or ``1,5,10-12``. Raises `UsageFault`."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        try:
            low, high = int(first), int(last) if dash else int(first)
        except ValueError:
            low, high = 1, 0
        if not 0 <= low <= high <= 255:
            raise UsageFault(f"--units {text!r}: expected numbers and spans in 0..255 such as 1-247 or 1,5,10-12")
        found.update(range(low, high + 1))
    return sorted(found)


async def scan_modbus(line: Line, wanted: Sequence[int]) -> AsyncIterator[Found]:
    """Every unit asked for, one after the other, the silent ones too. Raises `LinkError`.

    Only reading functions are used. What came in as no frame while a unit was asked is told, not taken for an answer.
    """
    known = [model for model in map(models.load, models.names()) if isinstance(model, ModbusModel)]
    wire: Any = line.wire
    for unit in wanted:
        noise = line.counters.noise
        found = await line.run(look(unit, wire))
        if found.presence in _THERE:
            device = await _sunspec(line, unit)
            if device is not None:
                found.candidates = [_of_sunspec(device)]
            else:
                found.candidates = await line.run(fitting(found, known, wire))
        if line.counters.noise > noise:
            found.said.append(f"{line.counters.noise - noise} stretches of bytes that were no frame")
        yield found


async def _sunspec(line: Line, unit: int) -> SunSpecDevice | None:
    wire: Any = line.wire
    try:
        return await line.run(discover(unit, wire, points_of))
    except (NoAnswer, BadAnswer):
        return None


def _of_sunspec(device: SunSpecDevice) -> Candidate:
    chain = " ".join(str(link.id) for link in device.chain)
    name = device.meter.head.name if device.meter is not None else "sunspec device without a meter model known here"
    return Candidate(name, Grade.STATED, (f"SunS at holding {device.base}, models {chain}",))


SCANS: Final[Mapping[str, Scan]] = {"modbus": scan_modbus}
"""By protocol; one that is not here cannot be scanned yet."""
