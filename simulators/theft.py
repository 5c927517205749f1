"""Thieves with known truth: what a meter reports of what was used.

A `Theft` bends energies per interval, (day, slot), from its first day on; the area's total meter counts what was used.
`district` draws homes, thieves and honest changes of one area or several, for tests and the lab.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from simulators.load import draw_load, mixed

Floats = NDArray[Any]
Bend = Callable[[Floats, np.random.Generator], Floats]


def bypass(used: Floats, rng: np.random.Generator) -> Floats:
    """A circuit beside the meter: of all that is used, a constant share."""
    share: Floats = used * rng.uniform(0.1, 0.7)
    return share


def slowed_register(used: Floats, rng: np.random.Generator) -> Floats:
    """Slower every week, down to a fifth."""
    week = np.arange(len(used)) // 7
    slowed: Floats = used * np.maximum(1 - week * rng.uniform(0.08, 0.2), 0.2)[:, None]
    return slowed


def phase_reversal(used: Floats, rng: np.random.Generator) -> Floats:
    """The current of one phase of three backwards: two forward, one subtracted."""
    del rng
    return used / 3


def phase_missing(used: Floats, rng: np.random.Generator) -> Floats:
    """One voltage lead of three open."""
    del rng
    return used * 2 / 3


def night_switch(used: Floats, rng: np.random.Generator) -> Floats:
    """A switch around the meter, thrown at night."""
    slots = used.shape[1]
    hours = np.arange(slots) * 24 / slots
    return used * np.where((hours >= 21) | (hours < 6), rng.uniform(0, 0.3), 1.0)


def interruptions(used: Floats, rng: np.random.Generator) -> Floats:
    """Nothing for four to twelve hours of every day, at another time each day."""
    slots = used.shape[1]
    bent = used.copy()
    for day in range(len(used)):
        long = int(rng.integers(slots // 6, slots // 2 + 1))
        at = int(rng.integers(0, slots - long + 1))
        bent[day, at : at + long] = 0
    return bent


def scrambled(used: Floats, rng: np.random.Generator) -> Floats:
    """Another share in every interval."""
    return used * rng.uniform(0.1, 0.8, used.shape)


def made_up(used: Floats, rng: np.random.Generator) -> Floats:
    """Readings that have nothing to do with what is used."""
    return rng.uniform(0.1, 0.8, used.shape) * float(np.nanmean(used))


def constant(used: Floats, rng: np.random.Generator) -> Floats:
    """Always the mean."""
    del rng
    return np.full_like(used, float(np.nanmean(used)))


def backwards(used: Floats, rng: np.random.Generator) -> Floats:
    """Each day reversed: peak hours become cheap ones."""
    del rng
    return used[:, ::-1].copy()


def repeated_week(used: Floats, rng: np.random.Generator) -> Floats:
    """The first week again and again."""
    return used[:7][np.arange(len(used)) % min(7, len(used))] * rng.uniform(0.5, 0.9)


def peak_limiter(used: Floats, rng: np.random.Generator) -> Floats:
    """Of what exceeds a limit only a tenth is counted."""
    limit = float(np.nanquantile(used, rng.uniform(0.5, 0.8)))
    return np.where(used > limit, limit + 0.1 * (used - limit), used)


THEFTS: Final[Mapping[str, Bend]] = {
    "bypass": bypass,
    "slowed_register": slowed_register,
    "phase_reversal": phase_reversal,
    "phase_missing": phase_missing,
    "night_switch": night_switch,
    "interruptions": interruptions,
    "scrambled": scrambled,
    "made_up": made_up,
    "constant": constant,
    "backwards": backwards,
    "repeated_week": repeated_week,
    "peak_limiter": peak_limiter,
}
"""Those that one meter shows; a meter swap (`District.swapped`) takes two."""


@dataclass(frozen=True, slots=True)
class District:
    """Energies in Wh per interval, (meter, day, slot); `total` is (day, slot). `kind` is empty for the honest."""

    reported: Floats
    used: Floats
    total: Floats
    technical: float
    kind: tuple[str, ...]
    start: tuple[int, ...]
    swapped: tuple[int, int] | None = None

    @property
    def stolen(self) -> Floats:
        """By meter, in Wh; negative where more was reported than used."""
        return np.asarray((self.used - self.reported).sum(axis=(1, 2)))


def homes(count: int, days: int, slots: int, seed: int) -> Floats:
    """Loads of `simulators.load` with what people do added: appliances at times of their own, lazy days and busy ones.

    In Wh per interval, whole numbers.
    """
    made = np.zeros((count, days, slots))
    step = 86400 // slots
    for k in range(count):
        rng = np.random.default_rng([seed, k])
        load = draw_load(mixed(seed, k), "home")
        shape = np.array([load.taken.average(day * 86400 + (s + 1) * step) for day in range(2) for s in range(slots)])
        profile = shape.reshape(2, slots).mean(axis=0) * step / 3600
        profile = np.roll(profile, int(rng.integers(-slots // 12, slots // 12 + 1)))
        lazy = np.exp(rng.normal(0, 0.25, (days, 1)))
        appliances = (rng.random((days, slots)) < 0.12) * rng.exponential(1.5, (days, slots)) * profile.mean()
        made[k] = np.round(
            0.35 * profile.min() + 0.6 * profile * lazy * rng.gamma(3, 1 / 3, (days, slots)) + appliances
        )
    return made


def district(
    used: Floats, thieves: Mapping[int, tuple[str, int]], seed: int, swap: tuple[int, int] | None = None
) -> District:
    """`thieves` are meter to kind and first day; a swap exchanges two meters' readings from half of the period on.

    The technical loss is 1 % of the mean, 1.5 % of the load and a part that grows with its square; the total meter errs
    by 0.3 %.
    """
    rng = np.random.default_rng(seed)
    reported = used.copy()
    for meter, (kind, start) in sorted(thieves.items()):
        reported[meter, start:] = np.round(THEFTS[kind](used[meter, start:], rng))
    if swap is not None:
        half = used.shape[1] // 2
        reported[list(swap), half:] = reported[[swap[1], swap[0]], half:]
    load = used.sum(axis=0)
    loss = 0.01 * load.mean() + 0.015 * load + 0.01 * load**2 / max(float(load.mean()), 1e-9)
    total = np.round((load + loss) * (1 + 0.003 * rng.standard_normal(load.shape)))
    kinds = tuple(thieves[k][0] if k in thieves else "" for k in range(len(used)))
    starts = tuple(thieves[k][1] if k in thieves else -1 for k in range(len(used)))
    return District(reported, used, total, float(loss.sum()), kinds, starts, swap)


def draw_thieves(count: int, days: int, share: float, kinds: Sequence[str], seed: int) -> dict[int, tuple[str, int]]:
    """At least one; each begins between the second week and two weeks before the end, or before the first day."""
    rng = np.random.default_rng([seed, 1])
    edge = days // 6
    drawn = rng.permutation(count)[: max(round(share * count), 1)]
    starts = np.where(rng.random(len(drawn)) < 0.2, 0, rng.integers(edge, max(days - edge, edge + 1), len(drawn)))
    return {int(k): (kinds[n % len(kinds)], int(starts[n])) for n, k in enumerate(drawn)}
