"""Changing a password: 18H (DL/T 645-2007, chapter 7) and 0FH of 1997."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645.services.access import LOWEST_LEVEL, Access
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import exactly
from protocols.errors import BadAnswer, FrameError

CHANGE_PASSWORD: Final = 0x18
CHANGE_PASSWORD_1997: Final = 0x0F
_PASSWORDS: Final = bytes.fromhex("000C0004")
"""04000C01 is the password of level 0, 04000C02 that of level 1, and so on."""


@dataclass(frozen=True, slots=True)
class ChangePassword:
    """From `old`, which proves the right, to `new`; the answer repeats the new one."""

    old: Access
    new: Access

    function: ClassVar[int] = CHANGE_PASSWORD
    edition: ClassVar[Edition] = "2007"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = 4

    def __post_init__(self) -> None:
        if self.new.level > LOWEST_LEVEL:
            raise ValueError(f"level is {self.new.level:02X}, expected 0 to {LOWEST_LEVEL}")

    @property
    def data(self) -> bytes:
        return bytes((self.new.level + 1,)) + _PASSWORDS[1:] + self.old.wire + self.new.wire

    @classmethod
    def parse(cls, data: bytes) -> ChangePassword:
        exactly(data, 12)
        request = cls(Access.parse(data[4:8]), Access.parse(data[8:]))
        if request.data != data:
            raise FrameError("the identifier is not that of the new password's level")
        return request

    def decode_reply(self, data: bytes) -> None:
        _check(self.new, data)

    def encode_reply(self, value: None) -> bytes:
        return self.new.wire


@dataclass(frozen=True, slots=True)
class ChangePassword1997:
    """The same without an identifier."""

    old: Access
    new: Access

    function: ClassVar[int] = CHANGE_PASSWORD_1997
    edition: ClassVar[Edition] = "1997"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False
    reply_bytes: ClassVar[int] = 4

    @property
    def data(self) -> bytes:
        return self.old.wire + self.new.wire

    @classmethod
    def parse(cls, data: bytes) -> ChangePassword1997:
        exactly(data, 8)
        return cls(Access.parse(data[:4]), Access.parse(data[4:]))

    def decode_reply(self, data: bytes) -> None:
        _check(self.new, data)

    def encode_reply(self, value: None) -> bytes:
        return self.new.wire


def _check(new: Access, data: bytes) -> None:
    """The error carries no bytes: they are a password."""
    if data != new.wire:
        raise BadAnswer("the answer repeats another password than the new one")
