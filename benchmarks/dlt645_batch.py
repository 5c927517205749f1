"""`dlt645_decode_batch`: pushes and replays to exact values, frames a second on one core.

Ours is given one buffer of 100,000 glued replies with zero to four FEH before each, two to four bytes of number, one in
a hundred with a byte changed, and finds, checks and decodes them into columns. The decoder has met the items before.
The peer decodes the same frames, each handed to it by itself. The limit is the least numpy that gives address,
identifier and number, for as many sound frames of 20 bytes at known places: sums checked, digits not.
"""

from __future__ import annotations

from random import Random
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.dlt645_peer import ADDRESS, ITEMS, PEER, READ_REPLY, opened_peer
from benchmarks.report import Row, rate
from protocols.dlt645.address import to_wire
from protocols.dlt645.batch import Batch, BatchDecoder, Outcome
from protocols.dlt645.frame import Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.reply import read_reply
from protocols.errors import BadAnswer, ModelError, Refused
from protocols.model import Quality, Value

FRAMES: Final = 100_000
ROUNDS: Final = 9
_LAPS: Final = {"ours": 10, "limit": 20}
_BAD: Final = 0.01
_LIMIT: Final = "least numpy: 20-byte frames at known places"
_DIGITS: Final = np.array(
    [(byte - 0x33 & 0xFF) // 16 * 10 + (byte - 0x33 & 0xFF) % 16 for byte in range(256)], np.uint8
)
"""33H taken off and two digits read, of any byte."""


def frames(random: Random) -> list[tuple[bytes, int | None]]:
    """Each frame and the number in it; None where a byte of it was changed."""
    made: list[tuple[bytes, int | None]] = []
    for index in range(FRAMES):
        found = item(ITEMS[index % len(ITEMS)])
        form = found.parts[0][1]
        largest = 10 ** (2 * form.length - 1) - 1
        number = random.randint(-largest if getattr(form, "signed", False) else 0, largest)
        raw = encode(to_wire(ADDRESS), READ_REPLY, found.wire + found.encode([number]), b"")
        bad = random.random() < _BAD
        if bad:
            at = random.randrange(len(raw))
            raw = raw[:at] + bytes((raw[at] ^ random.randint(1, 255),)) + raw[at + 1 :]
        made.append((b"\xfe" * random.randint(0, 4) + raw, None if bad else number))
    return made


def one_by_one(buffer: bytes) -> list[Value | None]:
    """The single value of each frame, by the reader and the item; None where it has none."""
    reader = FrameReader()
    values: list[Value | None] = []
    for event in [*reader.feed(buffer), *reader.flush()]:
        if isinstance(event, Frame):
            try:
                (value,) = read_reply(event)
            except (BadAnswer, Refused, ModelError):
                values.append(None)
            else:
                values.append(value)
    return values


def in_columns(batch: Batch) -> list[Value | None]:
    """The same out of a batch."""
    values: list[Value | None] = [None] * len(batch.frames.start)
    columns = batch.numbers
    for row, part, number, quality in zip(
        columns.frame.tolist(), columns.part.tolist(), columns.number.tolist(), columns.quality.tolist(), strict=True
    ):
        values[row] = Value(batch.parts[part], number if quality == Quality.GOOD else None, None, Quality(quality))
    return values


def check(made: list[tuple[bytes, int | None]], foreign: list[float | None] | None) -> BatchDecoder:
    """A decoder that said of every frame what the reader and the item say, and the peer as far as floats can."""
    decoder = BatchDecoder()
    buffer = b"".join(raw for raw, _ in made)
    batch = decoder.decode(buffer)
    values = in_columns(batch)
    if values != one_by_one(buffer) or batch.others:
        raise SystemExit("the batch and the frames one by one differ")
    ends = np.cumsum([len(raw) for raw, _ in made])
    row_of = {int(end): row for row, end in enumerate(batch.frames.end)}
    for index, ((raw, number), end) in enumerate(zip(made, ends.tolist(), strict=True)):
        if number is None:
            continue
        value = values[row_of[end]]
        other = foreign[index] if foreign else None
        agreed = foreign is None or (other is not None and abs(float(str(value)) - other) < 1e-6)
        if value is None or value.number != number or not agreed:
            raise SystemExit(f"{raw.hex()} gives {value} here and {other} there, not {number}")
    if (batch.frames.outcome != Outcome.DECODED).mean() > _BAD:
        raise SystemExit("more frames than the bad ones were not decoded")
    return decoder


def limit(columns: NDArray[np.uint8]) -> float:
    """Seconds for frames that lie in `columns`, a row for each byte of the frame."""
    began = perf_counter()
    if not (np.add.reduce(columns[:18], axis=0, dtype=np.uint8) == columns[18]).all():
        raise ValueError("a sum is wrong")
    address = columns[6].astype(np.uint64)
    for row in columns[5:0:-1]:
        address <<= np.uint64(8)
        address |= row
    identifier = (columns[13] - np.uint8(0x33)).astype(np.uint32)
    for row in columns[12:9:-1]:
        identifier <<= np.uint32(8)
        identifier |= row - np.uint8(0x33)
    number = _DIGITS[columns[17]].astype(np.int64)
    for row in columns[16:13:-1]:
        number *= 100
        number += _DIGITS[row]
    return perf_counter() - began


def of_20_bytes(random: Random) -> NDArray[np.uint8]:
    """As many frames of an energy, byte by byte."""
    found = item("00010000")
    raws = [
        encode(to_wire(ADDRESS), READ_REPLY, found.wire + found.encode([random.randrange(10**8)]), b"")
        for _ in range(FRAMES)
    ]
    return np.ascontiguousarray(np.frombuffer(b"".join(raws), np.uint8).reshape(FRAMES, 20).T)


def rows() -> list[Row]:
    """Measure. Ours, the peer and the limit take turns."""
    made = frames(Random(645))
    peer = opened_peer([raw for raw, _ in made])
    decoder = check(made, peer.values if peer else None)
    buffer = b"".join(raw for raw, _ in made)
    columns = of_20_bytes(Random(20))
    seconds: dict[str, list[float]] = {"ours": [], "limit": [], "peer": []}
    for _ in range(ROUNDS):
        for _ in range(_LAPS["ours"]):
            began = perf_counter()
            decoder.decode(buffer)
            seconds["ours"].append(perf_counter() - began)
        seconds["limit"] += [limit(columns) for _ in range(_LAPS["limit"])]
        if peer:
            seconds["peer"].append(peer.round())
    rates = {who: rate(FRAMES, taken) for who, taken in seconds.items() if taken}
    if peer:
        peer.close()
    return [
        Row(
            "dlt645_decode_batch",
            "frames/s",
            rates["ours"],
            rates.get("peer"),
            PEER if peer else None,
            rates["limit"],
            _LIMIT,
        )
    ]
