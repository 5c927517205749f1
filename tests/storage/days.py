"""Validated days for tests, of every shape that a row can have."""

from __future__ import annotations

from datetime import date

import numpy as np

from storage.validated import NewRun
from storage.validated_days import NAMES, Days

MIDNIGHT = 1_772_294_400
"""2026-02-28 16:00 UTC: 2026-03-01 00:00 in Shanghai."""
FIRST = date(2026, 3, 1)
RUN = NewRun(actor="Li", kind="first", parameters="shipped-1", contents={"version": "shipped-1"})


def some_days(points: int = 3, days: int = 4, *, quantity: int = 1, first: date = FIRST, seed: int = 0) -> Days:
    """Of each point by day: all actual; estimates; holes in raw and in values; a failed check. One day has 100."""
    random = np.random.default_rng(seed)
    made = Days.empty(900, points * days, 100)
    made.point[:] = np.repeat(np.arange(1, points + 1), days)
    made.quantity[:] = quantity
    nth = np.tile(np.arange(days), points)
    made.day[:] = np.datetime64(first) + nth
    made.start[:] = MIDNIGHT + 86400 * (nth + (first - FIRST).days)
    made.count[:] = np.where(nth == 2, 100, 96)
    made.version[:] = 1
    inside = made.inside
    made.steps[:] = np.where(inside, random.integers(-5, 2**40, made.steps.shape), 0)
    made.present[:] = inside
    made.raw[:], made.raw_present[:] = made.steps, made.present
    made.source[:] = made.method[:] = inside
    for row in np.nonzero(nth == 1)[0]:
        made.source[row, 3:9], made.method[row, 3:9], made.reason[row, 3:9], made.failed[row, 3:9] = 2, 4, 5, 16
        made.raw[row, 3:9], made.raw_present[row, 3:9] = 0, False
    for row in np.nonzero(nth == 2)[0]:
        made.source[row, 90:], made.method[row, 90:], made.reason[row, 90:] = 0, 0, 5
        made.steps[row, 90:], made.present[row, 90:] = 0, False
        made.raw[row, 90:], made.raw_present[row, 90:] = 0, False
        made.raw[row, 0] += 1
    made.failed[nth == 3, 7] = 1 << 17
    made.profiles[nth == 1] = 3
    return made


def same(one: Days, other: Days) -> bool:
    """By every cell, padding aside."""
    width = max(one.steps.shape[1], other.steps.shape[1])
    wide = [Days.joined(each.step_s, [each, Days.empty(each.step_s, 0, width)]) for each in (one, other)]
    return all(np.array_equal(getattr(wide[0], name), getattr(wide[1], name)) for name in NAMES)
