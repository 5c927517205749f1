"""DL/T 645 replies to exact values: frames a second on one core.

Ours is the way that a reading takes through the driver: bytes are fed to the line's reader, the frame is held against
the request, the read conversation turns it into values with quality. The conversations stand at their request when the
clock starts: building requests is not part of it. The peer, PyPI dlt645 3.2.0, decodes the same frames to its values
in a process of its own environment. The limit is the least Python that gives address, identifier and an integer, for
frames that are known to be whole and sound, without sign, quality, unit or anything that could be refused.

`dlt645_decode_batch`, many frames at once: see `benchmarks.dlt645_batch`.

    python -m benchmarks.codec [--json]        the peer's Python: $HEADEND_PEER_DLT645 or .venv-peer-dlt645/bin/python
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from random import Random
from time import perf_counter
from typing import Final, TypeAlias

from benchmarks import dlt645_batch
from benchmarks.dlt645_peer import ADDRESS, ITEMS, PEER, READ_REPLY, Peer, opened_peer
from benchmarks.report import Row, rate, show
from protocols.dlt645.address import to_wire
from protocols.dlt645.frame import PREAMBLE, Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.read import read_item
from protocols.exchange import Ask, Exchange
from protocols.model import Quality, Value

FRAMES: Final = 3_000
ROUNDS: Final = 21
_LAPS: Final = {"ours": 6, "peer": 1, "limit": 18}
"""How often each takes all frames in one turn: turns are about as long, for short ones suffer more from waking up."""
_BATCH: Final = 60
_LIMIT: Final = "least pure Python: find, sum, translate, int"
_MINUS_33: Final = bytes((byte - 0x33) & 0xFF for byte in range(256))

Conversation: TypeAlias = Exchange[Frame, list[Value]]
Reply: TypeAlias = tuple[str, int, bytes]
"""Item, the number in it, the bytes."""


def replies(random: Random) -> list[Reply]:
    """Item, its number and the reply that holds it, every second one behind the four FEH that many meters send."""
    made = []
    for index in range(FRAMES):
        found = item(ITEMS[index % len(ITEMS)])
        form = found.parts[0][1]
        largest = 10 ** (2 * form.length - 1) - 1
        number = random.randint(-largest if getattr(form, "signed", False) else 0, largest)
        preamble = PREAMBLE if index % 2 else b""
        raw = encode(to_wire(ADDRESS), READ_REPLY, found.wire + found.encode([number]), preamble)
        made.append((found.code, number, raw))
    return made


def conversations(codes: Sequence[str]) -> list[tuple[Conversation, Ask[Frame]]]:
    """One read for each of `codes`, standing at its request."""
    started = []
    for code in codes:
        conversation = read_item(ADDRESS, item(code))
        started.append((conversation, next(conversation)))
    return started


def ours(made: Sequence[Reply]) -> tuple[float, list[Value]]:
    """Seconds for all replies, and the last one's values. Conversations are started in small batches, off the clock."""
    reader = FrameReader()
    values: list[Value] = []
    seconds = 0.0
    for first in range(0, len(made), _BATCH):
        batch = made[first : first + _BATCH]
        frames = [raw for _, _, raw in batch]
        started = conversations([code for code, _, _ in batch])
        began = perf_counter()
        for raw, (conversation, ask) in zip(frames, started, strict=True):
            for event in reader.feed(raw):
                if isinstance(event, Frame) and ask.answers(event):
                    try:
                        conversation.send(event)
                    except StopIteration as done:
                        values = done.value
        seconds += perf_counter() - began
    return seconds, values


def limit(frames: Sequence[bytes]) -> float:
    """Seconds for all frames: nothing that could be left out."""
    began = perf_counter()
    for raw in frames:
        at = raw.find(0x68)
        if sum(raw[at:-2]) & 0xFF != raw[-2]:
            raise ValueError(raw.hex())
        data = raw[at + 10 : -2].translate(_MINUS_33)
        raw[at + 6 : at : -1].hex(), int.from_bytes(data[:4], "little"), int(data[:3:-1].hex())
    return perf_counter() - began


def check(made: Sequence[Reply], peer: Peer | None) -> None:
    """Every frame gives exactly what was put into it, and the peer agrees as far as floats can."""
    for index, (code, number, raw) in enumerate(made):
        _, (value,) = ours([(code, number, raw)])
        foreign = peer.values[index] if peer else float(str(value))
        if value.number != number or value.quality is not Quality.GOOD or abs(float(str(value)) - foreign) > 1e-6:
            raise SystemExit(f"{raw.hex()} gives {value} here and {foreign} there, not {number}")


def rows() -> list[Row]:
    """Measure. Ours, the peer and the limit take turns."""
    made = replies(Random(645))
    frames = [raw for _, _, raw in made]
    peer = opened_peer(frames)
    check(made, peer)
    turns: dict[str, Callable[[], float]] = {"ours": lambda: ours(made)[0], "limit": lambda: limit(frames)}
    if peer:
        turns["peer"] = peer.round
    seconds: dict[str, list[float]] = {who: [] for who in turns}
    for _ in range(ROUNDS):
        for who, turn in turns.items():
            seconds[who].append(sum(turn() for _ in range(_LAPS[who])) / _LAPS[who])
    rates = {who: rate(len(frames), taken) for who, taken in seconds.items()}
    if peer:
        peer.close()
    return [
        Row(
            "dlt645_decode",
            "frames/s",
            rates["ours"],
            rates.get("peer"),
            PEER if peer else None,
            rates["limit"],
            _LIMIT,
        )
    ]


if __name__ == "__main__":
    show([*rows(), *dlt645_batch.rows()], sys.argv)
