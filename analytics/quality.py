"""Collection quality (采集质量): how much of what the plans expect came, and when, by whatever is asked.

    success       采集成功率   received / expected
    completeness  采集完整率   (received + recovered) / expected

Everything counts slots of the gap ledger, so `expected` is always the sum of the five states.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_DOWN, Decimal
from types import MappingProxyType
from typing import Final

STATES: Final = ("received", "recovered", "estimated", "unrecoverable", "open")
"""Of the ledger; each expected slot is in exactly one."""
MISSING: Final = ("estimated", "unrecoverable", "open")
"""The meter's own value is not there."""
_STEP: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True)
class Tally:
    """So many slots of one meter on one local day are in `state`, for `reason`. `area` and `feeder` are where the meter
    stood then, or what it measured."""

    day: date
    meter: str
    line: str
    model: str
    maker: str | None
    area: str | None
    feeder: str | None
    state: str
    reason: str | None
    slots: int


Key = tuple[str | None, ...]

DIMENSIONS: Final[Mapping[str, Callable[[Tally], str | None]]] = MappingProxyType({
    "day": lambda tally: tally.day.isoformat(),
    "area": lambda tally: tally.area,
    "feeder": lambda tally: tally.feeder,
    "model": lambda tally: tally.model,
    "maker": lambda tally: tally.maker,
    "line": lambda tally: tally.line,
    "meter": lambda tally: tally.meter,
})  # fmt: skip
"""What slots can be told apart by; None is a value of its own, such as the meters in no area."""


@dataclass(frozen=True, slots=True)
class Quality:
    """One group. `reasons` tell of the slots that are unrecoverable or open. `meters`: of which something is expected;
    `whole`: those of which nothing is missing."""

    key: Key
    states: Mapping[str, int]
    reasons: Mapping[str, int]
    meters: int
    whole: int

    @property
    def expected(self) -> int:
        return sum(self.states.values())

    @property
    def complete(self) -> int:
        return self.states["received"] + self.states["recovered"]

    @property
    def missing(self) -> int:
        return self.expected - self.complete

    @property
    def success(self) -> Decimal | None:
        """Per cent; None where nothing is expected."""
        return percent(self.states["received"], self.expected)

    @property
    def completeness(self) -> Decimal | None:
        """Per cent; None where nothing is expected."""
        return percent(self.complete, self.expected)

    @property
    def reason(self) -> str | None:
        """The main one: why most of what is missing is missing; of equal ones the first by name."""
        return min(self.reasons, key=lambda name: (-self.reasons[name], name), default=None)


def percent(part: int, whole: int) -> Decimal | None:
    """To a hundredth, rounded down: 100.00 is said only where nothing is missing."""
    if not whole:
        return None
    return (Decimal(100 * part) / whole).quantize(_STEP, ROUND_DOWN)


def quality(tallies: Iterable[Tally], by: Sequence[str] = ()) -> list[Quality]:
    """One of every group, by key, None last; with nothing to tell apart by, one of all. Raises `ValueError` for a
    dimension that there is not."""
    for name in by:
        if name not in DIMENSIONS:
            raise ValueError(f"{name!r}, expected one of {', '.join(DIMENSIONS)}")
    groups: dict[Key, list[Tally]] = {} if by else {(): []}
    for tally in tallies:
        groups.setdefault(tuple(DIMENSIONS[name](tally) for name in by), []).append(tally)
    return [_of(key, groups[key]) for key in sorted(groups, key=_order)]


def worst(groups: Iterable[Quality], most: int) -> list[Quality]:
    """Of those in which something was not got at once, the least complete first; of equal ones that which succeeds
    least, then that which lacks most."""
    poor = [group for group in groups if group.states["received"] < group.expected]

    def badness(group: Quality) -> tuple[Decimal, Decimal, int, list[tuple[bool, str]]]:
        whole = Decimal(group.expected)
        return group.complete / whole, group.states["received"] / whole, -group.missing, _order(group.key)

    return sorted(poor, key=badness)[:most]


def _of(key: Key, tallies: Sequence[Tally]) -> Quality:
    states = dict.fromkeys(STATES, 0)
    reasons: Counter[str] = Counter()
    lacking: dict[str, bool] = {}
    for tally in tallies:
        if tally.state not in states:
            raise ValueError(f"the ledger has no state {tally.state!r}")
        states[tally.state] += tally.slots
        if tally.reason is not None:
            reasons[tally.reason] += tally.slots
        if tally.slots:
            lacking[tally.meter] = lacking.get(tally.meter, False) or tally.state in MISSING
    return Quality(key, states, dict(reasons), len(lacking), sum(not lacks for lacks in lacking.values()))


def _order(key: Key) -> list[tuple[bool, str]]:
    return [(part is None, part or "") for part in key]
