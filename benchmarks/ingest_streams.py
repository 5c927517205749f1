"""What gateways publish in `benchmarks.ingest`: 50,000 meters on 4,000 gateways of twelve or thirteen, in one registry.

A stream is a file of MQTT packets, ready to be sent, with the exact sum of what is in it. Readings: a batch message has
100 (captures of eight quantities of one moment of all of a gateway's meters, every other message 96 and 104), a message
of frames 100 (eight items of each meter), a single one frame with a total.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks.store_batches import QUANTITIES
from protocols.dlt645.address import to_wire
from protocols.dlt645.frame import encode
from protocols.dlt645.items import item
from protocols.model import POSITIONS
from protocols.push.batch_encode import BatchBlock, ValueColumn, encode_batch
from protocols.quantities import BY_NAME
from storage.columns import CaptureColumns, from_us
from storage.entries import Additions, NewLine, NewMeter
from storage.registry import Registry

METERS: Final = 50_000
_PAIR: Final = 25
"""Meters on two gateways."""
_FIRST: Final = 12
ITEMS: Final = ("00010000", "00020000", "02010100", "02010200", "02010300", "02020100", "02030000", "02800002")
"""Of three layouts."""
_READ: Final = 0x91
_TOTAL: Final = BY_NAME["active_energy_import"]
_EPOCH: Final = datetime(2026, 3, 1, tzinfo=UTC)

Values = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Stream:
    """`weighted`: the exact sum of every value times its quantity's id."""

    file: Path
    messages: int
    readings: int
    weighted: int


def gateway_of(meter: int) -> str:
    """Of the meter with that number, from 0."""
    return f"dtu-{meter // _PAIR * 2 + (meter % _PAIR >= _FIRST):05d}"


def address_of(meter: int) -> str:
    return f"{meter + 1:012d}"


def gateways(first: int, last: int) -> list[range]:
    """The meters of each, of those from `first` (a multiple of 25) to before `last`."""
    found = []
    for start in range(first, last, _PAIR):
        found += [range(start, start + _FIRST), range(start + _FIRST, start + _PAIR)]
    return found


async def register(conninfo: str) -> None:
    """Meter n gets the id n + 1, as `benchmarks.store_batches` has it."""
    lines = tuple(NewLine(name=gateway_of(meters[0]), url="push:", protocol="dlt645") for meters in gateways(0, METERS))
    meters = tuple(
        NewMeter(name=f"m-{n:05d}", address=address_of(n), model="dlt645_2007", line=gateway_of(n))
        for n in range(METERS)
    )
    async with Registry(conninfo) as registry:
        await registry.add(Additions(lines=lines, meters=meters))


def batches(
    folder: Path, topic: str, parts: Sequence[CaptureColumns], form: Callable[[CaptureColumns, range], bytes]
) -> Stream:
    """Batches of `benchmarks.store_batches`, gateway by gateway, each message in `form`."""
    messages = []
    for columns in parts:
        first = int(columns.meter_id[0]) - 1
        for meters in gateways(first, first + len(columns)):
            rows = columns.take(slice(meters.start - first, meters.stop - first))
            messages.append((topic.format(gateway=gateway_of(meters.start)), form(rows, meters)))
    weighted = sum(int((columns.values * np.array(QUANTITIES)).sum()) for columns in parts)
    return written(folder / "batches", messages, sum(columns.values.size for columns in parts), weighted)


def as_batch(columns: CaptureColumns, meters: range) -> bytes:
    """A compact batch with addresses."""
    values = [ValueColumn(position, columns.values[:, position].copy()) for position in range(POSITIONS)]
    block = BatchBlock(int(columns.layout[0]), np.arange(len(columns)), columns.time_us, values)
    return encode_batch([block], addresses=[address_of(meter) for meter in meters])


def as_json(columns: CaptureColumns, meters: range) -> bytes:
    """The same for those who do not know batches: numbers in steps, the meters' numbers."""
    return _document(from_us(int(columns.time_us[0])), list(meters), QUANTITIES, columns.values.tolist())


def frames(folder: Path, topic: str, number: int) -> Stream:
    """The eight items of every meter once."""
    messages, total = [], 0
    random = np.random.default_rng(number)
    for meters in gateways(0, METERS):
        payload = b""
        for meter in meters:
            parts, added = _answers(address_of(meter), ITEMS, random.integers(0, 10**9, len(ITEMS)))
            payload += parts
            total += added
        messages.append((topic.format(gateway=gateway_of(meters.start)), payload))
    return written(folder / "frames", messages, METERS * len(ITEMS), total)


def singles(folder: Path, topic: str, number: int) -> Stream:
    """The total of every meter once."""
    messages, total = [], 0
    for meter, value in enumerate(totals(number)):
        payload, added = _answers(address_of(meter), ITEMS[:1], [value])
        total += added
        messages.append((topic.format(gateway=gateway_of(meter)), payload))
    return written(folder / "singles", messages, METERS, total)


def singles_as_json(folder: Path, topic: str, number: int, most: int) -> Stream:
    """The same for those who do not know frames, of the first `most` meters."""
    told = totals(number)[:most]
    time = _EPOCH + timedelta(seconds=number)
    quantity = _TOTAL.id
    messages = [
        (topic.format(gateway=gateway_of(meter)), _document(time, [meter], [quantity], [[value]]))
        for meter, value in enumerate(told)
    ]
    return written(folder / "singles", messages, len(told), sum(told) * quantity)


def _document(time: datetime, meters: list[int], quantities: Sequence[int], values: list[list[int]]) -> bytes:
    return json.dumps(
        {"time": time.isoformat(), "meters": meters, "quantities": list(quantities), "values": values}
    ).encode()


def totals(number: int) -> list[int]:
    """Hundredths of a kWh, of each meter."""
    found: list[int] = np.random.default_rng(number).integers(0, 40_000_000, METERS).tolist()
    return found


def _answers(address: str, names: Sequence[str], numbers: Iterable[int]) -> tuple[bytes, int]:
    """A meter's answers one behind the other, and their weighted sum."""
    raw, total, wire = b"", 0, to_wire(address)
    for name, number in zip(names, numbers, strict=True):
        found = item(name)
        part, form = found.parts[0]
        assert part.quantity is not None
        number = int(number) % 10 ** (2 * form.length - 1)
        total += number * 10 ** (part.quantity.decimals - part.decimals) * part.quantity.id
        raw += encode(wire, _READ, found.wire + found.encode([number]), b"")
    return raw, total


def written(file: Path, messages: Sequence[tuple[str, bytes]], readings: int, weighted: int) -> Stream:
    """PUBLISH packets of MQTT 3.1.1 (section 3.3), QoS 1; packet ids go round."""
    with file.open("wb") as out:
        for number, (topic, payload) in enumerate(messages):
            body = len(topic).to_bytes(2, "big") + topic.encode() + (number % 65_535 + 1).to_bytes(2, "big") + payload
            length, head = len(body), bytearray(b"\x32")
            while length >= 0x80:
                head.append(length & 0x7F | 0x80)
                length >>= 7
            head.append(length)
            out.write(bytes(head) + body)
    return Stream(file, len(messages), readings, weighted)
