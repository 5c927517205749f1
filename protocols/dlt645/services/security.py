"""Security: 03H (a supplement to DL/T 645-2007), ``DI C0 C1 C2 C3 BODY`` with identifiers 07xxxxxx.

Identity authentication (070000FF) opens the session in which a meter's security module takes orders. Its layout is
public in part only; what the parts hold, and their order of bytes, is the plug-in's matter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from protocols.dlt645.frame import PREAMBLE, Frame
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import NO_OPERATOR, at_least, from_wire, to_wire
from protocols.dlt645.services.service import perform
from protocols.dlt645.services.signer import Challenge, Identity
from protocols.errors import BadAnswer
from protocols.exchange import Exchange

SECURITY: Final = 0x03
AUTHENTICATION: Final = "070000FF"
_MOST_DATA: Final = 200


@dataclass(frozen=True, slots=True)
class Security:
    """The answer gives what stands behind the identifier. Refused with the two bytes SERR."""

    item: str
    body: bytes = field(repr=False)
    operator: str = NO_OPERATOR

    function: ClassVar[int] = SECURITY
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = _MOST_DATA

    def __post_init__(self) -> None:
        to_wire(self.operator, 4, "operator code")
        if self._di[3] != 0x07:
            raise ValueError(f"{self.item} is no identifier of the security services, 07xxxxxx")

    @property
    def _di(self) -> bytes:
        return to_wire(self.item, 4, "data identifier")

    @property
    def data(self) -> bytes:
        return self._di + to_wire(self.operator, 4, "operator code") + self.body

    @classmethod
    def parse(cls, data: bytes) -> Security:
        at_least(data, 8)
        return cls(from_wire(data[:4]), data[8:], from_wire(data[4:8]))

    def decode_reply(self, data: bytes) -> bytes:
        if data[:4] != self._di:
            raise BadAnswer(f"asked {self.item}, answered something else", data[:4])
        return data[4:]

    def encode_reply(self, value: bytes) -> bytes:
        return self._di + value


def authenticate(
    address: str, challenge: Challenge, operator: str = NO_OPERATOR, preamble: bytes = PREAMBLE
) -> Exchange[Frame, Identity]:
    """Prove the master to the meter's security module; what it answers is for `Authenticator.session`.

    Raises `Refused` in the words of SERR.
    """
    body = challenge.ciphertext + challenge.random + challenge.factor
    answer = yield from perform(address, Security(AUTHENTICATION, body, operator), preamble)
    if len(answer) != 12:
        raise BadAnswer(f"{len(answer)} bytes of identity, expected 12: random number and serial number")
    return Identity(answer[:4], answer[4:])
