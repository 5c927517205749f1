"""A DL/T 645 meter on the bench: requests as raw as a check wants them, answers taken apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from headend.conform.probe import Heard, Probe
from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import ABNORMAL, FOLLOWS, FUNCTION, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.items import item
from protocols.dlt645.model import Dlt645Model
from protocols.dlt645.services.edition import Edition
from protocols.errors import BadAnswer
from protocols.model import Value

_MOST_PARTS: Final = 255


@dataclass(frozen=True, slots=True)
class Names:
    """The identifiers and control codes by which an edition calls what both have."""

    read: int
    follow_up: int
    energy: str
    block: str
    date: str
    time: str
    unknown: str


NAMES: Final[dict[str, Names]] = {
    "2007": Names(0x11, 0x12, "00010000", "0001FF00", "04000101", "04000102", "0EFE0D0C"),
    "1997": Names(0x01, 0x02, "9010", "901F", "C010", "C011", "DEDE"),
}


class Dlt645Bench:
    """`delays` are the seconds from the end of a request to the first byte of its answer, of every answer so far."""

    def __init__(self, probe: Probe, address: str, model: Dlt645Model) -> None:
        self.probe = probe
        self.model = model
        self.edition: Edition = model.edition
        self.names = NAMES[model.edition]
        self.own = addresses.to_wire(address)
        self.delays: list[float] = []

    def di(self, code: str) -> bytes:
        """As on the wire."""
        return bytes.fromhex(code)[::-1]

    async def ask(
        self, data: bytes, control: int | None = None, *, to: bytes | None = None, preamble: bytes = PREAMBLE
    ) -> Heard:
        """A sound frame, to the meter and to read where nothing else is said."""
        return await self.send(encode(to or self.own, self.names.read if control is None else control, data, preamble))

    async def send(self, raw: bytes) -> Heard:
        """Bytes as they are."""
        heard = await self.probe.ask(raw)
        if heard.delay_s is not None and self.answer(heard) is not None:
            self.delays.append(heard.delay_s)
        return heard

    def answer(self, heard: Heard) -> Frame | None:
        """The first frame that is an answer of this meter, under its own address."""
        for frame in heard.frames:
            if isinstance(frame, Frame) and frame.is_reply and frame.address == self.own:
                return frame
        return None

    def gives(self, heard: Heard, code: str) -> bool:
        """Whether the meter answered with data of that item."""
        frame = self.answer(heard)
        return (
            frame is not None
            and frame.control & ~FOLLOWS == REPLY | self.names.read
            and frame.data.startswith(self.di(code))
        )

    async def read(self, code: str, more: bytes = b"") -> bytes | None:
        """The data behind the identifier, all parts put together; None where the meter refuses.

        Raises `BadAnswer` for what an answer cannot be, silence among it.
        """
        di = self.di(code)
        heard = await self.ask(di + more)
        data, sequence = b"", 0
        while True:
            frame = self.answer(heard)
            if frame is None:
                raise BadAnswer(f"{code}: no answer of the meter" if heard.silent else f"{code}: {told(heard)}")
            function = self.names.follow_up if sequence else self.names.read
            if frame.control & FUNCTION != function:
                raise BadAnswer(f"{code}: answered with control {frame.control:02X}", frame.raw)
            if frame.control & ABNORMAL:
                return None
            tail = 1 if sequence and self.edition == "2007" else 0
            if not frame.data.startswith(di):
                raise BadAnswer(f"{code}: the answer is to another identifier", frame.raw)
            if tail and frame.data[-1] != sequence:
                raise BadAnswer(f"{code}: part {frame.data[-1]} came for part {sequence}", frame.raw)
            data += frame.data[len(di) : len(frame.data) - tail]
            if not frame.follows:
                return data
            sequence += 1
            if sequence > _MOST_PARTS:
                raise BadAnswer(f"{code}: more parts than there are numbers", frame.raw)
            heard = await self.ask(di + bytes((sequence,)) * (self.edition == "2007"), self.names.follow_up)

    def values(self, code: str, data: bytes) -> list[Value]:
        """What the data mean, in the digits of the model. Raises `BadAnswer` and `ModelError`."""
        known = self.model.reads.get(code)
        return (known.item if known else item(code, self.edition)).decode(data)


def told(heard: Heard) -> str:
    """What was heard, in words."""
    if heard.silent:
        return "silence"
    if not heard.frames:
        return f"{len(heard.raw)} bytes that are no frame"
    return "; ".join(_told(frame) for frame in heard.frames)


def _told(frame: Frame) -> str:
    kind = "refusal" if frame.is_abnormal else "answer" if frame.is_reply else "request"
    return f"{kind} {frame.control:02X} of {addresses.from_wire(frame.address)}"
