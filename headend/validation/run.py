"""VEE of many points: some at a time are read while those before them are judged and stored."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.intervals.grid import Grid
from analytics.vee.frame import History, Mask
from analytics.vee.run import holding
from analytics.vee.run import run as vee
from headend.validation import history
from headend.validation.classes import Classes, newest
from headend.validation.commit import Order, Outcome, commit
from headend.validation.loader import Loader
from headend.validation.rows import Rows
from headend.validation.settings import Rules
from headend.validation.sheets import by_day
from storage.circumstances import Point
from storage.late_days import LateDays
from storage.validated import Validated, Which
from storage.validated_days import Days

MARGIN: Final = timedelta(days=1)
"""Beyond the days that are asked for: a gap across midnight has its registers there."""
_CELLS: Final = 2_000_000
"""Intervals that are held at once."""


@dataclass(frozen=True, slots=True, eq=False)
class _Loaded:
    rows: Rows
    older: History


async def validate(
    conninfo: str, rules: Rules, zone: ZoneInfo, names: Sequence[str] | None, days: tuple[date, date], order: Order
) -> Outcome:
    """The local days [first, until) of usage points, None: of all at which a meter stood; days that are not over are
    left out. Each run is some points at a time, so that memory is bounded and nobody waits for long.

    Raises `NotFound`, storage errors, `AnalyticsError`.
    """
    outcome = Outcome()
    until = min(days[1], datetime.now(zone).date())
    if not days[0] < until:
        return outcome
    classes = await newest(conninfo, rules.step_s)
    loader, validated, days_left = Loader(conninfo, rules, zone), Validated(conninfo), LateDays(conninfo)
    try:
        span = days[0], until
        points = await loader.points(names, span)
        size = max(_CELLS // (len(loader.grid(span[0] - MARGIN, span[1] + MARGIN)) * len(rules.quantities)), 1)
        pieces = [points[at : at + size] for at in range(0, len(points), size)]
        cells = loader.grid(*span)
        marks = await days_left.marks(cells.start(0), cells.start(len(cells))) if names is None else []
        async for loaded in _ahead(loader, pieces, span):
            judged = [await asyncio.to_thread(_judge, one, loader, span, classes) for one in loaded]
            outcome.add(await commit(validated, Days.joined(rules.step_s, judged), order))
        if not order.only_new:  # what came meanwhile has marks of its own
            await days_left.unmark(marks)
    finally:
        for each in (loader, validated, days_left):
            await each.close()
    return outcome


async def ensure(
    conninfo: str, rules: Rules, zone: ZoneInfo, names: Sequence[str] | None, days: tuple[date, date], order: Order
) -> Outcome:
    """Validates days that have no version yet and leaves all others as they are: what an export stands on.

    Arguments and errors as for `validate`.
    """
    until = min(days[1], datetime.now(zone).date())
    if not days[0] < until:
        return Outcome()
    loader = Loader(conninfo, rules, zone)
    try:
        points = {point.id: point.name for point in await loader.points(names, (days[0], until))}
        which = Which(list(points), rules.quantities[:1], rules.step_s, days[0], until)
        found = await loader.validated.lacking(which)
    finally:
        await loader.close()
    if found is None:
        return Outcome()
    lacking, span = found
    return await validate(
        conninfo, rules, zone, [points[point] for point in lacking], span, replace(order, only_new=True)
    )


async def late(conninfo: str, rules: Rules, zone: ZoneInfo, order: Order) -> Outcome:
    """Days that are over and rolled up, of points for which something came since they were validated.

    Errors as of `validate`.
    """
    outcome = Outcome()
    async with LateDays(conninfo) as days_left:
        for one in await days_left.late():
            day = one.start.astimezone(zone).date()
            outcome.add(await validate(conninfo, rules, zone, one.points, (day, day + timedelta(days=1)), order))
            await days_left.unmark(one.marks)
    return outcome


async def _ahead(
    loader: Loader, pieces: Sequence[Sequence[Point]], days: tuple[date, date]
) -> AsyncIterator[list[_Loaded]]:
    """What was loaded, one piece ahead of who asks."""
    ahead: asyncio.Task[list[_Loaded]] | None = None
    try:
        for number in range(len(pieces) + 1):
            loaded = None if ahead is None else await ahead
            ahead = None
            if number < len(pieces):
                ahead = asyncio.create_task(_load(loader, pieces[number], days))
            if loaded is not None:
                yield loaded
    finally:
        if ahead is not None:
            ahead.cancel()
            await asyncio.gather(ahead, return_exceptions=True)


async def _load(loader: Loader, points: Sequence[Point], days: tuple[date, date]) -> list[_Loaded]:
    """Rows whose values all hold, without what is around them; and those of which some are to be estimated, with it."""
    cells, asked = loader.grid(days[0] - MARGIN, days[1] + MARGIN), loader.grid(*days)
    known = await loader.known(points, days)
    rows = await loader.rows(points, cells, known)
    whole = await asyncio.to_thread(_whole, rows, asked, loader.rules)
    last_period, last_year = await history.usual(loader, rows, days)
    found = []
    for chosen, is_whole in ((np.flatnonzero(whole), True), (np.flatnonzero(~whole), False)):
        if not len(chosen):
            continue
        own = rows.take(chosen)
        if is_whole:
            own = own.within(asked, 1)
            older = history.nothing(len(own), loader.grid(days[0] - MARGIN, days[0]))
        else:
            older, has = await history.stored(loader, own, days[0] - MARGIN)
            if not has.all():
                await history.read(loader, points, own, older, ~has)
            await history.unused(loader, own, older)
        found.append(_Loaded(own, replace(older, last_period=last_period[chosen], last_year=last_year[chosen])))
    return found


def _whole(rows: Rows, asked: Grid, rules: Rules) -> Mask:
    """Rows of points all of whose values hold on the days asked for."""
    own = rows.within(asked, 1)
    bad = ~(holding(own.frame(), rules.parameters) | ~own.expected).all(axis=1)
    bad |= own.facts.any(axis=1)
    return np.asarray(~np.isin(own.point, own.point[bad]))


def _judge(loaded: _Loaded, loader: Loader, days: tuple[date, date], classes: Classes) -> Days:
    rules = loader.rules
    values = vee(loaded.rows.frame(), rules.parameters, rules.calendar, loaded.older, classes.days)
    return by_day(values, loaded.rows, loader.grid(*days), classes.version)
