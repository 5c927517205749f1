"""Whether a register that a person read can be: against what was known before it and is known after it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from analytics.billing.exact import EXACT, plain
from analytics.registers import rolled

_HOUR_S: Final = 3600


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A register at a moment, as the meter shows it."""

    time: datetime
    value: Decimal


@dataclass(frozen=True, slots=True)
class Limits:
    """`kw`: what the meter can show to have been drawn at most, before the multiplier. `digits`: of its register."""

    kw: Decimal
    digits: int | None = None


def doubts(
    value: Decimal, time: datetime, before: Neighbour | None, after: Neighbour | None, limits: Limits
) -> list[str]:
    """What speaks against it, for people; empty: nothing. Of registers that count up."""
    here = Neighbour(time, value)
    found = []
    if before is not None:
        said = f"{plain(before.value)} of {before.time.isoformat()}"
        found += _between(before, here, limits, f"below the last, {said}", f"more than can be since the last, {said}")
    if after is not None:
        said = f"{plain(after.value)} of {after.time.isoformat()}"
        found += _between(here, after, limits, f"above the next, {said}", f"more than can be until the next, {said}")
    return found


def _between(first: Neighbour, last: Neighbour, limits: Limits, backwards: str, too_much: str) -> list[str]:
    span = last.time - first.time
    used = last.value - first.value
    if used < 0:
        gone = rolled(first.value, last.value, limits.digits, Decimal(1), span, limits.kw)
        return [backwards] if gone is None else []
    if used * _HOUR_S <= limits.kw * Decimal(span // timedelta(seconds=1)):
        return []
    if not span:
        return [f"{too_much} at the same moment"]
    kw = EXACT.divide(used * _HOUR_S, Decimal(max(span // timedelta(seconds=1), 1)))
    return [f"{too_much}: {kw:.1f} kW, expected {plain(limits.kw)} at most"]
