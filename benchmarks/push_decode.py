"""Pushed payloads to columns of captures: readings a second of processor time, without broker and database.

200 messages of 100 readings as raw DL/T 645 frames (`push_frames`; 13 meters a message, eight items), and 200 of
100 captures of eight quantities as JSON columns of integers (`push_json`), of decimals (`push_json_decimals`) and as
compact batches (`push_batch`). Each is decoded and checked: every number is what was sent. The peer of JSON is the
standard library's `json.loads` of the same bytes, which gives floats and no captures. The limit of the frames is what
the codec below takes for the same bytes as one buffer, without meters, times and captures.

    python -m benchmarks.push_decode [--json]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from random import Random
from time import process_time
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from benchmarks.report import Row, rate, show
from protocols.dlt645.address import to_wire
from protocols.dlt645.batch import BatchDecoder
from protocols.dlt645.frame import encode
from protocols.dlt645.items import item
from protocols.model import POSITIONS
from protocols.push.arrivals import Message
from protocols.push.batch_encode import BatchBlock, ValueColumn, encode_batch
from protocols.push.payloads import PAYLOADS, PayloadSettings
from protocols.quantities import LAYOUTS

MESSAGES: Final = 200
EACH: Final = 100
ROUNDS: Final = 15
RECEIVED_US: Final = 1_795_000_000_000_000
_ITEMS: Final = ("00010000", "00020000", "02010100", "02010200", "02010300", "02020100", "02030000", "02800002")
_LAYOUT: Final = LAYOUTS[3]
_SETTINGS: Final = PayloadSettings(ZoneInfo("Asia/Shanghai"), "received")
_DECIMALS: Final = 2

Numbers = NDArray[np.int64]


def frames(random: Random) -> tuple[list[Message], int]:
    """The messages, and the sum of all numbers in steps."""
    messages, total = [], 0
    for message in range(MESSAGES):
        raw = b""
        for index in range(EACH):
            found = item(_ITEMS[index % len(_ITEMS)])
            part, form = found.parts[0]
            assert part.quantity is not None
            number = random.randrange(10 ** (2 * form.length - 1))
            total += number * 10 ** (part.quantity.decimals - part.decimals)
            address = to_wire(f"{13 * message + index // len(_ITEMS):012d}")
            raw += encode(address, 0x91, found.wire + found.encode([number]), b"")
        messages.append(Message({"line": f"line-{message}"}, raw, RECEIVED_US))
    return messages, total


def numbers(random: Random) -> list[Numbers]:
    """For each message a row a capture, in hundredths."""
    return [
        np.array([[random.randrange(10**7) for _ in range(POSITIONS)] for _ in range(EACH)], np.int64)
        for _ in range(MESSAGES)
    ]


def meters(message: int) -> list[str]:
    return [f"M-{EACH * message + row:06d}" for row in range(EACH)]


def times_ms() -> list[int]:
    return [RECEIVED_US // 1000 - 900_000 * (row % 4) for row in range(EACH)]


def as_json(message: int, told: Numbers, decimals: bool) -> bytes:
    columns: dict[str, list[Any]] = {}
    for quantity, column in zip(_LAYOUT.quantities, told.T.tolist(), strict=True):
        columns[quantity.name] = [f"{n // 100}.{n % 100:02d}" for n in column] if decimals else column
    document = {"meters": meters(message), "times": times_ms(), "columns": columns}
    if not decimals:
        document["decimals"] = dict.fromkeys(columns, _DECIMALS)
    text = json.dumps(document)
    if decimals:  # written as numbers, not as texts
        head, _, tail = text.partition('"columns"')
        text = f'{head}"columns"{tail}'
        for column in columns.values():
            text = text.replace(json.dumps(column), f"[{', '.join(column)}]")
    return text.encode()


def as_batch(message: int, told: Numbers) -> bytes:
    columns = [ValueColumn(position, told[:, position].copy(), _DECIMALS) for position in range(POSITIONS)]
    block = BatchBlock(_LAYOUT.id, np.arange(EACH), 1000 * np.array(times_ms(), np.int64), columns)
    return encode_batch([block], names=meters(message))


def measured(name: str, messages: Sequence[Message], count: int, total: int) -> Callable[[], float]:
    """A turn of ours, checked once."""
    decoder = PAYLOADS[name](_SETTINGS)
    arrivals = decoder.decode(messages)
    if arrivals.rejects or int(arrivals.present.sum()) != count or int(arrivals.values.sum()) != total:
        raise SystemExit(f"{name}: {int(arrivals.present.sum())} of {count} readings, {arrivals.rejects[:1]}")
    return lambda: timed(lambda: decoder.decode(messages))


def timed(work: Callable[[], object]) -> float:
    began = process_time()
    work()
    return process_time() - began


def rows() -> list[Row]:
    """Measure, in turns."""
    random = Random(645)
    sent, total = frames(random)
    turns = {"push_frames": measured("frames", sent, MESSAGES * EACH, total)}
    codec, buffer = BatchDecoder(), b"".join(message.payload for message in sent)
    others: dict[str, Callable[[], float]] = {"push_frames": lambda: timed(lambda: codec.decode(buffer))}
    counts = {"push_frames": MESSAGES * EACH}

    told = numbers(random)
    steps = np.array([10 ** (quantity.decimals - _DECIMALS) for quantity in _LAYOUT.quantities], np.int64)
    total = int(sum((one * steps).sum() for one in told))
    count = MESSAGES * EACH * POSITIONS

    def add(name: str, payload: str, make: Callable[[int, Numbers], bytes]) -> None:
        messages = [Message({}, make(number, one), RECEIVED_US) for number, one in enumerate(told)]
        turns[name], counts[name] = measured(payload, messages, count, total), count
        if payload == "json":
            others[name] = lambda: timed(lambda: [json.loads(message.payload) for message in messages])

    add("push_json", "json", lambda number, one: as_json(number, one, decimals=False))
    add("push_json_decimals", "json", lambda number, one: as_json(number, one, decimals=True))
    add("push_batch", "batch", as_batch)

    ours: dict[str, list[float]] = {name: [] for name in turns}
    beside: dict[str, list[float]] = {name: [] for name in others}
    for _ in range(ROUNDS):
        for name, turn in turns.items():
            ours[name].append(turn())
            if name in others:
                beside[name].append(others[name]())
    told_rates = {name: rate(counts[name], taken) for name, taken in ours.items()}
    other_rates = {name: rate(counts[name], taken) for name, taken in beside.items()}
    limit = "the codec alone, one buffer"
    return [
        Row("push_frames", "readings/s", told_rates["push_frames"], None, None, other_rates["push_frames"], limit),
        *(
            Row(name, "readings/s", told_rates[name], other_rates.get(name), "json.loads" if name in others else None)
            for name in ("push_json", "push_json_decimals", "push_batch")
        ),
    ]


if __name__ == "__main__":
    show(rows(), sys.argv)
