"""Feeders: against a total meter of their own, else as the sum of their areas."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from analytics.lineloss.anomalies import of_days
from analytics.lineloss.area import Partition, balanced, days_of
from analytics.lineloss.words import Day, Place, Technical
from analytics.theft.grid import Grid
from analytics.theft.profile import Population


class Feeders(NamedTuple):
    """Feeder to its areas: with a total meter, and without."""

    measured: Mapping[str, Sequence[str]]
    summed: Mapping[str, Sequence[str]]


def feeders_of(feeders: Mapping[str, str], counted: Collection[str], known: Collection[str]) -> Feeders:
    """Of area to feeder; `counted` areas and feeders have a total meter, `known` areas a line loss. The line loss of a
    feeder with a total meter is between it and its areas' total meters; without one it is the sum of its areas'."""
    measured, summed = {}, {}
    for feeder in sorted(set(feeders.values())):
        mine = sorted(area for area, its in feeders.items() if its == feeder)
        if feeder in counted and (own := [area for area in mine if area in counted]):
            measured[feeder] = own
        elif own := [area for area in mine if area in known]:
            summed[feeder] = own
    return Feeders(measured, summed)


def measured(feeder: str, areas: Sequence[str], totals: Grid, returned: Grid | None, people: Population) -> Place:
    """Of a feeder and its areas: what their total meters took, and gave back."""
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


def summed(feeder: str, areas: Sequence[Place]) -> Place:
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
