"""Readings of clocks, the one time a day that a meter is told, and what doubtful values are good for."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pytest

from protocols.model import Capture, Quality, Source
from storage.buckets import Span
from storage.clocks import ClockStore, Settled, SurveyRow, ToTell
from storage.errors import AlreadyThere
from storage.retention import Keep, Retention
from storage.rollup_reader import Rollups
from storage.rollups import Roller
from tests.storage.captures import T0
from tests.storage.test_events import meters
from tests.storage.test_rollups import MIDNIGHT, SHANGHAI, quarters, store

DAY = timedelta(days=1)
TODAY = date(2026, 3, 1)


async def test_the_last_reading_counts(database: str) -> None:
    one, other = await meters(database, 2)
    rows = [
        SurveyRow(meter_id=one, at=T0 + n * DAY, offset_ms=1000 * n, uncertainty_ms=600, weekday=3) for n in range(4)
    ]
    async with ClockStore(database) as clocks, Retention(database) as retention:
        assert await clocks.keep([*rows, rows[0]], 5000) == []
        await clocks.keep([replace(rows[3], offset_ms=99)], 5000)
        assert await clocks.keep([SurveyRow(meter_id=other, at=T0, offset_ms=None, fault="no_time")], 5000) == []
        latest = {row.meter_id: row for row in await clocks.latest(T0 + 9 * DAY)}
        assert (latest[one].at, latest[one].offset_ms, latest[one].weekday) == (T0 + 3 * DAY, 3000, 3)
        assert (latest[other].fault, latest[other].offset_ms) == ("no_time", None)
        assert await clocks.far(2999) == [one, other]
        assert await clocks.far(3000) == [other]
        assert await clocks.latest(T0 + 9 * DAY, lines=["nowhere"]) == []
        history = await clocks.history(T0 + DAY)
        assert history == {one: [(T0 + n * DAY, 1000 * n) for n in (1, 2, 3)]}
        done = await retention.drop(Keep(clocks=DAY), T0 + 30 * DAY)
        assert [(part.kind, part.rows) for part in done or ()] == [("clocks", 3)]
        assert {row.meter_id: row.offset_ms for row in await clocks.latest(T0 + 9 * DAY)} == {one: 3000, other: None}


async def test_a_meter_is_told_once_a_day(plain_database: str) -> None:
    one, other = await meters(plain_database, 2)
    async with ClockStore(plain_database) as clocks:
        ids = await clocks.reserve([ToTell(one, TODAY, 20_000)], T0, "single", "line 0", "Li")
        with pytest.raises(AlreadyThere):
            await clocks.reserve([ToTell(other, TODAY, None), ToTell(one, TODAY, 20_000)], T0, "broadcast", "l", "x")
        assert await clocks.told([one, other], TODAY) == {one: frozenset({TODAY})}
        await clocks.held_back(ids, T0)
        assert await clocks.told([one, other], TODAY) == {}
        both = [ToTell(one, TODAY, 20_000), ToTell(other, TODAY, -400_000)]
        ids = await clocks.reserve(both, T0 + DAY / 24, "broadcast", "line 0", "automatic")
        await clocks.sent(ids, T0 + DAY / 24, T0 + DAY / 24)
        before = SurveyRow(meter_id=one, at=T0, offset_ms=20_000, uncertainty_ms=600)
        assert await clocks.keep([before], 5000) == [], "read before it was told"
        after = [
            replace(before, at=T0 + DAY / 12, offset_ms=500),
            replace(before, meter_id=other, at=T0 + DAY / 12, offset_ms=-400_100),
        ]
        assert sorted(await clocks.keep(after, 5000), key=lambda s: s.meter_id) == [
            Settled(one, "taken", 20_000, 500), Settled(other, "not_taken", -400_000, -400_100),
        ]  # fmt: skip
        assert await clocks.keep([replace(before, at=T0 + DAY, offset_ms=90_000)], 5000) == []
        found = [(row.meter, row.result, row.actor) for row in await clocks.syncs(T0)]
        assert found == [
            ("m00000", "taken", "automatic"), ("m00001", "not_taken", "automatic"), ("m00000", "held_back", "Li"),
        ]  # fmt: skip
        history = await clocks.history(T0)
        assert [at for at, _ in history[one]] == [T0 + DAY / 12, T0 + DAY], "drift begins anew"


async def test_doubtful_values_stay_out_of_rollups(plain_database: str) -> None:
    rows = quarters(1, MIDNIGHT, 97)
    marks = (Quality.CLOCK_DOUBTFUL,) * 8

    def doubted(capture: Capture) -> Capture:
        return replace(capture, quality=marks, source=Source.RECORD)

    async def of_the_day(captures: list[Capture]) -> object:
        await store(plain_database, captures)
        async with Roller(plain_database, SHANGHAI) as roller, Rollups(plain_database, SHANGHAI) as rollups:
            await roller.roll(MIDNIGHT + 2 * DAY)
            (day, *_) = await rollups.energy([1], MIDNIGHT, MIDNIGHT + DAY, Span.DAY)
            return day.steps

    whole = await of_the_day([*rows[:40], doubted(rows[40]), *rows[41:]])
    assert whole == 960, "the day is known by its edges"
    assert await of_the_day([replace(doubted(row), meter_id=2) for row in rows]) == 960
    async with Rollups(plain_database, SHANGHAI) as rollups:
        assert all(one.steps is None for one in await rollups.energy([2], MIDNIGHT, MIDNIGHT + DAY, Span.DAY))
