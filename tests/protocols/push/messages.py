"""Messages to decode, and what was decoded in words that a test can compare."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from protocols.dlt645.address import to_wire
from protocols.dlt645.frame import encode
from protocols.dlt645.items import item
from protocols.model import Quality
from protocols.push.arrivals import Arrivals, Message, MeterKey, PayloadDecoder
from protocols.push.payloads import PAYLOADS, PayloadSettings
from protocols.push.times import epoch_us
from protocols.quantities import LAYOUTS

METER: Final = "123456789012"
OTHER: Final = "000000000017"
RECEIVED: Final = datetime(2026, 11, 22, 2, 20, 7, tzinfo=UTC)
SHANGHAI: Final = ZoneInfo("Asia/Shanghai")
BERLIN: Final = ZoneInfo("Europe/Berlin")
_LAYOUTS: Final = {layout.id: layout for layout in LAYOUTS}


class Told(NamedTuple):
    """One value of a capture."""

    meter: str
    quantity: str
    time: datetime
    value: Decimal | None
    quality: Quality = Quality.GOOD


def decoder(name: str = "frames", zone: ZoneInfo = SHANGHAI, **settings: Any) -> PayloadDecoder:
    return PAYLOADS[name](PayloadSettings(zone, **settings))


def message(payload: bytes, received: datetime = RECEIVED, repeated: bool = False, **fields: str) -> Message:
    return Message(fields, payload, epoch_us(received), repeated)


def reply(code: str, *values: int | str | None, address: str = METER) -> bytes:
    """The frame with which a meter answers a read."""
    found = item(code, "2007" if len(code) == 8 else "1997")
    control = 0x91 if len(code) == 8 else 0x81
    return encode(to_wire(address), control, found.wire + found.encode(values), b"")


def told(arrivals: Arrivals, of: int | None = None) -> list[Told]:
    """Every value, sorted; of one message or of all."""
    values = []
    for row in range(len(arrivals)):
        if of is not None and arrivals.message[row] != of:
            continue
        layout = _LAYOUTS[int(arrivals.layout[row])]
        meter = str(arrivals.keys[arrivals.key[row]])
        time = datetime.fromtimestamp(int(arrivals.time_us[row]) // 1_000_000, UTC)
        for position, quantity in enumerate(layout.quantities):
            quality = Quality(arrivals.quality[row, position])
            if arrivals.present[row, position]:
                assert quality is Quality.GOOD
                value = quantity.value(int(arrivals.values[row, position])).normalize()
                values.append(Told(meter, quantity.name, time, value))
            elif quality is not Quality.GOOD:
                assert arrivals.values[row, position] == 0
                values.append(Told(meter, quantity.name, time, None, quality))
        assert not arrivals.present[row, len(layout.quantities) :].any()
    return sorted(values, key=str)


def reasons(arrivals: Arrivals) -> list[tuple[int, str]]:
    return [(reject.message, reject.reason) for reject in arrivals.rejects]


def decoded(payload: bytes, name: str = "frames", **settings: Any) -> tuple[list[Told], list[str]]:
    """Of one message: its values and the reasons of its rejects."""
    arrivals = decoder(name, **settings).decode([message(payload)])
    return told(arrivals), [reason for _, reason in reasons(arrivals)]


def at(text: str) -> datetime:
    """A time with its offset, in UTC."""
    return datetime.fromisoformat(text).astimezone(UTC)


def good(quantity: str, value: str, time: datetime | str, meter: str = METER) -> Told:
    return Told(meter, quantity, at(time) if isinstance(time, str) else time, Decimal(value).normalize())


def keys_of(arrivals: Arrivals) -> Sequence[MeterKey]:
    return [arrivals.keys[key] for key in arrivals.key]
