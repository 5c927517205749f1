"""Load records of one class from a moment on (DL/T 645-2007, Annex B; 06xx0001)."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from protocols.dlt645.blocks import Block
from protocols.dlt645.frame import OVERHEAD, PREAMBLE, Frame
from protocols.dlt645.items import item
from protocols.dlt645.load_record import LoadRecords, decode_records
from protocols.dlt645.recall.own_time import meant, shown
from protocols.dlt645.services.read import Read, read_records
from protocols.dlt645.wire import Wire
from protocols.exchange import Exchange
from protocols.model import Quantity
from protocols.recall import Recalled, RecallRead, Remembered

MOST_RECORDS = 12
"""In one conversation: two frames of answer, 2 s at 2400 baud. A line is not held for longer."""
_AROUND = len(PREAMBLE) + OVERHEAD
_RECORD = 16
"""Bytes of a record beside its values: head, time, six times AA, sum and end."""


@cache
def quantities_of(number: int) -> tuple[Quantity, ...]:
    """What the records of class `number` hold and we store."""
    return tuple(part.quantity for part, _ in _block(number).parts if part.quantity)


@cache
def _record_bytes(number: int) -> int:
    return _RECORD + sum(form.length for _, form in _block(number).parts)


def _block(number: int) -> Block:
    shape = item(f"06{number:02X}0001").shape
    assert isinstance(shape, LoadRecords)
    return shape.blocks[number - 1]


@dataclass(frozen=True, slots=True)
class LoadRecordRead:
    """`moments` follow each other at the class's interval, the oldest first."""

    number: int
    moments: tuple[datetime, ...]
    zone: ZoneInfo

    @property
    def kind(self) -> str:
        return f"load_record_{self.number}"

    @property
    def label(self) -> str:
        return f"06{self.number:02X}0001 x {len(self.moments)} from {shown(self.moments[0], self.zone):%Y-%m-%dT%H:%M}"

    @property
    def quantities(self) -> tuple[Quantity, ...]:
        return quantities_of(self.number)

    @property
    def cost(self) -> int:
        answer = len(self.moments) * _record_bytes(self.number)
        frames = -(-answer // 200)
        return answer + frames * (2 * _AROUND + 9)

    def exchange(self, address: str, wire: Wire) -> Exchange[Frame, Recalled]:
        code = f"06{self.number:02X}0001"
        since = shown(self.moments[0], self.zone).isoformat(timespec="minutes")
        data = yield from read_records(address, Read(code, len(self.moments), since), preamble=wire.preamble)
        return self._recalled(data)

    def _recalled(self, data: bytes) -> Recalled:
        """Records come in the order of time: a moment between two that came was not kept. None at all: nothing was
        kept from the first moment on."""
        records = decode_records(item(f"06{self.number:02X}0001"), data)
        if not records:
            return Recalled((), self.moments)
        wanted = frozenset(self.moments)
        found: dict[datetime, Remembered] = {}
        bad: set[datetime] = set()
        last = datetime.min.replace(tzinfo=UTC)
        for record in records:
            time = None if record.time is None else meant(datetime.fromisoformat(record.time), self.zone, wanted)
            if time is None:
                continue
            last = max(last, time)
            if not record.good:
                bad.add(time)
            elif time in wanted:
                found[time] = Remembered(time, tuple(v for v in record.values if v.part.quantity))
        absent = tuple(m for m in self.moments if m not in found and (m in bad or m < last))
        return Recalled(tuple(found.values()), absent)


@dataclass(frozen=True, slots=True)
class LoadRecordMemory:
    """Records of class `number`, one every `minutes`, for `days`."""

    number: int
    minutes: int
    days: int

    @property
    def quantities(self) -> frozenset[Quantity]:
        return frozenset(quantities_of(self.number))

    @property
    def kind(self) -> str:
        return f"load_record_{self.number}"

    def holds(self, moment: datetime, zone: ZoneInfo, now: datetime) -> bool:
        own = shown(moment, zone)
        whole = not own.second and not own.microsecond and (60 * own.hour + own.minute) % self.minutes == 0
        return (
            whole
            and now - timedelta(days=self.days) <= moment < now
            and meant(own, zone, frozenset({moment})) is not None
        )

    def reads(
        self, moments: Sequence[datetime], quantities: Collection[Quantity], zone: ZoneInfo, now: datetime
    ) -> list[RecallRead]:
        step = timedelta(minutes=self.minutes)
        runs: list[list[datetime]] = []
        for moment in sorted(moments):
            if runs and moment - runs[-1][-1] == step and len(runs[-1]) < MOST_RECORDS:
                runs[-1].append(moment)
            else:
                runs.append([moment])
        return [LoadRecordRead(self.number, tuple(run), zone) for run in runs]
