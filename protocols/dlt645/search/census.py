"""One question to all whom an address reaches, heard out to the end of the time: whoever answers second counts too."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, OVERHEAD, PREAMBLE, REPLY, Frame, encode
from protocols.dlt645.services.address import READ_ADDRESS
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.read import READ
from protocols.dlt645.services.read_1997 import READ_1997
from protocols.errors import NoAnswer
from protocols.exchange import Ask, Exchange

NOBODY: Final = b"\xee" * 6
"""An address that no meter has, for its digits are none: who answers it answers everything."""

_WILD: Final = b"\xaa"
_SHORT: Final = re.compile("(?:AA)+[0-9]+")
_ADDRESS: Final = 6
_LONGEST_ANSWER: Final = 10


@dataclass(frozen=True, slots=True)
class Probe:
    """A question that changes nothing. `names`: its answer ends with six bytes that are an address or number."""

    edition: Edition
    function: int
    item: str = ""
    names: bool = False

    @property
    def data(self) -> bytes:
        return bytes.fromhex(self.item)[::-1]


READS_2007: Final = (Probe("2007", READ, "04000401", names=True), Probe("2007", READ, "00010000"))
ADDRESS_2007: Final = Probe("2007", READ_ADDRESS, names=True)
READS_1997: Final = (
    Probe("1997", READ_1997, "9010"),
    Probe("1997", READ_1997, "C032", names=True),
    Probe("1997", READ_1997, "C034", names=True),
)


@dataclass(frozen=True, slots=True)
class Census:
    """Everything that came: `answers` are sound frames of meters that fit the question's service, whoever sent them;
    `noise` is how many bytes were no frame."""

    probe: Probe
    asked: bytes
    answers: tuple[Frame, ...]
    noise: int

    @property
    def told(self) -> frozenset[str]:
        """The whole addresses that the answers tell, twelve digits each; none of them is believed yet."""
        return frozenset(name for frame in self.answers for name in self._told(frame))

    @property
    def names(self) -> frozenset[str]:
        """Those of them that were asked; others answered something else, late."""
        return frozenset(name for name in self.told if addresses.may_answer(self.asked, addresses.to_wire(name)))

    @property
    def nameless(self) -> bool:
        """Somebody answered under the address with wildcards that was asked, and did not refuse."""
        return any(
            frame.address == self.asked and not frame.is_abnormal and not is_whole(frame.address)
            for frame in self.answers
        )

    def _told(self, frame: Frame) -> Iterable[str]:
        if is_whole(frame.address) or (self.probe.edition == "1997" and self._is_short(frame.address)):
            yield addresses.from_wire(frame.address)
        elif self.probe.names and not frame.is_abnormal and len(frame.data) >= len(self.probe.data) + _ADDRESS:
            told = frame.data[-_ADDRESS:]
            if is_whole(told):
                yield addresses.from_wire(told)

    def _is_short(self, address: bytes) -> bool:
        """The address of a meter that fills it up with AA; not just what was asked, given back."""
        return address != self.asked and bool(_SHORT.fullmatch(addresses.from_wire(address)))


def is_whole(address: bytes) -> bool:
    """Twelve digits that a single meter can have; neither wildcards nor the broadcast."""
    text = addresses.from_wire(address)
    return text.isdigit() and text != addresses.BROADCAST


def take(probe: Probe, to: bytes, preamble: bytes = PREAMBLE) -> Exchange[Frame, Census]:
    """Ask `probe` at `to` (as on the wire) once, and listen until the time for answers is over.

    No frame ends it, so the driver ends it with `NoAnswer`: silence, noise and answers are three different things here.
    """
    heard: list[Frame] = []
    expected = REPLY | probe.function

    def answers(frame: Frame) -> bool:
        if frame.control & (REPLY | FUNCTION) == expected:
            heard.append(frame)
        return False

    try:
        yield Ask(
            data=encode(to, probe.function, probe.data, preamble),
            answers=answers,
            reply_bytes=OVERHEAD + _LONGEST_ANSWER + len(PREAMBLE),
            repeatable=False,
        )
    except NoAnswer as silence:
        return Census(probe, to, tuple(heard), silence.noise)
    raise ValueError("a census has no single answer")


def ending(digits: str) -> bytes:
    """The address (as on the wire) that reaches all meters whose own ends in `digits`, two for each byte."""
    return bytes.fromhex(digits)[::-1] + _WILD * (_ADDRESS - len(digits) // 2)
