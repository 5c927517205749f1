"""Consumption from cumulative registers, over exchanges and changes of the multiplier: exact, or refused.

Times are compared as instants: two times of one zone are otherwise compared by the wall clock, where an hour in autumn
comes twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Final, Protocol

from analytics.errors import AnalyticsError, RegisterBackwards, RegisterMissing

_HOUR: Final = timedelta(hours=1)
_ROLL_SHARE: Final = 100
"""Without a limit, at most this part of the register is taken for what was used over a roll-over."""


class ReadType(StrEnum):
    """How a register is known."""

    ACTUAL = "actual"
    ESTIMATED = "estimated"
    MANUAL = "manual"
    """Read by a person: hand-held or written down."""
    CUSTOMER = "customer"
    """Told by the customer."""
    STATED = "stated"
    """At an exchange or a change of the multiplier."""


class RegisterSegment(Protocol):
    """What is summed up: one meter at one point in [start, end) under one multiplier; `Segment` is one."""

    @property
    def meter(self) -> str: ...
    @property
    def start(self) -> datetime: ...
    @property
    def end(self) -> datetime: ...
    @property
    def multiplier(self) -> Decimal: ...
    @property
    def initial(self) -> Decimal | None:
        """The register at `start` as the meter shows it; None: not known."""

    @property
    def final(self) -> Decimal | None:
        """The register at `end`."""


@dataclass(frozen=True, slots=True)
class Segment:
    """One register of one meter at a point in [start, end) under one multiplier, with how its ends are known."""

    meter: str
    start: datetime
    end: datetime
    multiplier: Decimal
    initial: Decimal | None
    """The register at `start` as the meter shows it; None: not known."""
    final: Decimal | None
    """The register at `end`."""
    initial_type: ReadType = ReadType.ACTUAL
    final_type: ReadType = ReadType.ACTUAL
    digits: int | None = None
    """Places before the point at which it rolls over; None: it may not."""
    initial_time: datetime | None = None
    """When it was read, if not at `start`."""
    final_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """What one segment gave, multiplied."""

    meter: str
    start: datetime
    end: datetime
    energy: Decimal


@dataclass(frozen=True, slots=True)
class Consumption:
    """`energy` is the sum of `parts`, in the quantity's unit. `unmeasured`: spans in which no meter stood there."""

    energy: Decimal
    parts: tuple[Part, ...]
    unmeasured: tuple[tuple[datetime, datetime], ...]


def consumption(
    segments: Iterable[RegisterSegment], start: datetime, end: datetime, *, signed: bool = False
) -> Consumption:
    """The sum of (final - initial) x multiplier over the segments of [start, end).

    `signed`: the register may run backwards (combined energies). Several meters at a time add up. Raises
    `RegisterMissing`, `RegisterBackwards`; `ValueError` for segments outside the span or of one meter that overlap.
    """
    ordered = sorted(segments, key=lambda segment: (_utc(segment.start), segment.meter))
    _check_spans(ordered, start, end)
    parts = tuple(Part(s.meter, s.start, s.end, _energy(s, signed)) for s in ordered)
    return Consumption(sum((part.energy for part in parts), Decimal(0)), parts, unmeasured(ordered, start, end))


def rolled(
    before: Decimal, after: Decimal, digits: int | None, multiplier: Decimal, span: timedelta, limit_kw: Decimal | None
) -> Decimal | None:
    """What a register counted, not multiplied, that went down because it rolled over.

    None: it did not, or it would be more than `limit_kw` (primary) gives over `span`; without a limit, more than a
    hundredth of the register.
    """
    if digits is None or after >= before:
        return None
    full = Decimal(10) ** digits
    gone = after + full - before
    if before >= full or gone < 0:
        return None
    if limit_kw is None:
        return gone if gone * _ROLL_SHARE <= full else None
    seconds = Decimal(span // timedelta(seconds=1))
    return gone if gone * multiplier * (_HOUR // timedelta(seconds=1)) <= limit_kw * seconds else None


def flaws(segments: Iterable[RegisterSegment], *, signed: bool = False) -> list[AnalyticsError]:
    """Everything that keeps the segments from being summed up, not the first only."""
    found: list[AnalyticsError] = []
    for segment in segments:
        for time, value in ((segment.start, segment.initial), (segment.end, segment.final)):
            if value is None:
                found.append(RegisterMissing(segment.meter, time))
        if None not in (segment.initial, segment.final):
            try:
                _energy(segment, signed)
            except RegisterBackwards as error:
                found.append(error)
    return found


def unmeasured(
    segments: Iterable[RegisterSegment], start: datetime, end: datetime
) -> tuple[tuple[datetime, datetime], ...]:
    """Spans of [start, end) that no segment covers."""
    found = []
    covered = start
    for segment in sorted(segments, key=lambda each: _utc(each.start)):
        if _utc(segment.start) > _utc(covered):
            found.append((covered, segment.start))
        covered = max(covered, segment.end, key=_utc)
    if _utc(covered) < _utc(end):
        found.append((covered, end))
    return tuple(found)


def _energy(segment: RegisterSegment, signed: bool) -> Decimal:
    if segment.initial is None:
        raise RegisterMissing(segment.meter, segment.start)
    if segment.final is None:
        raise RegisterMissing(segment.meter, segment.end)
    difference = segment.final - segment.initial
    if difference < 0 and not signed:
        raise RegisterBackwards(segment.meter, segment.start, segment.end, segment.initial, segment.final)
    return difference * segment.multiplier


def _check_spans(ordered: Sequence[RegisterSegment], start: datetime, end: datetime) -> None:
    if _utc(start) >= _utc(end):
        raise ValueError(f"no span: {start.isoformat()} is not before {end.isoformat()}")
    until: dict[str, datetime] = {}
    for segment in ordered:
        if not _utc(start) <= _utc(segment.start) < _utc(segment.end) <= _utc(end):
            raise ValueError(f"segment {segment} is no span within {start.isoformat()} to {end.isoformat()}")
        if segment.meter in until and _utc(segment.start) < until[segment.meter]:
            raise ValueError(f"segments of meter {segment.meter} overlap at {segment.start.isoformat()}")
        until[segment.meter] = _utc(segment.end)


def _utc(time: datetime) -> datetime:
    if time.tzinfo is UTC:
        return time
    if time.tzinfo is None:
        raise ValueError(f"{time.isoformat()} carries no zone")
    return time.astimezone(UTC)
