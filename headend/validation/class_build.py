"""Class profiles out of validated days: whole and actual ones, on which somebody lived there and had supply."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np

from analytics.vee.class_profiles import Profile, Sums, TooFew
from analytics.vee.frame import IDLE
from analytics.vee.shapes import by_day
from analytics.vee.validated import Source
from headend.errors import HeadendError
from headend.validation.facts import idle, mark
from headend.validation.loader import Loader
from headend.validation.rows import SIGNED
from headend.validation.settings import Rules
from protocols.quantities import BY_ID
from storage.circumstances import Point
from storage.class_profiles import ClassProfile, ClassProfiles, NewClassVersion
from storage.registers import Of
from storage.validated import Which
from storage.validated_days import Days

_POINTS: Final = 1000
"""Usage points at a time."""


class Class(NamedTuple):
    category: str
    quantity: int
    day_type: str


class Refused(NamedTuple):
    """`of`: without quantity and day type where nothing was there."""

    of: Class
    why: str


@dataclass(frozen=True, slots=True)
class Built:
    """`version` None: nothing could be built."""

    version: int | None
    profiles: Sequence[ClassProfile]
    refused: Sequence[Refused]


async def build(
    conninfo: str, rules: Rules, zone: ZoneInfo, days: tuple[date, date], categories: Collection[str] | None,
    least: int, actor: str, reason: str,
) -> Built:  # fmt: skip
    """Of the local days [first, until); `categories` None: all that usage points have. What may be built is kept.

    Raises `AnalyticsError` for days that the calendar does not know, `HeadendError` where nothing was validated.
    """
    loader = Loader(conninfo, rules, zone)
    try:
        as_of = await loader.validated.last_run()
        points = [point for point in await loader.points(None, days) if _is_wanted(point, categories)]
        if as_of is None or not points:
            raise HeadendError("nothing was validated yet" if as_of is None else "no usage point has such a category")
        sums: Sums[Class] = Sums(86_400 // rules.step_s)
        for at in range(0, len(points), _POINTS):
            await _add(sums, loader, points[at : at + _POINTS], days, as_of)
    finally:
        await loader.close()
    made, refused = [], []
    missing = {point.category for point in points} | set(categories or ())
    for of, found in sorted(sums.profiles(least), key=lambda pair: pair[0]):
        missing.discard(of.category)
        if isinstance(found, TooFew):
            refused.append(Refused(of, found.why))
        else:
            made.append(_profile(of, found, rules.step_s))
    refused += [Refused(Class(name, 0, ""), "no sound day") for name in sorted(missing)]
    if not made:
        return Built(None, made, refused)
    new = NewClassVersion(actor=actor, reason=reason, since=days[0], until=days[1], as_of=as_of, least=least)
    async with ClassProfiles(conninfo) as kept:
        return Built(await kept.add(new, made), made, refused)


def _is_wanted(point: Point, categories: Collection[str] | None) -> bool:
    return bool(point.category) and (categories is None or point.category in categories)


def _profile(of: Class, found: Profile, step_s: int) -> ClassProfile:
    return ClassProfile(
        category=of.category, quantity=BY_ID[of.quantity], step_s=step_s, day_type=of.day_type, steps=found.steps,
        points=found.points, days=found.days,
    )  # fmt: skip


async def _add(
    sums: Sums[Class], loader: Loader, points: Sequence[Point], days: tuple[date, date], as_of: int
) -> None:  # fmt: skip
    category = {point.id: point.category for point in points}
    types = np.array([loader.rules.calendar.day_type(day).value for day in loader.grid(*days).days])
    poor = await _idle_days(loader, points, days)
    async for batch in _sound(loader, list(category), days, as_of, sums.slots):
        nth = (batch.day - np.datetime64(days[0])).astype(np.int64)
        alive = np.array(
            [(p, n) not in poor for p, n in zip(batch.point.tolist(), nth.tolist(), strict=True)], np.bool_
        )
        own = batch.take(alive)
        keys = list(zip(own.point.tolist(), own.quantity.tolist(), types[nth[alive]].tolist(), strict=True))
        order = sorted(range(len(keys)), key=lambda at: keys[at])
        for (point, quantity, day_type), rows in groupby(order, key=lambda at: keys[at]):
            sums.add(Class(category[point], quantity, day_type), point, own.steps[list(rows), : sums.slots])


async def _sound(
    loader: Loader, points: Sequence[int], days: tuple[date, date], as_of: int, slots: int
) -> AsyncIterator[Days]:
    """Days of 24 hours all of whose values are the meter's own: none of them failed a check that costs a value."""
    quantities = [quantity for quantity in loader.rules.quantities if quantity.id not in SIGNED]
    which = Which(points, quantities, loader.rules.step_s, *days)
    async for batch in loader.validated.days(which, as_of):
        actual = (batch.source == Source.ACTUAL) | ~batch.inside
        yield batch.take((batch.count == slots) & actual.all(axis=1))


async def _idle_days(loader: Loader, points: Sequence[Point], days: tuple[date, date]) -> set[tuple[int, int]]:
    """Usage points with the numbers of their days on which they were disconnected or vacant, if only for a part."""
    cells = loader.grid(*days)
    told = await loader.registers.stays(
        Of.POINT, [point.name for point in points], loader.rules.quantities[0], cells.start(0), cells.start(len(cells))
    )
    stays = {name: list(own) for name, own in groupby(told, key=lambda stay: stay.key)}
    of_row = [stays.get(point.name, []) for point in points]
    stretches = await idle(loader.circumstances, [point.id for point in points], of_row, cells)
    found = set()
    for row in {stretch.row for stretch in stretches}:
        facts = np.zeros((1, len(cells)), np.uint8)
        mark(facts, cells, [stretch._replace(row=0) for stretch in stretches if stretch.row == row])
        found |= {(points[row].id, int(day)) for day in np.flatnonzero(by_day(facts, IDLE, cells)[0])}
    return found
