"""A wire log decoded again: by the codec as documents, and by the collector's own conversations over a link that
answers as the line did."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from headend.frames import decode
from headend.frames.document import Document
from headend.wire.rows import WireRow
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import Frame
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.wire import Wire
from protocols.driver import Driver
from protocols.errors import CommunicationError, LinkClosed, ModelError
from protocols.meter_model import MeterModel
from protocols.timing import Timing

_READS: Final = {"2007": (0x11, 4), "1997": (0x01, 2)}


class Decoded(NamedTuple):
    """What one answer said: `values` by name, exact texts; `problem` where it is none."""

    line: str
    time: datetime
    address: str
    item: str
    values: dict[str, str | None]
    problem: str

    def told(self) -> dict[str, Any]:
        """For JSON."""
        return self._asdict() | {"time": self.time.isoformat()}


def decoded(line: str, rows: Sequence[WireRow], model: MeterModel | None = None) -> list[Decoded]:
    """What all answers of one line said, by the codec alone."""
    plain = [row for row in rows if row.raw is not None]
    if not plain:
        return []
    protocol = _protocol(plain[0])
    raw = b"".join(row.raw or b"" for row in plain)
    found, at = [], 0
    times = _Times(plain)
    for document in decode(raw, protocol, model):
        if document["protocol"] is None:
            continue
        frame = bytes.fromhex(document["hex"])
        at = max(raw.find(frame, at), at)
        if document["direction"] == "reply" and (document["values"] or document["error"]):
            found.append(_said(line, times.at(at), document))
        at += len(frame)
    return found


def _said(line: str, time: datetime, document: Document) -> Decoded:
    problem = ""
    if document["error"]:
        problem = f"{document['error']['code']}: {document['error']['meaning']}"
    if document["checksum"] == "bad":
        problem = "; ".join(filter(None, ("check sum is wrong", problem)))
    values = {value["name"]: value["value"] for value in document["values"]}
    return Decoded(line, time, document["address"], str(document["item"] or ""), values, problem)


def _protocol(row: WireRow) -> str:
    if row.protocol == "modbus":
        return f"modbus-{row.framing or 'rtu'}"
    return row.protocol or "auto"


class _Times:
    """Which row a place in the bytes of all rows is in."""

    def __init__(self, rows: Iterable[WireRow]) -> None:
        self._ends: list[tuple[int, datetime]] = []
        end = 0
        for row in rows:
            end += len(row.raw or b"")
            self._ends.append((end, row.time))
        self._next = 0

    def at(self, place: int) -> datetime:
        while self._next < len(self._ends) - 1 and self._ends[self._next][0] <= place:
            self._next += 1
        return self._ends[self._next][1]


class ReplayLink:
    """A link that answers a request as the line once did; the same request again is answered as it was then. Silent to
    what was never asked."""

    def __init__(self, rows: Sequence[WireRow]) -> None:
        self._answers: dict[bytes, deque[bytes]] = {}
        asked: bytes | None = None
        for row in rows:
            if row.request:
                asked = row.raw
                if asked is not None:
                    self._answers.setdefault(asked, deque()).append(b"")
            elif asked is not None and row.raw is not None:
                self._answers[asked][-1] += row.raw
        self._held = b""
        self._heard: Callable[[], None] | None = None
        self._closed = False

    async def send(self, data: bytes) -> None:
        if self._closed:
            raise LinkClosed("closed by us")
        answers = self._answers.get(data)
        if answers:
            self._held += answers.popleft()
        if self._held and self._heard is not None:
            self._heard()

    async def receive(self, until: float | None = None) -> bytes:
        """What is not there never comes: nobody waits."""
        await asyncio.sleep(0)
        if not self._held and until is None:
            raise LinkClosed("the log ends here")
        return self.receive_nowait()

    def receive_nowait(self) -> bytes:
        chunk, self._held = self._held, b""
        return chunk

    def listen(self, heard: Callable[[], None]) -> None:
        self._heard = heard

    async def close(self) -> None:
        self._closed = True


async def collected(line: str, rows: Sequence[WireRow], model: Dlt645Model) -> list[Decoded]:
    """What the collector makes of a DL/T 645 line: its own conversations, asked for what the log asked for, over a link
    that answers from the log. Requests that got no answer are passed over."""
    driver: Driver[Any] = Driver(
        ReplayLink(rows), FrameReader(), Timing(response=0, latency=0, gap=0, pause=0, retries=0, late=0)
    )
    found = []
    framing = Wire()
    for time, address, item in _asked(rows, model):
        try:
            values = await driver.run(model.read(item).exchange(address, framing))
        except CommunicationError as error:
            found.append(Decoded(line, time, address, item, {}, str(error)))
        else:
            said = {
                value.part.name: None if value.number is None and value.text is None else str(value) for value in values
            }
            found.append(Decoded(line, time, address, item, said, ""))
    return found


def _asked(rows: Sequence[WireRow], model: Dlt645Model) -> Iterator[tuple[datetime, str, str]]:
    """Reads of single items: when, of whom, what."""
    control, size = _READS[model.edition]
    for row in rows:
        if not row.request or row.raw is None:
            continue
        for frame in FrameReader().feed(row.raw):
            if isinstance(frame, Frame) and frame.control == control and len(frame.data) == size:
                item = addresses.from_wire(frame.data[:size])
                try:
                    model.read(item)
                except ModelError:
                    continue
                yield row.time, addresses.from_wire(frame.address), item


def differences(one: Iterable[Decoded], other: Iterable[Decoded]) -> list[str]:
    """Where two replays of the same lines do not say the same."""
    left, right = ({(d.line, d.time, d.address, d.item): d for d in side} for side in (one, other))
    found = []
    for key in sorted(left.keys() | right.keys()):
        mine, theirs = left.get(key), right.get(key)
        where = f"{key[0]} {key[1].isoformat()} {key[2]} {key[3]}"
        if mine is None or theirs is None:
            found.append(f"{where}: {'not there now' if mine is None else 'not there before'}")
            continue
        if mine.problem != theirs.problem:
            found.append(f"{where}: {mine.problem or 'sound'}, before {theirs.problem or 'sound'}")
        found += [
            f"{where}: {name} is {mine.values.get(name)}, before {theirs.values.get(name)}"
            for name in sorted(mine.values.keys() | theirs.values.keys())
            if mine.values.get(name) != theirs.values.get(name)
        ]
    return found
