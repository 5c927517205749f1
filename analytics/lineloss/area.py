"""The balance of one area, interval by interval and day by day: a pure function over one partition."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.lineloss.suspects import Suspect as Suspect
from analytics.lineloss.suspects import lag_of_total, shifted, suspects, together
from analytics.lineloss.technical import bounded, expected, fitted
from analytics.lineloss.words import JUDGED_COVER, JUDGED_ESTIMATE, Day, Technical
from analytics.theft.profile import Population, filled

Doubles = NDArray[np.floating[Any]]
Flags = NDArray[np.bool_]

_LEAST_NOISE: Final = 0.002
"""Of what is supplied: what meters of class 1 leave of a day at least."""
_SURE: Final = 4.0
_LEAST_BEFORE: Final = 0.25
"""Of the period: so much before a meter's readings stop being its load is enough to fit the technical loss."""


@dataclass(frozen=True, slots=True)
class Partition:
    """One area and period, (meter, day, slot): import, feed-in (None: nobody feeds in), whether the meter belongs here
    then; and the total meter's import and export, (day, slot)."""

    taken: Doubles
    fed: Doubles | None
    here: Flags
    total: Doubles
    returned: Doubles | None


@dataclass(frozen=True, slots=True)
class Balance:
    """(day, slot) unless said otherwise; NaN where the total meter does not count. `lag`: by how many intervals the
    total's clock is late, already made good. `unread`: members (positions) without any reading."""

    supplied: Doubles
    fed_in: Doubles
    metered: Doubles
    estimated: Doubles
    technical: Technical
    suspects: tuple[Suspect, ...]
    meters: NDArray[np.int64]
    missing: NDArray[np.int64]
    lag: int
    unread: tuple[int, ...]

    @property
    def share(self) -> float:
        """The technical loss of what is supplied."""
        supplied = float(np.nansum(self.supplied))
        lost = expected(self.technical, self.supplied)[np.isfinite(self.supplied)].sum()
        return float(lost) / supplied if supplied > 0 else 0.0


def balanced(part: Partition, people: Population) -> Balance:
    """Gaps of members are filled with their own usual day, and count the less in the fit of the technical loss."""
    present = np.isfinite(part.taken)
    unread = tuple(int(k) for k in np.nonzero(~(present & part.here).any(axis=(1, 2)) & part.here.any(axis=(1, 2)))[0])
    whole, doubt = filled(part.taken.astype(np.float32), people)
    here = part.here
    metered = np.where(here, whole, 0).sum(axis=0, dtype=np.float64)
    estimated = np.where(here & ~present, whole, 0).sum(axis=0, dtype=np.float64)
    fed = np.zeros_like(metered) if part.fed is None else np.where(here, np.nan_to_num(part.fed), 0).sum(axis=0)
    total: Doubles = part.total.astype(np.float64)
    if part.returned is not None:
        total = total - np.nan_to_num(part.returned)
    lag = lag_of_total(total, metered - fed)
    total = shifted(total, -lag)
    supplied = total + fed
    loss = supplied - metered
    load = np.abs(total)
    mean = float(np.nanmean(load)) if np.isfinite(load).any() else 0.0
    noise = (0.01 * max(mean, 1e-9)) ** 2
    weight = np.where(np.isfinite(loss), noise / (noise + np.where(here, doubt, 0).sum(axis=0, dtype=np.float64)), 0.0)
    technical = fitted(load.ravel(), loss.ravel(), weight.ravel())
    rest = np.where(weight > 0.05, loss - expected(technical, load), np.nan)
    net = np.where(here & present, part.taken - (0 if part.fed is None else np.nan_to_num(part.fed)), np.nan)
    found = suspects(rest, net)
    if found:
        found, explained = together(found, np.where(weight > 0.05, loss, np.nan), load, net)
        starts = [one.start for one in found if not one.supplied and one.start >= _LEAST_BEFORE * len(total)]
        weight[min(starts, default=len(total)) :] = 0
        technical = fitted(load.ravel(), (loss - explained).ravel(), weight.ravel())
    meters = here.any(axis=2).sum(axis=0)
    missing = (here.any(axis=2) & ~(here & present).any(axis=2)).sum(axis=0)
    return Balance(supplied, fed, metered, estimated, technical, tuple(found), meters, missing, lag, unread)


def days_of(found: Balance, first_day: np.datetime64, share: float = np.inf) -> tuple[tuple[Day, ...], Technical]:
    """The days, with the technical loss held to a `share` of the load."""
    technical = bounded(found.technical, share)
    counted = np.isfinite(found.supplied)
    loads = found.supplied - found.fed_in
    lost = np.where(counted, expected(technical, loads), 0).sum(axis=1)

    def summed(cells: Doubles) -> Doubles:
        return np.asarray(np.where(counted, cells, 0).sum(axis=1))

    supplied, fed, metered = summed(found.supplied), summed(found.fed_in), summed(found.metered)
    estimated, covered = summed(found.estimated), counted.mean(axis=1)
    good = (covered >= JUDGED_COVER) & (estimated <= JUDGED_ESTIMATE * np.maximum(metered, 1e-9)) & (supplied > 0)
    rest = supplied - metered - lost
    shares = rest[good] / supplied[good]
    noise = _LEAST_NOISE
    if len(shares) > 7:
        noise = max(noise, 1.05 * float(np.median(np.abs(np.diff(shares)))))
    made = []
    for k in range(len(supplied)):
        codes = _codes(
            bool(good[k]), float(covered[k]), float(supplied[k]), float(rest[k]), float(supplied[k] - metered[k]),
            noise, float(estimated[k]), float(metered[k]), int(found.missing[k]),
        )  # fmt: skip
        made.append(
            Day(
                first_day + np.timedelta64(k, "D"), float(supplied[k]), float(fed[k]), float(metered[k]),
                float(estimated[k]), float(lost[k]), float(covered[k]), int(found.meters[k]), int(found.missing[k]),
                codes,
            )
        )  # fmt: skip
    return tuple(made), technical


def _codes(
    good: bool, covered: float, supplied: float, rest: float, loss: float, noise: float, estimated: float,
    metered: float, missing: int,
) -> tuple[str, ...]:  # fmt: skip
    said = []
    if covered < JUDGED_COVER:
        said.append("no_total")
    if missing:
        said.append("missing_meters")
    if covered and estimated > JUDGED_ESTIMATE * metered:
        said.append("estimated")
    if good and loss < -_SURE * noise * supplied:
        said.append("negative_loss")
    elif good and abs(rest) > _SURE * noise * supplied:
        said.append("unexplained")
    return tuple(said)
