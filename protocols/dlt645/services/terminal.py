"""What the multi-function terminal puts out: 1DH (a supplement to DL/T 645-2007)."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import ClassVar, Final

from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly
from protocols.errors import BadAnswer

SET_TERMINAL: Final = 0x1D


class Output(IntEnum):
    SECOND_PULSE = 0
    DEMAND_PERIOD = 1
    RATE_SWITCH = 2


@dataclass(frozen=True, slots=True)
class SetTerminal:
    """The answer repeats the output."""

    output: Output

    function: ClassVar[int] = SET_TERMINAL
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = 1

    @property
    def data(self) -> bytes:
        return bytes((self.output,))

    @classmethod
    def parse(cls, data: bytes) -> SetTerminal:
        return cls(Output(exactly(data, 1)[0]))

    def decode_reply(self, data: bytes) -> None:
        if data != self.data:
            raise BadAnswer("the answer repeats another output", data)

    def encode_reply(self, value: None) -> bytes:
        return self.data
