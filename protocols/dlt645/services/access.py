"""Who may: ``PA P0 P1 P2``, a level and what proves it (DL/T 645-2007, chapter 7; ciphertext levels: supplements)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

CIPHER_LEVELS: Final = frozenset((0x96, 0x98, 0x99))
"""PA that says the body was sealed for the meter's security module: State Grid 98 (ciphertext) and 99 (plaintext with
MAC), Southern Grid 96. P0..P2 are not used then."""
LOWEST_LEVEL: Final = 9
"""Plain levels go from 0, the highest, to this."""


@dataclass(frozen=True, slots=True, repr=False)
class Access:
    """`secret` as sent, P0 first; never shown."""

    level: int
    secret: bytes = bytes(3)

    def __post_init__(self) -> None:
        if not 0 <= self.level <= 0xFF or len(self.secret) != 3:
            raise ValueError("an access has a level of one byte and a password of three")

    @classmethod
    def parse(cls, raw: bytes) -> Access:
        return cls(raw[0], raw[1:4])

    @property
    def wire(self) -> bytes:
        return bytes((self.level,)) + self.secret

    @property
    def is_cipher(self) -> bool:
        return self.level in CIPHER_LEVELS

    def __repr__(self) -> str:
        return f"Access(level={self.level:02X})"
