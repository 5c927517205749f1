"""Power limits (功控) and energy limits (电控) of a customer: warned first, then cut, then given back.

Pure: what was read, and what was done before, to what is to be proposed now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

from analytics.load_control.programme import ProgrammeFault


class Proposal(StrEnum):
    NOTHING = "nothing"
    WARN = "warn"
    CUT = "cut"
    GIVE_BACK = "give_back"


@dataclass(frozen=True, slots=True)
class PowerLimit:
    """At most `kw` between two times of the local day (end before start: over midnight). A load that stays above for
    `warn_after` is warned, for `cut_after` more it is cut; after `back_after` at or below what is left of the limit, or
    outside its hours, it is given back."""

    kw: Decimal
    start: time
    end: time
    warn_after: timedelta = timedelta(minutes=5)
    cut_after: timedelta = timedelta(minutes=10)
    back_after: timedelta = timedelta(minutes=30)

    def __post_init__(self) -> None:
        if self.kw < 0 or self.start == self.end:
            raise ProgrammeFault("a power limit is 0 kW or more, in hours that last")

    def holds(self, at: time) -> bool:
        if self.start < self.end:
            return self.start <= at < self.end
        return at >= self.start or at < self.end


@dataclass(frozen=True, slots=True)
class Load:
    """The mean kW of an interval that ends at `at` (with a zone)."""

    at: datetime
    kw: Decimal


def power(limit: PowerLimit, loads: Sequence[Load], now: datetime, cut_since: datetime | None) -> Proposal:
    """`loads` in order of time; `cut_since`: when it was cut for this limit, None where it is not.

    Nothing is proposed on what is not known: a load that is older than `warn_after` says nothing of now.
    """
    local = now.timetz().replace(tzinfo=None)
    if cut_since is not None:
        if not limit.holds(local) or now - cut_since >= limit.back_after:
            return Proposal.GIVE_BACK
        return Proposal.NOTHING
    if not limit.holds(local) or not loads or now - loads[-1].at > limit.warn_after:
        return Proposal.NOTHING
    above_since: datetime | None = None
    for load in loads:
        if load.kw <= limit.kw or not limit.holds(load.at.astimezone(now.tzinfo).time()):
            above_since = None
        elif above_since is None:
            above_since = load.at
    if above_since is None:
        return Proposal.NOTHING
    lasted = loads[-1].at - above_since
    if lasted >= limit.warn_after + limit.cut_after:
        return Proposal.CUT
    return Proposal.WARN if lasted >= limit.warn_after else Proposal.NOTHING


@dataclass(frozen=True, slots=True)
class EnergyLimit:
    """At most `kwh` in a month or of what was bought; warned at `warn_at` of it."""

    kwh: Decimal
    warn_at: Decimal = Decimal("0.9")

    def __post_init__(self) -> None:
        if self.kwh <= 0 or not 0 < self.warn_at <= 1:
            raise ProgrammeFault("an energy limit is above 0 kWh, with a warning at some of it")


def energy(limit: EnergyLimit, used: Decimal | None, *, is_cut: bool) -> Proposal:
    """`used` since the limit began; None, not known, proposes nothing."""
    if used is None:
        return Proposal.NOTHING
    if used >= limit.kwh:
        return Proposal.NOTHING if is_cut else Proposal.CUT
    if is_cut:
        return Proposal.GIVE_BACK
    return Proposal.WARN if used >= limit.kwh * limit.warn_at else Proposal.NOTHING
