"""What a meter writes down about itself: how often something happened, and its last ten records.

A kind of event goes by the first six digits of its identifiers, ``033000`` (programming).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Final, TypeAlias

from protocols.dlt645.item import Item

RECORDS: Final = 10
POWER_DOWN: Final = "031100"
PROGRAMMING: Final = "033000"
METER_CLEAR: Final = "033001"
DEMAND_CLEAR: Final = "033002"
EVENT_CLEAR: Final = "033003"
CLOCK_SET: Final = "033004"
COVER_OPEN: Final = "03300D"
TERMINAL_COVER_OPEN: Final = "03300E"
TRIP: Final = "1D00FF"
CLOSE: Final = "1E00FF"
KINDS: Final = frozenset(
    (POWER_DOWN, PROGRAMMING, METER_CLEAR, DEMAND_CLEAR, EVENT_CLEAR, CLOCK_SET, COVER_OPEN, TERMINAL_COVER_OPEN)
) | {f"0330{n:02X}" for n in range(0x05, 0x0D)}
KEPT: Final = frozenset((METER_CLEAR, DEMAND_CLEAR, EVENT_CLEAR))
"""Records of clearings are never cleared."""

Content: TypeAlias = Decimal | int | str | None
Record: TypeAlias = dict[str, Content]
"""Part name to what it holds: an exact value, a word of bits or a text as the part's format spells it."""


@dataclass(slots=True)
class _Log:
    count: int = 0
    time: timedelta = timedelta(0)
    records: deque[Record] = field(default_factory=lambda: deque(maxlen=RECORDS))


class Journal:
    """One meter's events, the latest first."""

    def __init__(self) -> None:
        self._logs: dict[str, _Log] = {}

    def write(self, kind: str, record: Record) -> Record:
        """Counts one more; what is put into the record later stands there too."""
        log = self._logs.setdefault(kind, _Log())
        log.count += 1
        log.records.appendleft(record)
        return record

    def count(self, kind: str) -> int:
        return self._logs[kind].count if kind in self._logs else 0

    def lasted(self, kind: str, time: timedelta) -> None:
        """One of the kind is over, and took so long."""
        if kind in self._logs:
            self._logs[kind].time += time

    def minutes(self, kind: str) -> int:
        """How long events of the kind have lasted, all together; what lasts still is not in it."""
        return self._logs[kind].time // timedelta(minutes=1) if kind in self._logs else 0

    def last(self, kind: str, number: int = 1) -> Record | None:
        """The latest record (1), the one before it (2) ..."""
        log = self._logs.get(kind)
        return log.records[number - 1] if log is not None and number <= len(log.records) else None

    def clear(self, kind: str | None = None) -> None:
        """Those of one kind, or all; records of clearings stay."""
        for name in [name for name in self._logs if name not in KEPT and kind in (None, name)]:
            del self._logs[name]


def encode_record(item: Item, record: Mapping[str, Content] | None) -> bytes:
    """The record as the item has it; all zeros where there is none. What it lacks is FF."""
    if record is None:
        return bytes(item.longest)
    return b"".join(form.encode(scaled(record.get(part.name), part.decimals)) for part, form in item.parts)


def scaled(content: Content, decimals: int) -> int | str | None:
    """As a format takes it: an exact value is cut to the decimals that it has room for."""
    return int(content.scaleb(decimals)) if isinstance(content, Decimal) else content
