"""Versions on real PostgreSQL: what is billed stands, edits outlive runs, two runs at once, only what is new."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest

from analytics.vee.errors import EditRefused, FrozenValues
from analytics.vee.validated import Method, Source
from headend.errors import HeadendError
from headend.validation.commit import edit
from headend.validation.run import ensure, late
from storage.late_days import LateDays
from storage.rollups import Roller
from storage.validated import EditRow, Freezing, Validated, Which
from tests.headend.validation.site import BERLIN, DAY, IMPORT, ORDER, QUARTER, RULES, Site, energies, midnight

FIRST = date(2026, 3, 2)
UNTIL = date(2026, 3, 5)
STEPS = energies(3 * 96)
HOLE = range(96 + 40, 96 + 50)
CORRECTION = replace(ORDER, correction="meter read late")


async def _holed(conninfo: str) -> Site:
    """Three days, the second with a hole."""
    site = Site(conninfo, midnight(FIRST))
    await site.build()
    await site.store(site.captures("m1", STEPS, missing=HOLE))
    await site.vee(FIRST, UNTIL)
    return site


async def _fill(site: Site, other: int = 0) -> None:
    """Late readings; `other` more in the hole and so much less behind it."""
    steps = list(STEPS)
    steps[HOLE[0]] += other
    steps[HOLE[-1]] -= other
    await site.store([one for n, one in enumerate(site.captures("m1", steps)) if n in HOLE])


def _edit(site: Site, cell: int, steps: int | None, reason: str = "SITE") -> EditRow:
    return EditRow(
        point=site.points["p1"], quantity=IMPORT.id, step_s=900, start=site.start + cell * QUARTER, steps=steps,
        actor="Li", reason=reason, at=datetime.now(UTC),
    )  # fmt: skip


async def _freeze(site: Site, day: date) -> None:
    async with Validated(site.conninfo) as validated:
        await validated.freeze(
            Freezing(point=site.points["p1"], quantity=IMPORT, since=day, until=day + DAY, bill=1, as_of=None)
        )


async def test_what_was_billed_changes_by_a_correction_only(database: str) -> None:
    site = await _holed(database)
    await _freeze(site, FIRST + DAY)
    before = await site.days(FIRST, UNTIL)
    await _fill(site, other=7)
    refused = await site.vee(FIRST, UNTIL)
    assert [(one.point, one.quantity, one.day) for one in refused.refused] == [(1, 1, FIRST + DAY)]
    assert (refused.runs, refused.changed) == ([], 0)
    assert np.array_equal((await site.days(FIRST, UNTIL)).steps, before.steps)
    corrected = await site.vee(FIRST, UNTIL, order=CORRECTION)
    assert (corrected.changed, corrected.refused) == (1, [])
    async with Validated(database) as validated:
        (run,) = await validated.runs(corrected.runs)
    assert (run.kind, run.reason, run.actor) == ("correction", "meter read late", "Li")
    assert (await site.days(FIRST, UNTIL)).version.tolist() == [1, 2, 1]


async def test_the_same_amounts_from_a_better_source_touch_no_bill(plain_database: str) -> None:
    site = await _holed(plain_database)
    billed = (await site.days(FIRST, UNTIL)).steps[1]
    await _freeze(site, FIRST + DAY)
    registers = [50_000_000 + sum(STEPS[:96]) + int(billed[:at].sum()) for at in range(97)]
    late = [
        replace(one, values=(registers[n - 96], *one.values[1:]))
        for n, one in enumerate(site.captures("m1", STEPS))
        if n in HOLE
    ]
    await site.store(late)
    outcome = await site.vee(FIRST, UNTIL)
    assert (outcome.changed, outcome.refused) == (1, [])
    now = await site.days(FIRST, UNTIL)
    assert (now.source == Source.ACTUAL).all()
    assert np.array_equal(now.steps[1], billed)


async def test_an_edit_outlives_runs_and_the_last_one_holds(database: str) -> None:
    site = await _holed(database)
    cell = HOLE[3]
    async with Validated(database) as validated:
        await edit(validated, [_edit(site, cell, 42)], ORDER)
        await _fill(site)
        assert (await site.vee(FIRST, UNTIL)).changed == 1
        now = await site.days(FIRST, UNTIL)
        assert now.version.tolist() == [1, 3, 1]
        at = (1, cell - 96)
        assert (now.steps[at], now.raw[at], now.source[at], now.method[at]) == (
            42, STEPS[cell], Source.EDITED, Method.EDIT,
        )  # fmt: skip
        assert (now.source[1] == Source.EDITED).sum() == 1
        await edit(validated, [_edit(site, cell, 43)], ORDER)
        assert (await site.vee(FIRST, UNTIL)).runs == []
        assert (await site.days(FIRST, UNTIL)).steps[at] == 43
        assert (await site.days(FIRST, UNTIL, as_of=3)).steps[at] == 42


async def test_edits_that_are_refused(plain_database: str) -> None:
    site = await _holed(plain_database)
    await _freeze(site, FIRST)
    off = replace(_edit(site, 3, 1), start=site.start + timedelta(minutes=7))
    async with Validated(plain_database) as validated:
        for wrong in (off, _edit(site, 96 * 40, 1), replace(_edit(site, 3, 1), quantity=6)):
            with pytest.raises(EditRefused, match="no interval that was validated"):
                await edit(validated, [wrong], ORDER)
        with pytest.raises(FrozenValues, match="make it a correction"):
            await edit(validated, [_edit(site, 3, 1)], ORDER)
        assert (await validated.last_run(), await validated.edits(_which(site), _all())) == (1, [])
        await edit(validated, [_edit(site, 3, 1)], CORRECTION)
        assert [run.kind for run in await validated.runs()] == ["first", "correction"]


def _which(site: Site) -> Which:
    return Which(list(site.points.values()), [IMPORT], 900, FIRST, UNTIL)


def _all() -> tuple[datetime, datetime]:
    return datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)


async def test_the_hour_that_comes_twice_is_edited_twice(plain_database: str) -> None:
    site = Site(plain_database, midnight(date(2025, 10, 26), BERLIN), BERLIN)
    await site.build()
    await site.store(site.captures("m1", energies(100)))
    await site.vee(date(2025, 10, 26), date(2025, 10, 27))
    both = [replace(_edit(site, 8 + 4 * fold, 70 + fold)) for fold in (0, 1)]
    assert both[0].start.astimezone(BERLIN).hour == both[1].start.astimezone(BERLIN).hour == 2
    async with Validated(plain_database) as validated:
        await edit(validated, both, ORDER)
    (steps,) = (await site.days(date(2025, 10, 26), date(2025, 10, 27))).steps.tolist()
    assert (steps[8], steps[12]) == (70, 71)


async def test_two_runs_at_once_make_each_day_once(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build(3)
    for meter in ("m1", "m2", "m3"):
        await site.store(site.captures(meter, STEPS, missing=HOLE))
    outcomes = await asyncio.gather(*(site.vee(FIRST, UNTIL) for _ in range(3)))
    assert sorted(one.first for one in outcomes) == [0, 0, 9]
    assert sum(one.same for one in outcomes) == 18
    days = await site.days(FIRST, UNTIL)
    assert (days.version.tolist(), set(days.run.tolist())) == ([1] * 9, {1})


async def test_only_what_is_new_is_validated_for_an_export(plain_database: str) -> None:
    site = await _holed(plain_database)
    await _fill(site, other=9)
    more = site.captures("m1", [*STEPS, *energies(96)])
    await site.store(more[3 * 96 + 1 :])
    outcome = await ensure(plain_database, RULES, site.zone, ["p1"], (FIRST, UNTIL + DAY), ORDER)
    assert (outcome.first, outcome.changed) == (1, 0)
    days = await site.days(FIRST, UNTIL + DAY)
    assert days.version.tolist() == [1] * 4
    assert (days.source[1] == Source.ESTIMATED).any(), "late data is for a run that is asked for"
    again = await ensure(plain_database, RULES, site.zone, None, (FIRST, UNTIL + DAY), ORDER)
    assert (again.runs, again.first, again.same) == ([], 0, 0)


async def test_days_of_another_time_zone_are_refused(plain_database: str) -> None:
    site = await _holed(plain_database)
    site.zone = BERLIN
    with pytest.raises(HeadendError, match="time zone"):
        await site.vee(FIRST, FIRST + DAY)


async def test_late_days_are_found_by_what_was_rolled_up(database: str) -> None:
    site = Site(database, midnight(FIRST))
    await site.build(2)
    over = site.start + 10 * DAY
    async with Roller(database, site.zone) as roller:

        async def roll() -> None:
            await roller.roll(over)

        await site.store(site.captures("m1", STEPS, missing=HOLE))
        await roll()
        assert (await late(database, RULES, site.zone, ORDER)).runs == [], "nobody validates here yet"
        await site.vee(FIRST, UNTIL)
        await _fill(site)
        await site.store(site.captures("m2", STEPS))
        await roll()
        outcome = await late(database, RULES, site.zone, ORDER)
        assert (outcome.changed, outcome.same) == (4, 0), "three of one meter, which had nothing, one of the other"
        assert outcome.first == 2, "the day that its first register ends, and the day that its last one begins"
        days = await site.days(FIRST, UNTIL)
        assert days.version.tolist() == [1, 2, 1, 2, 2, 2]
        assert (days.source == Source.ACTUAL).all()
        assert (await late(database, RULES, site.zone, ORDER)).runs == []
        await site.store(site.captures("m1", [*STEPS, *energies(96)])[3 * 96 :])
        await roll()
        await site.vee(FIRST, UNTIL + DAY)
        async with LateDays(database) as left:
            days_left = [one.start for one in await left.late()]
        assert days_left == [site.start + 4 * DAY], "a run over all points takes off those of its days"
