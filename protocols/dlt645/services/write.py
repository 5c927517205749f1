"""Writing an item: 14H (DL/T 645-2007, chapter 7), and 04H of 1997."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar, Final

from protocols.dlt645.services.access import Access
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import NO_OPERATOR, at_least, from_wire, to_wire
from protocols.dlt645.services.service import Acknowledged

WRITE: Final = 0x14
WRITE_1997: Final = 0x04


@dataclass(frozen=True, slots=True)
class Write:
    """Put `value`, as on the wire (an item's `encode` gives it), into `item`: an order."""

    item: str
    value: bytes = field(repr=False)
    """Not shown: it may be, or hold, a password."""
    operator: str = NO_OPERATOR

    function: ClassVar[int] = WRITE

    def __post_init__(self) -> None:
        to_wire(self.item, 4, "data identifier")
        if not self.value:
            raise ValueError("nothing to write")

    @property
    def di(self) -> bytes:
        return to_wire(self.item, 4, "data identifier")

    @property
    def body(self) -> bytes:
        return self.value


@dataclass(frozen=True, slots=True)
class Write1997(Acknowledged):
    """Put `value` into `item`. The base text knows no password; meters want ``PA P0 P1 P2`` behind the identifier.

    A frame does not say whether there is one: parsed, all behind the identifier is `value` until `split` is told how
    long the item is.
    """

    item: str
    value: bytes = field(repr=False)
    access: Access | None = None

    function: ClassVar[int] = WRITE_1997
    edition: ClassVar[Edition] = "1997"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False

    def __post_init__(self) -> None:
        to_wire(self.item, 2, "data identifier")
        if not self.value:
            raise ValueError("nothing to write")

    @property
    def data(self) -> bytes:
        return to_wire(self.item, 2, "data identifier") + (self.access.wire if self.access else b"") + self.value

    @classmethod
    def parse(cls, data: bytes) -> Write1997:
        at_least(data, 3)
        return cls(from_wire(data[:2]), data[2:])

    def split(self, length: int) -> Write1997:
        """With the password taken out of `value`, where an item of `length` bytes leaves room for it."""
        if self.access is None and len(self.value) == length + 4:
            return Write1997(self.item, self.value[4:], Access.parse(self.value))
        return self
