"""Feeders: against a total meter of their own, else as the sum of their areas."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from analytics.lineloss.anomalies import of_days
from analytics.lineloss.area import Partition, balanced, days_of
from analytics.lineloss.words import Day, Place, Technical
from analytics.theft.grid import Grid
from analytics.theft.profile import Population


def feeders_of(
    feeders: Mapping[str, str], areas: Sequence[Place], totals: Grid, returned: Grid | None, people: Population
) -> list[Place]:
    """Of area to feeder. The line loss of a feeder with a total meter is between it and its areas' total meters; that
    of one without is the sum of its areas'."""
    made = []
    known = {place.name: place for place in areas}
    for feeder in sorted(set(feeders.values())):
        mine = sorted(area for area, its in feeders.items() if its == feeder)
        if feeder in totals.names and set(mine) & set(totals.names):
            made.append(_measured(feeder, [a for a in mine if a in totals.names], totals, returned, people))
        elif set(mine) & set(known):
            made.append(_summed(feeder, [known[area] for area in mine if area in known]))
    return made


def _measured(feeder: str, areas: list[str], totals: Grid, returned: Grid | None, people: Population) -> Place:
    at = [totals.names.index(name) for name in areas]
    taken = totals.cells[at]
    fed = totals_fed = None
    if returned is not None:
        place = {name: k for k, name in enumerate(returned.names)}
        empty = np.zeros_like(taken[0])
        fed = np.stack([returned.cells[place[name]] if name in place else empty for name in areas])
        totals_fed = returned.cells[place[feeder]] if feeder in place else None
    here = np.ones(taken.shape, np.bool_)
    part = Partition(taken, fed, here, totals.cells[totals.names.index(feeder)], totals_fed)
    found = balanced(part, people)
    days, technical = days_of(found, totals.first_day)
    return Place("feeder", feeder, feeder, days, technical, tuple(of_days(days)))


def _summed(feeder: str, areas: Sequence[Place]) -> Place:
    days = tuple(_day([place.days[k] for place in areas]) for k in range(len(areas[0].days)))
    first = areas[0].technical
    technical = Technical(
        *(sum(getattr(p.technical, part) for p in areas) for part in ("constant", "linear", "quadratic", "load"))
    )
    return Place("feeder", feeder, feeder, days, technical if len(areas) > 1 else first, (), summed=True)


def _day(parts: Sequence[Day]) -> Day:
    one = parts[0]
    sums = {
        what: sum(getattr(part, what) for part in parts)
        for what in ("supplied", "fed_in", "metered", "estimated", "technical", "meters", "missing")
    }
    codes = tuple(sorted({code for part in parts for code in part.codes}))
    return replace(one, covered=sum(part.covered for part in parts) / len(parts), codes=codes, **sums)
