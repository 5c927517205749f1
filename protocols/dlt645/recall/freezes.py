"""Freezes of one kind, hourly or daily (DL/T 645-2007, Table A.6; 05040000, 05060000).

A freeze is asked for by how far back it is, which shifts when the meter freezes again and where it has missed one; so
its time is read first, corrected by, and read once more behind the values: then they are of that time.
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
from protocols.errors import BadAnswer, Refused
from protocols.exchange import Exchange
from protocols.model import Quantity, Value
from protocols.quantities import BY_OBIS
from protocols.recall import Recalled, RecallRead, Remembered

HOURLY, DAILY = 0x04, 0x06
_NAMES = {HOURLY: "freeze_hour", DAILY: "freeze_day"}
_FROZEN = {HOURLY: (1, 2), DAILY: (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 0x10)}
"""DI1 of what is frozen: energies, maximum demands, powers."""
_TRIES = 4
"""Looks at times until the wanted one stands there."""
_AROUND = len(PREAMBLE) + OVERHEAD
_RATES = 5
"""Values that a usual answer has: the total and four rates."""
_NO_DATA = "02"


@cache
def frozen(kind: int) -> dict[Quantity, int]:
    """What is frozen, and the DI1 under which it is read."""
    found: dict[Quantity, int] = {}
    for what in _FROZEN[kind]:
        for part, _ in item(f"05{kind:02X}{what:02X}01").parts:
            if part.obis in BY_OBIS:
                found.setdefault(BY_OBIS[part.obis], what)
    return found


@cache
def _bytes_of(kind: int, what: int) -> int:
    """Request and usual answer."""
    parts = item(f"05{kind:02X}{what:02X}01").parts
    return 2 * _AROUND + 8 + sum(form.length for _, form in parts[: _RATES * (2 if what in (9, 10) else 1)])


@dataclass(frozen=True, slots=True)
class FreezeRead:
    """The freeze of one moment. `back`: how many freezes ago it should be."""

    freeze: int
    moment: datetime
    back: int
    most: int
    what: tuple[int, ...]
    zone: ZoneInfo

    @property
    def kind(self) -> str:
        return _NAMES[self.freeze]

    @property
    def label(self) -> str:
        codes = " ".join(self._code(what, self.back) for what in (0, *self.what))
        return f"{codes} of {shown(self.moment, self.zone):%Y-%m-%dT%H:%M}"

    @property
    def moments(self) -> tuple[datetime, ...]:
        return (self.moment,)

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return tuple(quantity for quantity, what in frozen(self.freeze).items() if what in self.what)

    @property
    def cost(self) -> int:
        return sum(_bytes_of(self.freeze, what) for what in (0, 0, *self.what))

    def exchange(self, address: str, wire: Wire) -> Exchange[Frame, Recalled]:
        """Raises `Refused` where the meter has not even a latest freeze."""
        wanted = shown(self.moment, self.zone)
        back = yield from self._find(address, wire, wanted)
        if back is None:
            return Recalled((), (self.moment,))
        values: list[Value] = []
        for what in self.what:
            try:
                values += yield from read_item(address, item(self._code(what, back)), wire.preamble)
            except Refused as error:
                if error.code != _NO_DATA:
                    raise
        if (yield from self._time(address, wire, back)) != wanted:  # frozen again meanwhile: ask another time
            return Recalled()
        kept = tuple(
            value._replace(part=value.part._replace(quantity=BY_OBIS[value.part.obis]))
            for value in values
            if value.part.obis in BY_OBIS
        )
        return Recalled((Remembered(self.moment, kept),) if kept else (), () if kept else (self.moment,))

    def _find(self, address: str, wire: Wire, wanted: datetime) -> Exchange[Frame, int | None]:
        """How far back the freeze of `wanted` is; None where it is not there."""
        hours = 1 if self.freeze == HOURLY else 24
        back, looked = self.back, set[int]()
        while 1 <= back <= self.most and back not in looked and len(looked) < _TRIES:
            looked.add(back)
            try:
                time = yield from self._time(address, wire, back)
            except Refused as error:
                if error.code == _NO_DATA and back > 1:
                    return None  # it does not keep so many
                raise
            if time == wanted:
                return back
            if time is None:
                return None
            off = (time - wanted) / timedelta(hours=hours)
            back += round(off) or (1 if off > 0 else -1)
        return None

    def _time(self, address: str, wire: Wire, back: int) -> Exchange[Frame, datetime | None]:
        (value,) = yield from read_item(address, item(self._code(0, back)), wire.preamble)
        try:
            return None if value.text is None else datetime.fromisoformat(value.text)
        except ValueError as error:
            raise BadAnswer(f"the time of a freeze is {value.text}") from error

    def _code(self, what: int, back: int) -> str:
        return f"05{self.freeze:02X}{what:02X}{back:02X}"


@dataclass(frozen=True, slots=True)
class FreezeMemory:
    """The latest `most` freezes of a kind. `at`: minutes after the hour's or the day's begin."""

    freeze: int
    most: int
    at: int = 0

    @property
    def quantities(self) -> frozenset[Quantity]:
        return frozenset(frozen(self.freeze))

    @property
    def kind(self) -> str:
        return _NAMES[self.freeze]

    def holds(self, moment: datetime, zone: ZoneInfo, now: datetime) -> bool:
        own = shown(moment, zone)
        begin = own.minute if self.freeze == HOURLY else 60 * own.hour + own.minute
        whole = begin == self.at and not own.second and not own.microsecond
        return (
            whole and moment < now and self._back(own, shown(now, zone)) <= self.most and meant(own, zone) is not None
        )

    def _back(self, own: datetime, now: datetime) -> int:
        period = timedelta(hours=1 if self.freeze == HOURLY else 24)
        return (now - own) // period + 1

    def reads(
        self, moments: Sequence[datetime], quantities: Collection[Quantity], zone: ZoneInfo, now: datetime
    ) -> list[RecallRead]:
        kept = frozen(self.freeze)
        what = tuple(sorted({kept[quantity] for quantity in quantities if quantity in kept}))
        return [
            FreezeRead(self.freeze, moment, self._back(shown(moment, zone), shown(now, zone)), self.most, what, zone)
            for moment in moments
        ]
