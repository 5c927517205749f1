"""The checks: each a function of a frame and the parameters, giving what it holds against.

A check answers by interval (meter, interval), by day (meter, day) or by row (meter,): True is a failure. Intervals
without a value fail `missing` alone. `TABLE` lists them all; a new one is a function, a row there and its parameters.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.intervals.grid import Grid
from analytics.vee.frame import IDLE, UNKNOWN, Fact, Frame, History, Mask, Steps
from analytics.vee.parameters import Checks
from analytics.vee.shapes import by_day


class Scope(StrEnum):
    INTERVAL = "interval"
    DAY = "day"
    ROW = "row"


Function = Callable[[Frame, Checks, "History | None"], Mask]


class Check(NamedTuple):
    """`name` is also the field of its parameters."""

    name: str
    scope: Scope
    function: Function
    says: str


def clock_sync(frame: Frame, checks: Checks, history: History | None) -> Mask:
    off = _clock_off(frame)
    return (off > checks.clock_sync.beyond_ms) & (off <= checks.clock_quarantine.beyond_ms)


def clock_quarantine(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return _clock_off(frame) > checks.clock_quarantine.beyond_ms


def channel(frame: Frame, checks: Checks, history: History | None) -> Mask:
    if not (frame.expected and frame.told):
        return np.zeros(len(frame.names), np.bool_)
    return np.array([a != b for a, b in zip(frame.expected, frame.told, strict=True)], np.bool_)


def duplicate(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return (frame.facts & np.uint8(Fact.DUPLICATE)) > 0


def missing(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return ~frame.present


def long_gap(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return _runs(~frame.present, checks.long_gap.intervals)


def negative(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return frame.present & (frame.steps < 0) & ~frame.signed[:, None]


def limit(frame: Frame, checks: Checks, history: History | None) -> Mask:
    known = frame.limit != UNKNOWN
    most = np.where(known, frame.limit, np.iinfo(np.int64).max)[:, None]
    return frame.present & ((frame.steps > most) | (frame.steps < -most))


def spike(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Peaks are intervals above neither of whose neighbours it stands lower: the ends of a plateau count once."""
    held = _held(frame)
    before = np.pad(held, ((0, 0), (1, 0)))[:, :-1]
    after = np.pad(held, ((0, 0), (0, 1)))[:, 1:]
    peaks = np.where((held > before) & (held >= after), held, 0)
    by_day = _by_day(peaks, frame.grid)
    if by_day.shape[2] < 3:
        return np.zeros_like(frame.present)
    ranked = np.partition(by_day, by_day.shape[2] - 3, axis=2)[:, :, -3:]
    highest, third = ranked.max(axis=2), ranked.min(axis=2)
    floor = np.maximum(third, checks.spike.least_steps)
    fails = (highest - third) * 100 > floor * checks.spike.excess_percent
    wanted = np.where(fails & (third > 0), highest, np.iinfo(np.int64).max)
    return np.asarray(frame.present & (held == wanted[:, frame.grid.day]))


def static(frame: Frame, checks: Checks, history: History | None) -> Mask:
    same = np.zeros_like(frame.present)
    both = frame.present[:, 1:] & frame.present[:, :-1]
    same[:, 1:] = both & (frame.steps[:, 1:] == frame.steps[:, :-1]) & (frame.steps[:, 1:] != 0)
    long = _runs(same, checks.static.intervals - 1) if checks.static.intervals > 1 else same
    first = np.zeros_like(long)
    first[:, :-1] = long[:, 1:] & ~long[:, :-1]
    return long | first


def zero(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Days on which nothing was used though there was voltage, and a customer who could."""
    nothing = (_sums(_held(frame) != 0, frame.grid) == 0) & _complete(frame) & (_idle(frame) == 0)
    return _runs(nothing & (frame.voltage == 1), checks.zero.days)


def high_usage(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return _usage(
        frame,
        history,
        lambda mean, usual: mean * 100 > usual * checks.high_usage.percent,
        checks.high_usage.least_steps,
    )


def low_usage(frame: Frame, checks: Checks, history: History | None) -> Mask:
    return _usage(
        frame, history, lambda mean, usual: mean * 100 < usual * checks.low_usage.percent, checks.low_usage.least_steps
    )


def inactive(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Use on a day on which the point is disconnected or vacant throughout. A roof exports while nobody lives there."""
    exports = np.isin(np.arange(len(frame.names)), frame.export)[:, None]
    idle = np.where(exports, by_day(frame.facts, np.uint8(Fact.DISCONNECTED), frame.grid), _idle(frame))
    whole = idle == (frame.grid.layout >= 0).sum(axis=1)
    return np.asarray(whole & (_sums(_held(frame), frame.grid) >= checks.inactive.least_steps))


def no_reactive(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Active energy on a day of which the reactive channel has no value."""
    sums = _sums(_held(frame), frame.grid)
    silent = _sums(frame.present, frame.grid)[frame.reactive] == 0
    fails = (sums >= checks.no_reactive.least_steps) & silent
    return np.asarray(fails & (frame.reactive >= 0)[:, None])


def both_ways(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Import and export in one interval."""
    held = _held(frame)
    least = checks.both_ways.least_steps
    fails = (held >= least) & (held[frame.export] >= least)
    return fails & (frame.export >= 0)[:, None]


def sum_(frame: Frame, checks: Checks, history: History | None) -> Mask:
    """Where all intervals of a total are there, they add up to it within units of the register or a share of it."""
    found = np.zeros_like(frame.present)
    for row, first, last, steps in zip(*(column.tolist() for column in frame.totals), strict=True):
        if not frame.present[row, first:last].all():
            continue
        apart = abs(int(frame.steps[row, first:last].sum()) - steps)
        found[row, first:last] |= apart * 100 > tolerance(frame, row, steps, checks)
    return found


_I, _D, _R = Scope.INTERVAL, Scope.DAY, Scope.ROW
TABLE: Final = (
    Check("clock_sync", _D, clock_sync, "the meter's clock is to be set; the values hold"),
    Check("clock_quarantine", _D, clock_quarantine, "the meter's clock is so far off that its intervals mean nothing"),
    Check("channel", _R, channel, "unit, length or multiplier are not those of the configuration"),
    Check("duplicate", _I, duplicate, "several values of one interval contradict each other"),
    Check("missing", _I, missing, "an expected interval has no value"),
    Check("long_gap", _I, long_gap, "many intervals in a row have no value"),
    Check("negative", _I, negative, "less than nothing where the register counts one way"),
    Check("limit", _I, limit, "more than the connection can carry"),
    Check("spike", _I, spike, "the highest peak of a day stands far above its third-highest"),
    Check("static", _I, static, "the same value, not zero, many times in a row"),
    Check("zero", _D, zero, "days without use though there was voltage"),
    Check("high_usage", _R, high_usage, "far more a day than in the last period and a year ago"),
    Check("low_usage", _R, low_usage, "far less a day than in the last period and a year ago"),
    Check("inactive", _D, inactive, "use while disconnected or vacant"),
    Check("no_reactive", _D, no_reactive, "active energy without the reactive channel"),
    Check("both_ways", _I, both_ways, "import and export in one interval"),
    Check("sum", _I, sum_, "intervals do not add up to the registers"),
)  # fmt: skip
PROLONGED: Final = "prolonged"
"""The one check of what came out, not of what was given: estimated for too many days."""


def tolerance(frame: Frame, row: int, total: int, checks: Checks) -> int:
    """By how many hundredths of a step intervals and a total may differ."""
    return max(checks.sum.units * int(frame.unit[row]) * 100, checks.sum.percent * abs(total))


def widened(mask: Mask, scope: Scope, grid: Grid) -> Mask:
    """By interval, whatever the scope."""
    if scope is Scope.DAY:
        return mask[:, grid.day]
    return np.repeat(mask[:, None], len(grid), axis=1) if scope is Scope.ROW else mask


def runs(mask: Mask, least: int) -> Mask:
    """True where at least `least` in a row are."""
    return _runs(mask, least)


def _runs(mask: Mask, least: int) -> Mask:
    edges = np.diff(np.pad(mask, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    rows, begins = np.nonzero(edges == 1)
    ends = np.nonzero(edges == -1)[1]
    long = ends - begins >= least
    marks = np.zeros((mask.shape[0], mask.shape[1] + 1), np.int32)
    marks[rows[long], begins[long]] += 1
    marks[rows[long], ends[long]] -= 1
    return marks.cumsum(axis=1)[:, :-1] > 0


def _held(frame: Frame) -> Steps:
    return np.where(frame.present, frame.steps, 0)


def _by_day(cells: NDArray[np.int64] | Mask, grid: Grid) -> Steps:
    return np.where(grid.layout >= 0, cells[:, grid.layout], 0).astype(np.int64)


def _sums(cells: NDArray[np.int64] | Mask, grid: Grid) -> Steps:
    return np.asarray(np.add.reduceat(cells, grid.layout[:, 0], axis=1, dtype=np.int64))


def _idle(frame: Frame) -> Steps:
    """Intervals of each day in which nothing is to be used."""
    return by_day(frame.facts, IDLE, frame.grid)


def _complete(frame: Frame) -> Mask:
    return np.asarray(_sums(~frame.present, frame.grid) == 0)


def _clock_off(frame: Frame) -> Steps:
    return np.where(frame.clock_ms == UNKNOWN, 0, np.abs(np.where(frame.clock_ms == UNKNOWN, 0, frame.clock_ms)))


def _usage(frame: Frame, history: History | None, is_off: Callable[[Steps, Steps], Mask], least: int) -> Mask:
    """By the days that are complete and not idle; it has to be off against both periods, as far as they are known."""
    if history is None:
        return np.zeros(len(frame.names), np.bool_)
    complete = _complete(frame) & (_idle(frame) == 0)
    sums = np.where(complete, _sums(_held(frame), frame.grid), 0).sum(axis=1)
    days = complete.sum(axis=1)
    mean = sums // np.maximum(days, 1)
    found = np.ones(len(frame.names), np.bool_)
    known = np.zeros(len(frame.names), np.bool_)
    for usual in (history.last_period, history.last_year):
        told = usual != UNKNOWN
        found &= ~told | is_off(mean, np.where(told, usual, 0))
        known |= told & (np.maximum(mean, np.where(told, usual, 0)) >= least)
    return np.asarray(found & known & (days > 0))
