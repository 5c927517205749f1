"""From stored registers to validated days, on real PostgreSQL."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest

from analytics.vee.validated import Method, Source
from tests.headend.validation.site import BERLIN, DAY, Site, energies, midnight, recorded

FIRST = date(2026, 3, 2)
UNTIL = date(2026, 3, 9)


async def test_a_sound_week_is_as_it_was_read(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build(2)
    steps = {"m1": energies(7 * 96), "m2": energies(7 * 96, 5)}
    for meter, own in steps.items():
        await site.store(site.captures(meter, own, export=[3] * len(own) if meter == "m2" else None))
    outcome = await site.vee(FIRST, UNTIL)
    assert (outcome.first, outcome.changed, outcome.refused) == (21, 0, [])
    days = await site.days(FIRST, UNTIL)
    assert days.point.tolist() == [site.points["p1"]] * 7 + [site.points["p2"]] * 14
    assert days.steps[:7].reshape(-1).tolist() == steps["m1"]
    assert (days.source == Source.ACTUAL).all()
    assert (days.quantity[14:] == 6).all()
    assert (days.steps[14:] == 3).all()
    again = await site.vee(FIRST, UNTIL)
    assert (again.runs, again.first, again.same) == ([], 0, 21), "the same values make no version"


async def test_a_gap_is_estimated_to_what_the_register_leaves_and_late_data_corrects_that_day_only(
    database: str,
) -> None:
    site = Site(database, midnight(FIRST))
    await site.build(2)
    steps = energies(7 * 96)
    gone = range(3 * 96 + 20, 3 * 96 + 50)
    await site.store(site.captures("m1", steps, missing=gone))
    await site.store(site.captures("m2", steps))
    await site.vee(FIRST, UNTIL)
    before = await site.days(FIRST, UNTIL)
    day = before.take(3)
    hole = slice(19, 50)
    assert (day.source[hole] == Source.ESTIMATED).all()
    assert (day.method[hole] == Method.REGISTER).all()
    assert not day.raw_present[hole].any()
    assert int(day.steps.sum()) == sum(steps[3 * 96 : 4 * 96]), "exact to the last step"
    late = [one for n, one in enumerate(site.captures("m1", steps)) if n in gone]
    await site.store(recorded(late))
    outcome = await site.vee(FIRST, UNTIL)
    assert (outcome.first, outcome.changed, outcome.same) == (0, 1, 13)
    now = await site.days(FIRST, UNTIL)
    assert now.version.tolist() == [1, 1, 1, 2] + [1] * 10
    assert now.steps[:7].reshape(-1).tolist() == steps
    assert (now.source == Source.ACTUAL).all()
    as_it_was = await site.days(FIRST, UNTIL, as_of=before.run.max())
    assert np.array_equal(as_it_was.steps, before.steps)
    assert np.array_equal(as_it_was.source, before.source)


@pytest.mark.parametrize(
    ("first", "quarters"), [(date(2026, 3, 28), (96, 92, 96)), (date(2025, 10, 25), (96, 100, 96))]
)
async def test_days_of_92_and_of_100_quarters(plain_database: str, first: date, quarters: tuple[int, ...]) -> None:
    site = Site(plain_database, midnight(first, BERLIN), BERLIN)
    await site.build()
    steps = energies(sum(quarters))
    await site.store(site.captures("m1", steps, missing=range(100, 106)))
    await site.vee(first, first + 3 * DAY)
    days = await site.days(first, first + 3 * DAY)
    assert days.count.tolist() == list(quarters)
    assert int(days.steps.sum()) == sum(steps)
    assert days.steps[2][:96].tolist() == steps[-96:]
    assert np.diff(days.start).tolist() == [count * 900 for count in quarters[:2]]


async def test_what_is_not_over_is_not_judged(plain_database: str) -> None:
    today = date.today()  # noqa: DTZ011
    site = Site(plain_database, midnight(today + timedelta(days=2)))
    await site.build()
    assert (await site.vee(today + 2 * DAY, today + 3 * DAY)).runs == []
