"""What points used before the days that are validated: for like days, and for use that is far off."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta

import numpy as np

from analytics.intervals.grid import Grid
from analytics.vee.frame import UNKNOWN, History
from analytics.vee.shapes import unlike
from analytics.vee.validated import Method, Source
from headend.validation.facts import idle, mark
from headend.validation.intervals import Ints, Mask
from headend.validation.loader import Loader
from headend.validation.rows import Rows
from headend.validation.sheets import places
from protocols.quantities import BY_ID
from storage.circumstances import Point
from storage.validated import Which
from storage.validated_days import Days


def nothing(rows: int, grid: Grid) -> History:
    """None is known."""
    return History(
        grid=grid,
        steps=np.zeros((rows, len(grid)), np.int64),
        actual=np.zeros((rows, len(grid)), np.bool_),
        outage=np.zeros((rows, len(grid.days)), np.bool_),
        vacant=np.zeros((rows, len(grid.days)), np.bool_),
        last_period=np.full(rows, UNKNOWN),
        last_year=np.full(rows, UNKNOWN),
        estimated_days=np.zeros(rows, np.int64),
    )


async def stored(loader: Loader, rows: Rows, first: date) -> tuple[History, Mask]:
    """As it was validated, of as many days before `first` as like days may be old; and which rows have any."""
    since = first - timedelta(days=loader.rules.parameters.estimations.like_day.horizon_days)
    grid = loader.grid(since, first)
    made, known = nothing(len(rows), grid), np.zeros(len(rows), np.bool_)
    estimated = np.ones((len(rows), len(grid.days)), np.bool_)
    row_of = {key: at for at, key in enumerate(zip(rows.point.tolist(), rows.quantity.tolist(), strict=True))}
    quantities = [BY_ID[number] for number in np.unique(rows.quantity).tolist()]
    which = Which(np.unique(rows.point).tolist(), quantities, grid.step_s, since, first)
    async for days in loader.validated.days(which):
        at = np.array([row_of.get(key, -1) for key in zip(days.point.tolist(), days.quantity.tolist(), strict=True)])
        mine = days.take(at >= 0)
        _put(made, estimated, mine, at[at >= 0])
        known[at[at >= 0]] = True
    estimated[~known] = False
    trailing = np.cumprod(estimated[:, ::-1], axis=1).sum(axis=1)
    return replace(made, estimated_days=np.where(known, trailing, 0)), known


def _put(made: History, estimated: Mask, days: Days, row: Ints) -> None:
    at, inside = places(made.grid, days)
    own = np.broadcast_to(row[:, None], at.shape)[inside]
    made.steps[own, at[inside]] = days.steps[inside]
    made.actual[own, at[inside]] = (days.present & (days.source == Source.ACTUAL))[inside]
    day = (days.day - np.datetime64(made.grid.days[0])).astype(np.int64)
    out = days.method == Method.OUTAGE
    made.outage[row, day] = out.any(axis=1)
    estimated[row, day] = (days.inside & (days.source != Source.ACTUAL) & ~out).any(axis=1)


async def read(loader: Loader, points: Sequence[Point], rows: Rows, made: History, lacking: Mask) -> None:
    """Where nothing was validated before, what the registers say of that time stands in."""
    chosen = [point for point in points if point.id in set(rows.point[lacking].tolist())]
    older = await loader.rows(chosen, made.grid)
    row_of = {key: at for at, key in enumerate(zip(rows.point.tolist(), rows.quantity.tolist(), strict=True))}
    for at, key in enumerate(zip(older.point.tolist(), older.quantity.tolist(), strict=True)):
        row = row_of.get(key, -1)
        if row >= 0 and lacking[row]:
            made.steps[row] = older.steps[at]
            made.actual[row] = older.present[at] & older.expected[at] & (older.steps[at] >= 0)


async def unused(loader: Loader, rows: Rows, made: History) -> None:
    """Marks the days on which points were disconnected or vacant."""
    stretches = await idle(loader.circumstances, rows.point.tolist(), rows.stays, made.grid)
    if stretches:
        facts = np.zeros(made.steps.shape, np.uint8)
        mark(facts, made.grid, stretches)
        out, vacant = unlike(facts, made.grid)
        made.outage[:] |= out
        made.vacant[:] |= vacant


async def usual(loader: Loader, rows: Rows, days: tuple[date, date]) -> tuple[Ints, Ints]:
    """The average day of the period of the same length before, and of the same days a year ago, in steps; `UNKNOWN`
    where the registers at the ends do not tell."""
    count = (days[1] - days[0]).days
    found = []
    for since in (days[0] - timedelta(days=count), days[0] - timedelta(days=364)):
        grid = loader.grid(since, since + timedelta(days=count))
        span = grid.start(0), grid.start(len(grid))
        average = np.full(len(rows), UNKNOWN)
        for number in np.unique(rows.quantity).tolist():
            own = np.flatnonzero(rows.quantity == number)
            used: Mapping[int, object] = await loader.circumstances.used(rows.point[own].tolist(), BY_ID[number], span)
            for row in own.tolist():
                steps = used.get(int(rows.point[row]))
                if steps is not None:
                    average[row] = int(steps) // count  # type: ignore[call-overload]
        found.append(average)
    return found[0], found[1]
