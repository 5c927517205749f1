"""What a member would have used, had it not been called: the mean of its highest like days, moved by that morning.

Energies of intervals are whole steps (of 0.0001 kWh), so that what is settled is exact.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from analytics.load_control.programme import ProgrammeFault


@dataclass(frozen=True, slots=True)
class Method:
    """The mean of the `highest` of the last `days` like days that are whole and on which nobody was called. With an
    `adjustment` the baseline is multiplied by how the hours before the call compare with the same hours of those days,
    by at most that share up or down."""

    days: int = 10
    highest: int = 5
    least: int = 5
    adjustment: Fraction = Fraction(1, 5)

    def __post_init__(self) -> None:
        if not 1 <= self.highest <= self.days or not 1 <= self.least <= self.days or not 0 <= self.adjustment < 1:
            raise ProgrammeFault("a baseline of the highest days of some days, moved by less than itself")


HIGH_5_OF_10 = Method()


@dataclass(frozen=True, slots=True)
class LikeDay:
    """Energies by interval of the call's hours, and of the hours before it; None is a gap."""

    during: Sequence[int | None]
    before: Sequence[int | None]


def baseline(days: Sequence[LikeDay], before: Sequence[int | None], method: Method = HIGH_5_OF_10) -> list[int]:
    """Energy by interval. `days` newest first; `before` is the morning of the call.

    Raises `ProgrammeFault` where too few days are whole: then nothing can be settled.
    """
    whole = [day for day in days if None not in day.during][: method.days]
    if len(whole) < method.least:
        raise ProgrammeFault(f"{len(whole)} whole like days, expected at least {method.least}")
    chosen = sorted(whole, key=lambda day: sum(_known(day.during)), reverse=True)[: method.highest]
    mean = [Fraction(sum(cells), len(chosen)) for cells in zip(*(_known(day.during) for day in chosen), strict=True)]
    factor = _factor(chosen, before, method)
    return [_half_even(energy * factor) for energy in mean]


def _factor(chosen: Sequence[LikeDay], before: Sequence[int | None], method: Method) -> Fraction:
    """1 where the morning, or that of a day, is not wholly known."""
    if not method.adjustment or not before or None in before or any(None in day.before for day in chosen):
        return Fraction(1)
    usual = Fraction(sum(sum(_known(day.before)) for day in chosen), len(chosen))
    if usual <= 0:
        return Fraction(1)
    ratio = Fraction(sum(_known(before))) / usual
    return min(max(ratio, 1 - method.adjustment), 1 + method.adjustment)


def _known(cells: Sequence[int | None]) -> list[int]:
    return [cell for cell in cells if cell is not None]


def _half_even(value: Fraction) -> int:
    return round(value)
