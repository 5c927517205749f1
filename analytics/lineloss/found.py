"""What is left of an area when its readings are forgotten: sums, fits, and whom they blame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.lineloss.anomalies import of_days, of_suspect
from analytics.lineloss.area import Balance, Partition, balanced, days_of
from analytics.lineloss.suspects import Suspect, suspects
from analytics.lineloss.technical import bounded, expected
from analytics.lineloss.words import Anomaly, Day, Place, Technical
from analytics.theft.profile import Population

Doubles = NDArray[np.floating[Any]]


@dataclass(frozen=True, slots=True)
class Blamed:
    """A suspect by name, and what it reported from its day on. `cells`: its readings, (1, day, slot), where another
    area may lack them."""

    suspect: Suspect
    name: str
    energy: float
    cells: Doubles | None


@dataclass(frozen=True, slots=True)
class Found:
    """`days` are those of `technical`, before other areas say that it is too high; `rest` (day, slot) is what is
    unexplained; `unread`: names."""

    technical: Technical
    share: float
    days: tuple[Day, ...]
    rest: Doubles
    lag: int
    unread: tuple[str, ...]
    blamed: tuple[Blamed, ...]

    def forgetting(self) -> Found:
        """Without the rest, which somebody else has kept."""
        return replace(self, rest=self.rest[:0])

    def is_far(self, share: float) -> bool:
        """Whether so much is not believed to be technical."""
        return bounded(self.technical, share) != self.technical


def found_in(part: Partition, meters: Sequence[str], people: Population, first_day: np.datetime64) -> Found:
    """Of one area; `meters` are its members' names."""
    balance = balanced(part, people)
    days, _ = days_of(balance, first_day)
    return Found(
        balance.technical, balance.share, days, _rest(balance), balance.lag,
        tuple(meters[k] for k in balance.unread),
        tuple(_blamed(one, meters[one.meter], part.taken[one.meter]) for one in balance.suspects),
    )  # fmt: skip


def _rest(balance: Balance) -> Doubles:
    load = balance.supplied - balance.fed_in
    return np.asarray(balance.supplied - balance.metered - expected(balance.technical, load))


def _blamed(one: Suspect, name: str, cells: Doubles) -> Blamed:
    energy = float(np.nansum(cells[one.start :]))
    return Blamed(one, name, energy, cells[None].copy() if one.lag == 0 and one.factor < -0.5 else None)


def held_days(
    part: Partition, people: Population, first_day: np.datetime64, share: float
) -> tuple[tuple[Day, ...], Technical]:
    """The days of an area whose technical loss is held to a share."""
    return days_of(balanced(part, people), first_day, share)


def lacking(cells: Doubles, rests: Iterable[tuple[str, Doubles]]) -> str | None:
    """Which of the areas lacks a meter that its own has too much of."""
    best, area = 0.0, None
    for name, rest in rests:
        for one in suspects(rest, cells):
            if one.lag == 0 and abs(one.factor - 1) < 0.2 and one.factor / one.error > best:
                best, area = one.factor / one.error, name
    return area


def placed(
    name: str, found: Found, held: tuple[tuple[Day, ...], Technical] | None, elsewhere: Sequence[str | None],
    share: float, step_s: int, feeder: str | None,
) -> Place:  # fmt: skip
    """`held`: where it is far above the others, the days that are believed; `elsewhere`: of each that is blamed, the
    area that lacks it."""
    days, technical = held or (found.days, found.technical)
    first_day = days[0].day
    said = of_days(days)
    if held is not None:
        said.append(Anomaly("high_constant_loss", f"the loss that goes with the load is {found.share:.1%}, more than "
                            f"in other areas: {share:.1%} is taken for technical"))  # fmt: skip
    if found.lag:
        way = "late" if found.lag > 0 else "early"
        said.append(Anomaly("clock_shift", f"the total meter stands {abs(found.lag) * step_s // 60} min too {way}, "
                            "made good"))  # fmt: skip
    said += [Anomaly("never_read", f"{meter} was never read", meter) for meter in found.unread]
    for one, other in zip(found.blamed, elsewhere, strict=True):
        day = first_day + np.timedelta64(one.suspect.start, "D")
        said.append(of_suspect(one.suspect, one.name, day, step_s // 60, one.energy, other))
    return Place("area", name, feeder, days, technical, tuple(said))
