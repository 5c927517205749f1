"""Settlements: what the registers showed on the last twelve settlement days (DL/T 645-2007, 00xxxx01 to 0C).

They carry no time. They are of the settlement day that the meter is set to (04000B01), which is read with them; asked
for only where no freeze or record of that moment is to be had.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from protocols.dlt645.frame import OVERHEAD, PREAMBLE, Frame
from protocols.dlt645.items import item
from protocols.dlt645.recall.own_time import meant, shown
from protocols.dlt645.services.read import read_item
from protocols.dlt645.wire import Wire
from protocols.exchange import Exchange
from protocols.model import Quantity, Value
from protocols.recall import Recalled, RecallRead, Remembered

_ITEMS = (
    "0001FF00", "0002FF00", "00000000", "00030000", "00040000", "00050000", "00060000", "00070000", "00080000",
    "00090000", "000A0000", "01010000", "01020000", "01030000", "01040000",
)  # fmt: skip
_DAY = "04000B01"
_MARGIN = timedelta(hours=2)
"""So near to a settlement moment the meter's clock may not agree with ours about which settlement is the last."""
_AROUND = len(PREAMBLE) + OVERHEAD


@cache
def settled() -> dict[Quantity, str]:
    """What is kept, and the item of its present value."""
    found: dict[Quantity, str] = {}
    for code in _ITEMS:
        for part, _ in item(code).parts:
            if part.quantity:
                found.setdefault(part.quantity, code)
    return found


@dataclass(frozen=True, slots=True)
class SettlementRead:
    """The settlement of one moment, `back` settlements ago."""

    moment: datetime
    back: int
    items: tuple[str, ...]
    zone: ZoneInfo

    @property
    def kind(self) -> str:
        return "settlement"

    @property
    def label(self) -> str:
        codes = " ".join((_DAY, *(self._code(code) for code in self.items)))
        return f"{codes} of {shown(self.moment, self.zone):%Y-%m-%dT%H:%M}"

    @property
    def moments(self) -> tuple[datetime, ...]:
        return (self.moment,)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(quantity for quantity, code in settled().items() if code in self.items)

    @property
    def cost(self) -> int:
        answers = sum(sum(form.length for _, form in item(code).parts[:5]) for code in self.items)
        return (1 + len(self.items)) * (2 * _AROUND + 8) + answers + 2

    def exchange(self, address: str, wire: Wire) -> Exchange[Frame, Recalled]:
        own = shown(self.moment, self.zone)
        (day,) = yield from read_item(address, item(_DAY), wire.preamble)
        if day.text != f"{own:%dT%H}":
            return Recalled((), (self.moment,))
        values: list[Value] = []
        for code in self.items:
            present = item(code).parts
            answer = yield from read_item(address, item(self._code(code)), wire.preamble)
            values += [
                value._replace(part=value.part._replace(quantity=part.quantity))
                for value, (part, _) in zip(answer, present, strict=False)
                if part.quantity
            ]
        return Recalled((Remembered(self.moment, tuple(values)),))

    def _code(self, code: str) -> str:
        return f"{code[:6]}{self.back:02X}"


@dataclass(frozen=True, slots=True)
class SettlementMemory:
    """The last `most` settlements, on one day of the month at one hour."""

    most: int
    day: int = 1
    hour: int = 0

    @property
    def quantities(self) -> frozenset[Quantity]:
        return frozenset(settled())

    @property
    def kind(self) -> str:
        return "settlement"

    def holds(self, moment: datetime, zone: ZoneInfo, now: datetime) -> bool:
        own, clock = shown(moment, zone), shown(now, zone)
        if own != own.replace(day=self.day, hour=self.hour, minute=0, second=0, microsecond=0):
            return False
        near = any(self._back(own, clock + margin) != self._back(own, clock) for margin in (-_MARGIN, _MARGIN))
        return not near and 1 <= self._back(own, clock) <= self.most and meant(own, zone) is not None

    def _back(self, own: datetime, now: datetime) -> int:
        """1 for the last settlement before `now`."""
        begun = (now.day, now.hour) >= (self.day, self.hour)
        return 12 * (now.year - own.year) + now.month - own.month + (1 if begun else 0)

    def reads(
        self, moments: Sequence[datetime], quantities: Collection[Quantity], zone: ZoneInfo, now: datetime
    ) -> list[RecallRead]:
        kept = settled()
        items = tuple(
            dict.fromkeys(kept[quantity] for quantity in sorted(quantities, key=lambda q: q.id) if quantity in kept)
        )
        return [
            SettlementRead(moment, self._back(shown(moment, zone), shown(now, zone)), items, zone) for moment in moments
        ]
