"""Setting to zero: demand 19H, meter 1AH, events 1BH (DL/T 645-2007, chapter 7), and 10H of 1997."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Final

from protocols.dlt645.services.access import Access
from protocols.dlt645.services.edition import Edition
from protocols.dlt645.services.field import NO_OPERATOR, exactly, to_wire
from protocols.dlt645.services.service import Acknowledged

CLEAR_DEMAND: Final = 0x19
CLEAR_METER: Final = 0x1A
CLEAR_EVENTS: Final = 0x1B
CLEAR_DEMAND_1997: Final = 0x10
ALL_EVENTS: Final = "FFFFFFFF"


@dataclass(frozen=True, slots=True)
class ClearDemand:
    """Maximum demands and their times to zero: an order."""

    operator: str = NO_OPERATOR
    function: ClassVar[int] = CLEAR_DEMAND
    di: ClassVar[bytes] = b""
    body: ClassVar[bytes] = b""


@dataclass(frozen=True, slots=True)
class ClearMeter:
    """Energies, demands, freezes, events and load records to zero: an order. The meter keeps a record of it."""

    operator: str = NO_OPERATOR
    function: ClassVar[int] = CLEAR_METER
    di: ClassVar[bytes] = b""
    body: ClassVar[bytes] = b""


@dataclass(frozen=True, slots=True)
class ClearEvents:
    """Records of all events, or of those of one kind (``03300DFF``), to nothing: an order.

    The records of clearings are never cleared.
    """

    events: str = ALL_EVENTS
    operator: str = NO_OPERATOR
    function: ClassVar[int] = CLEAR_EVENTS
    di: ClassVar[bytes] = b""

    def __post_init__(self) -> None:
        if self.body[0] != 0xFF:
            raise ValueError(f"events are {self.events!r}, expected {ALL_EVENTS} or an identifier that ends with FF")

    @property
    def body(self) -> bytes:
        return to_wire(self.events, 4, "events")


@dataclass(frozen=True, slots=True)
class ClearDemand1997(Acknowledged):
    """Maximum demands to zero; the base text knows no password."""

    access: Access | None = None

    function: ClassVar[int] = CLEAR_DEMAND_1997
    edition: ClassVar[Edition] = "1997"
    acts: ClassVar[bool] = True
    broadcast: ClassVar[bool] = False

    @property
    def data(self) -> bytes:
        return self.access.wire if self.access else b""

    @classmethod
    def parse(cls, data: bytes) -> ClearDemand1997:
        return cls(Access.parse(data) if exactly(data, 0, 4) else None)
