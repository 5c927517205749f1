"""Reading a meter's address, 13H, and giving it one, 15H (DL/T 645-2007, chapter 7) or 0AH (1997).

Both reach whoever is on the line, so there may be one meter only.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645 import address as addresses
from protocols.dlt645.frame import FUNCTION, PREAMBLE, REPLY, Frame
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly
from protocols.dlt645.services.service import Acknowledged, ask, perform, refused
from protocols.errors import BadAnswer, ModelError
from protocols.exchange import Exchange

READ_ADDRESS: Final = 0x13
WRITE_ADDRESS: Final = 0x15
WRITE_ADDRESS_1997: Final = 0x0A
_FUNCTIONS: Final[Mapping[Edition, int]] = {"2007": WRITE_ADDRESS, "1997": WRITE_ADDRESS_1997}
_SENT_TO: Final[Mapping[Edition, str]] = {"2007": addresses.WILDCARD, "1997": addresses.BROADCAST}


@dataclass(frozen=True, slots=True)
class ReadAddress:
    """The answer gives the address."""

    function: ClassVar[int] = READ_ADDRESS
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = False
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = 6
    data: ClassVar[bytes] = b""

    @classmethod
    def parse(cls, data: bytes) -> ReadAddress:
        exactly(data, 0)
        return cls()

    def decode_reply(self, data: bytes) -> str:
        if len(data) != 6:
            raise BadAnswer("an address has 6 bytes", data)
        return addresses.from_wire(data)

    def encode_reply(self, value: str) -> bytes:
        return addresses.to_wire(value)


@dataclass(frozen=True, slots=True)
class WriteAddress(Acknowledged):
    """`new` is twelve digits; in 1997 AA may stand for unused high ones."""

    new: str
    edition: Edition = "2007"

    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False

    def __post_init__(self) -> None:
        allowed = "0123456789A" if self.edition == "1997" else "0123456789"
        if (
            len(self.new) != 12
            or not set(self.new) <= set(allowed)
            or self.new in (addresses.WILDCARD, addresses.BROADCAST)
        ):
            raise ValueError(f"not an address to give to a meter: {self.new!r}, expected 12 digits")
        addresses.normal(self.new)

    @property
    def function(self) -> int:
        return _FUNCTIONS[self.edition]

    @property
    def data(self) -> bytes:
        return addresses.to_wire(self.new)

    @classmethod
    def parse(cls, data: bytes, edition: Edition) -> WriteAddress:
        try:
            return cls(addresses.from_wire(exactly(data, 6)), edition)
        except ModelError as error:
            raise ValueError(str(error)) from None


def read_address(preamble: bytes = PREAMBLE) -> Exchange[Frame, str]:
    """Ask the one meter on the line for its address."""
    return perform(addresses.WILDCARD, ReadAddress(), preamble)


def write_address(new: str, edition: Edition = "2007", preamble: bytes = PREAMBLE) -> Exchange[Frame, None]:
    """Give the one meter on the line (its programming key pressed) the address `new`, from which it answers.

    Raises `ValueError` for what is no address of one meter.
    """
    request = WriteAddress(new, edition)
    own = addresses.to_wire(new)
    expected = REPLY | request.function
    frame = yield ask(
        addresses.to_wire(_SENT_TO[edition]),
        request,
        lambda f: f.control & (REPLY | FUNCTION) == expected and f.address == own,
        preamble,
    )
    if frame.is_abnormal:
        raise refused(frame)
