"""Messages of a pushing fleet in the forms of docs/push.md: a gateway's meters at one slot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np

from protocols.dlt645.address import to_wire
from protocols.dlt645.frame import encode
from protocols.dlt645.items import item
from protocols.push.batch_encode import BatchBlock, ValueColumn, encode_batch
from protocols.push.readings import Ints
from protocols.push.topic import TopicTemplate
from protocols.quantities import LAYOUTS
from simulators.push.table import QUANTITIES
from simulators.push.values import Values

_ANSWER: Final = 0x91
_CLOCK: Final = (("04000101", "%y%m%d"), ("04000102", "%H%M%S"))
"""The date (its weekday comes behind) and the time of a meter's clock."""


class Publication(NamedTuple):
    """A message as it is published."""

    topic: str
    payload: bytes


def address_of(fleet: int, meter: int) -> str:
    """Twelve digits, of our own making; both counted from 0."""
    return f"27{fleet + 1:03d}{meter + 1:07d}"


class Publications:
    """What a fleet publishes; a pure function of seed, gateway and slot. `number` tells the fleets of a scenario
    apart."""

    def __init__(self, values: Values, number: int = 0) -> None:
        table = values.table
        self.table = table
        self._values = values
        self._offset_s = values.offset_s
        self._number = number
        self._topic = TopicTemplate(table.topic)
        self._form = _FORMS[table.payload]

    def of(self, gateway: int, slot: int) -> Publication:
        """What `gateway` (from 0) publishes of the slot that begins at `slot`, seconds since 1970."""
        meters = self.table.meters_of(gateway)
        told = {"line": self.table.gateway_name(gateway)}
        told |= {field: "any" for field in self._topic.fields if field not in ("line", "meter", "address")}
        if "meter" in self._topic.fields or "address" in self._topic.fields:
            told |= {"meter": self.table.meter_name(meters[0]), "address": self.address(meters[0])}
        return Publication(self._topic.fill(told), self._form(self, gateway, slot))

    def address(self, meter: int) -> str:
        return address_of(self._number, meter)

    def columns(self, gateway: int, slot: int) -> dict[str, Ints]:
        """The numbers, by quantity."""
        meters = np.array(self.table.meters_of(gateway))
        return {name: self._values.column(name, meters, slot) for name in self.table.quantities}

    def batch(self, gateway: int, slot: int) -> bytes:
        meters = self.table.meters_of(gateway)
        columns = self.columns(gateway, slot)
        rows = np.arange(len(meters))
        times = np.full(len(meters), slot * 1_000_000, np.int64)
        blocks = []
        for layout in LAYOUTS:
            names = [(place, one.name) for place, one in enumerate(layout.quantities) if one.name in columns]
            if names:
                values = [ValueColumn(place, columns[name], QUANTITIES[name].decimals) for place, name in names]
                blocks.append(BatchBlock(layout.id, rows, times, values))
        return encode_batch(blocks, addresses=[self.address(meter) for meter in meters])

    def json(self, gateway: int, slot: int) -> bytes:
        columns = self.columns(gateway, slot)
        document = {
            "addresses": [self.address(meter) for meter in self.table.meters_of(gateway)],
            "line": self.table.gateway_name(gateway),
            "time": datetime.fromtimestamp(slot, UTC).isoformat(),
            "columns": {name: numbers.tolist() for name, numbers in columns.items()},
            "decimals": {name: QUANTITIES[name].decimals for name in columns},
        }
        return json.dumps(document, separators=(",", ":")).encode()

    def frames(self, gateway: int, slot: int) -> bytes:
        """Of each meter its clock, then its registers: answers as on the line."""
        local = datetime.fromtimestamp(slot, UTC) + timedelta(seconds=self._offset_s)
        clock = [(item(name).wire, _bcd(local.strftime(form))) for name, form in _CLOCK]
        clock[0] = (clock[0][0], bytes((local.isoweekday() % 7,)) + clock[0][1])
        columns = [
            (item(QUANTITIES[name].item), numbers.tolist()) for name, numbers in self.columns(gateway, slot).items()
        ]
        out = []
        for row, meter in enumerate(self.table.meters_of(gateway)):
            address = to_wire(self.address(meter))
            datas = [wire + shown for wire, shown in clock]
            datas += [found.wire + found.encode([numbers[row]]) for found, numbers in columns]
            out += [encode(address, _ANSWER, data, b"") for data in datas]
        return b"".join(out)

    def hex(self, gateway: int, slot: int) -> bytes:
        return self.frames(gateway, slot).hex().upper().encode()


_FORMS: Final[Mapping[str, Callable[[Publications, int, int], bytes]]] = {
    "batch": Publications.batch,
    "json": Publications.json,
    "frames": Publications.frames,
    "hex": Publications.hex,
}


def _bcd(digits: str) -> bytes:
    """Digits as they stand on the wire: the last pair first."""
    return bytes.fromhex(digits)[::-1]
