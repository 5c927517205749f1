"""Views of what is known of a day: each is of the shape (series, day, slot) and looks back by `behind` days or more.

The functions take series without gaps (`filled`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.forecast.words import WEEK, Floats, Numbers


def filled(cells: Floats, kind: Numbers) -> NDArray[np.float32]:
    """Gaps filled from the past alone: by the running mean of the same kind of day, else of the last week, else of the
    day before. NaN before the first value of a slot."""
    made = np.array(cells, np.float32)
    running = np.full((3, *made[:, 0].shape), np.nan, np.float32)
    for day in range(made.shape[1]):
        today = made[:, day]
        for guess in (
            running[kind[day]],
            made[:, day - WEEK] if day >= WEEK else None,
            made[:, day - 1] if day else None,
        ):
            if guess is not None:
                np.copyto(today, guess, where=np.isnan(today))
        before = running[kind[day]]
        running[kind[day]] = np.where(np.isnan(before), today, 0.8 * before + 0.2 * today)
    return made


def running(series: Floats, group: Numbers, half_life: float, behind: int) -> NDArray[np.float32]:
    """The mean of earlier days of the same group, days weighing half after `half_life` days (of any group)."""
    made = np.full(series.shape, np.nan, np.float32)
    groups = int(group.max(initial=0)) + 1
    total = np.zeros((groups, series.shape[0], series.shape[2]), np.float32)
    held = np.zeros_like(total)
    keep = np.float32(0.5 ** (1 / half_life))
    for day in range(series.shape[1]):
        if day >= behind:
            last = series[:, day - behind]
            own = group[day - behind]
            there = np.isfinite(last)
            total *= keep
            held *= keep
            total[own] += np.where(there, last, 0)
            held[own] += there
        mine = group[day]
        known = held[mine] > 1e-3
        made[:, day] = np.where(known, total[mine] / np.where(known, held[mine], 1), np.nan)
    return made


def back(series: Floats, days: int) -> NDArray[np.float32]:
    """What was `days` days before."""
    made = np.full(series.shape, np.nan, np.float32)
    if days < series.shape[1]:
        made[:, days:] = series[:, : series.shape[1] - days]
    return made


def week_back(behind: int) -> int:
    """How many days back the newest known day of the same weekday is."""
    return WEEK * -(-behind // WEEK)


def smooth(series: Floats, width: int) -> Floats:
    """The mean over `width` slots to either side, within the day."""
    slots = series.shape[-1]
    padded = np.pad(series, [(0, 0)] * (series.ndim - 1) + [(width, width)], mode="edge")
    made = np.zeros(series.shape, np.float32)
    for k in range(2 * width + 1):
        made += padded[..., k : k + slots]
    return made / np.float32(2 * width + 1)


def quartiles(
    series: Floats, group: Numbers, count: int, width: int, behind: int, days: Numbers
) -> NDArray[np.float32]:
    """(3, series, len(days), slot): lower quartile, median, upper quartile over the last `count` known days of the same
    group and `width` slots to either side. Without such a day: NaN."""
    slots = series.shape[2]
    made = np.full((3, len(series), len(days), slots), np.nan, np.float32)
    padded = np.pad(series, ((0, 0), (0, 0), (width, width)), mode="edge").astype(np.float32)
    for at, day in enumerate(days):
        past = np.arange(day - behind, -1, -1)
        chosen = past[group[past] == group[day]][:count]
        if not len(chosen):
            continue
        by_slot = np.ascontiguousarray(padded[:, chosen].transpose(0, 2, 1))
        size = (2 * width + 1) * len(chosen)
        windows = np.lib.stride_tricks.as_strided(
            by_slot, (len(series), slots, size), by_slot.strides[:2] + by_slot.strides[2:], writeable=False
        )  # the slots of a window stand one behind the other
        ordered = np.sort(windows, axis=-1)  # NaN goes to the end
        for k, place in enumerate((size // 4, size // 2, 3 * size // 4)):
            made[k, :, at] = ordered[..., place]
    return made


def naive(series: Floats, behind: int, days: Numbers) -> NDArray[np.float32]:
    """(series, len(days), slot): the same hour of last week, else of the last known day."""
    made = np.full((len(series), len(days), series.shape[2]), np.nan, np.float32)
    for lead in (week_back(behind), *range(behind, behind + WEEK)):
        there = np.nonzero(days >= lead)[0]
        guess = series[:, days[there] - lead]
        known = made[:, there]
        made[:, there] = np.where(np.isnan(known), guess, known)
    return made
