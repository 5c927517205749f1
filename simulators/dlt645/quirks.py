"""How one make of meter differs from the book."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

_SHARES: Final = ("late", "neighbour", "doubled")


@dataclass(frozen=True, slots=True)
class Quirks:
    """`fe`: FEH bytes before each answer. `most_data`: bytes of data in one frame; what is longer comes in follow-ups.
    `answers_as_wildcard`: a wildcard request is answered with the address AA..AA; `ignores_wildcard`: not at all.
    `unavailable`: what is said of an item that the meter has not: refused with D1 02, a 91H without any data, FFH in
    every byte, or nothing. `refuses_instead_of_silence`: where the standard wants silence of a meter that is addressed,
    it says no. `most_baud`: the fastest rate that it can be set to, in bit/s. `tells_kept`: b12 of status word 3 says
    that supply is kept.

    Shares of the answers, 0 never and 1 always: `late` ones come `late_s` seconds later; before a `neighbour`'s answer
    to the same question comes that of another address; a `doubled` one comes twice.
    """

    fe: int = 4
    most_data: int = 200
    answers_as_wildcard: bool = False
    ignores_wildcard: bool = False
    unavailable: Literal["refuse", "empty", "ff", "silence"] = "refuse"
    refuses_instead_of_silence: bool = False
    most_baud: int = 19200
    tells_kept: bool = True
    late: float = 0.0
    late_s: float = 1.0
    neighbour: float = 0.0
    doubled: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.fe <= 7:
            raise ValueError(f"fe is {self.fe}, expected 0 to 7")
        if not 8 <= self.most_data <= 255:
            raise ValueError(f"most_data is {self.most_data}, expected 8 to 255: identifier, data and sequence number")
        if self.unavailable not in ("refuse", "empty", "ff", "silence"):
            raise ValueError(f"unavailable is {self.unavailable!r}, expected refuse, empty, ff or silence")
        for name in _SHARES:
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected a share from 0 to 1")
        if self.late_s < 0:
            raise ValueError(f"late_s is {self.late_s}, expected seconds from 0 on")
