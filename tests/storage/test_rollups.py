"""Rollups in a database: by any order of arrival the same as reckoned at once, on both levels of server."""

from __future__ import annotations

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from protocols.model import Capture
from protocols.quantities import quantity
from storage.buckets import Bucket, Calendar, Span
from storage.errors import StorageError
from storage.migrate import migrate
from storage.rollup_reader import Rollups, Unknown
from storage.rollups import Rolled, Roller
from storage.writer import Writer
from tests.servers import PostgresServer
from tests.storage import rollup_reference as reference
from tests.storage.captures import GOOD, NA, capture, halves

SHANGHAI = ZoneInfo("Asia/Shanghai")
LATER = datetime(2027, 1, 1, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 1, tzinfo=SHANGHAI)
QUARTER = timedelta(minutes=15)


def table(conninfo: str) -> dict[tuple[Any, ...], tuple[Any, ...]]:
    """All rollup rows by their keys."""
    found: dict[tuple[Any, ...], tuple[Any, ...]] = {}
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET timezone = 'UTC'")
        for name in ("rollup_register", "rollup_value"):
            for start, meter, layout, level, *cells in connection.execute(f"SELECT * FROM {name}".encode()).fetchall():
                found[name, level, meter, layout, start] = tuple(cells)
    return found


def told(conninfo: str) -> int:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT count(*) FROM dirty").fetchone()
    assert row is not None
    return int(row[0])


def quarters(meter: int, start: datetime, count: int, layout: int = 1) -> list[Capture]:
    """A register that grows by 10 a quarter-hour."""
    return [
        capture(meter, start + QUARTER * slot, layout, [meter * 1000 + slot * 10 + k for k in range(7)])
        for slot in range(count)
    ]


async def store(conninfo: str, captures: list[Capture]) -> None:
    async with Writer(conninfo) as writer:
        await writer.write(captures)


async def roll(conninfo: str, now: datetime = LATER, zone: ZoneInfo = SHANGHAI) -> Rolled | None:
    async with Roller(conninfo, zone) as roller:
        return await roller.roll(now)


def buckets_of(zone: ZoneInfo, captures: list[Capture]) -> list[tuple[int, Bucket]]:
    """Every bucket that a capture could be in."""
    calendar = Calendar(zone)
    first, last = min(c.time for c in captures), max(c.time for c in captures)
    found = []
    for span in Span:
        start = calendar.bucket(span, first - timedelta(microseconds=1)).start
        found += [(int(span), bucket) for bucket in calendar.buckets(span, start, last + timedelta(microseconds=1))]
    return found


async def test_a_day_of_quarter_hours(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 97))
    assert await roll(database) == Rolled(hours=26, days=3, months=2)
    rows = table(database)
    captures, first, last, flags, *cells = rows["rollup_register", Span.DAY, 1, 1, MIDNIGHT]
    assert (captures, first, last) == (96, MIDNIGHT, MIDNIGHT + timedelta(days=1))
    assert flags.to_bytes(8, "little") == bytes([3] * 7 + [0])
    assert (cells[0], cells[8]) == (1000, 1960)
    hour = rows["rollup_register", Span.HOUR, 1, 1, MIDNIGHT + timedelta(hours=5)]
    assert (hour[0], hour[4], hour[12]) == (4, 1200, 1240)
    assert told(database) == 0
    assert await roll(database) == Rolled()


def wild(seed: int, zone: ZoneInfo) -> list[Capture]:
    """Two meters over five days around a month's end and a change of the clocks: holes, falls, midnights, all kinds."""
    dice = random.Random(seed)
    start = datetime(2026, 3, 28, tzinfo=zone).astimezone(UTC)
    found = []
    for meter in (1, 700):
        for layout in (1, 4, 8, 9):
            value = dice.randrange(10**6)
            for slot in range(5 * 48):
                value += dice.randrange(100) if dice.random() > 0.02 else -dice.randrange(value + 1)
                if dice.random() < 0.4:
                    values = [value + k if dice.random() > 0.1 else None for k in range(7)]
                    quality = [NA if v is None and dice.random() > 0.5 else GOOD for v in values]
                    found.append(capture(meter, start + slot * timedelta(minutes=30), layout, values, quality))
    return found


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("name", ["Asia/Shanghai", "Europe/Berlin", "Asia/Kolkata"])
async def test_any_order_of_arrival_gives_what_plain_python_gives(database: str, name: str, seed: int) -> None:
    """Batches at random, parts of captures apart, rolls in between: hours, days and months come out the same."""
    zone = ZoneInfo(name)
    captures = wild(seed, zone)
    dice = random.Random(seed)
    parts = [part for c in captures for part in (halves(c, 3) if dice.random() < 0.2 else (c,))]
    dice.shuffle(parts)
    async with Writer(database) as writer, Roller(database, zone) as roller:
        at = 0
        while at < len(parts):
            size = dice.choice((1, 20, 400, 900))
            await writer.write(parts[at : at + size])
            at += size
            if dice.random() < 0.5:
                await roller.roll(LATER if dice.random() < 0.7 else captures[dice.randrange(len(captures))].time)
        await roller.roll(LATER)
        incremental = table(database)
        assert told(database) == 0
        await roller.restart()
        await roller.roll(LATER)
    expected = reference.table(captures, buckets_of(zone, captures))
    assert incremental == expected
    assert table(database) == expected


async def test_late_data_repairs_hour_day_and_month(database: str) -> None:
    day = quarters(1, MIDNIGHT, 97)
    await store(database, [c for c in day if c.time != MIDNIGHT])
    await roll(database)
    async with Rollups(database, SHANGHAI) as rollups:
        span = (MIDNIGHT, MIDNIGHT + timedelta(days=1))
        wanted = [quantity("active_energy_import")]
        (before,) = await rollups.energy([1], *span, Span.DAY, wanted)
        assert (before.value, before.unknown) == (None, Unknown.NO_START)
        await store(database, day[:1])
        assert await roll(database) == Rolled(hours=2, days=2, months=2)
        (after,) = await rollups.energy([1], *span, Span.DAY, wanted)
        assert await rollups.energies([1, 5], wanted[0], Bucket(*span), Span.DAY) == [(1, 960)]
    assert (after.value, after.unknown) == (Decimal("0.0960"), None)
    assert (after.first_time, after.last_time) == span


async def test_a_replay_tells_nothing(database: str) -> None:
    day = quarters(1, MIDNIGHT, 97)
    await store(database, day)
    await roll(database)
    await store(database, day)
    assert told(database) == 0


async def test_a_transaction_that_commits_late_is_not_missed(database: str) -> None:
    """A batch that began first is held up; newer data is stored, rolled, and only then does it commit."""
    early, late = quarters(1, MIDNIGHT, 5), quarters(2, MIDNIGHT, 97)
    async with Writer(database) as held, await psycopg.AsyncConnection.connect(database) as holder:
        await store(database, late[:1])  # makes the day's chunk, for which they would wait too
        key = "INSERT INTO capture (meter_id, layout, source, time, received) VALUES (1, 1, 1, %s, now())"
        await holder.execute(key, (early[2].time,))
        writing = asyncio.create_task(held.write(early))
        await waiting(database)
        await store(database, late)
        await roll(database)
        assert {key[2] for key in table(database)} == {2}
        await holder.rollback()
        assert (await writing).stored == 5
    await roll(database)
    assert table(database) == reference.table(early + late, buckets_of(SHANGHAI, early + late))


async def waiting(conninfo: str) -> None:
    """Until some session waits for another one's row."""
    query = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    async with await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        async with asyncio.timeout(60):
            while await (await connection.execute(query)).fetchone() == (0,):  # noqa: ASYNC110 - the server's event
                await asyncio.sleep(0.01)


async def test_only_what_is_over_is_rolled(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 40))
    now = MIDNIGHT + timedelta(hours=8, minutes=1)
    assert await roll(database, now) == Rolled(hours=8, days=1, months=1)  # yesterday ends with the first capture
    assert await roll(database, now + timedelta(minutes=2)) == Rolled(hours=1)
    assert told(database) > 0


async def test_registers_that_go_back_give_no_energy(database: str) -> None:
    rows = quarters(1, MIDNIGHT, 97)
    rolled_over = [c if c.time < MIDNIGHT + timedelta(hours=9, minutes=30) else lowered(c) for c in rows]
    await store(database, rolled_over)
    await roll(database)
    async with Rollups(database, SHANGHAI) as rollups:
        wanted = [quantity("active_energy_import")]
        (day,) = await rollups.energy(None, MIDNIGHT, MIDNIGHT + timedelta(hours=1), Span.DAY, wanted)
        hours = await rollups.energy([1], MIDNIGHT, MIDNIGHT + timedelta(days=1), Span.HOUR, wanted)
        whole = Bucket(MIDNIGHT, MIDNIGHT + timedelta(days=1))
        assert await rollups.energies([1], wanted[0], whole, Span.DAY) == [(1, None)]
    assert (day.unknown, day.steps) == (Unknown.WENT_BACK, None)
    assert [e.start for e in hours if e.unknown is not None] == [MIDNIGHT + timedelta(hours=9)]
    assert sum(e.steps or 0 for e in hours) == 23 * 40


def lowered(given: Capture) -> Capture:
    return replace(given, values=tuple(None if v is None else v - 1200 for v in given.values))


async def test_statistics_are_exact(database: str) -> None:
    top = 2**61 - 1
    rows = [
        capture(1, MIDNIGHT + QUARTER * slot, 4, [[230_000, 231_500, 229_900][slot % 3], -5, top]) for slot in range(96)
    ]
    await store(database, rows)
    await roll(database)
    async with Rollups(database, SHANGHAI) as rollups:
        span = (MIDNIGHT, MIDNIGHT + timedelta(days=1))
        found = {s.quantity.name: s for s in await rollups.statistics([1], *span, Span.DAY)}
    volts = found["voltage_l1"]
    assert (volts.values, volts.low, volts.high, volts.total) == (96, 229_900, 231_500, 32 * 691_400)
    assert volts.high_at == MIDNIGHT + QUARTER
    assert found["voltage_l2"].total == -5 * 96
    assert found["voltage_l3"].high == top
    assert found["voltage_l3"].total is None  # 96 of them are too many for 64 bits


async def test_another_zone_is_refused_until_all_is_made_anew(database: str) -> None:
    rows = quarters(1, MIDNIGHT, 97)
    await store(database, rows)
    await roll(database)
    berlin = ZoneInfo("Europe/Berlin")
    async with Roller(database, berlin) as roller:
        with pytest.raises(StorageError, match="Asia/Shanghai"):
            await roller.roll(LATER)
        await roller.restart()
        await roller.roll(LATER)
    assert table(database) == reference.table(rows, buckets_of(berlin, rows))


async def test_two_do_not_roll_at_once(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 5))
    async with Roller(database, SHANGHAI) as one, one._alone() as connection:
        assert connection is not None
        assert await roll(database) is None
        async with Roller(database, SHANGHAI) as other:
            with pytest.raises(StorageError, match="try again"):
                await other.restart()
    assert await roll(database) == Rolled(hours=3, days=2, months=2)


async def test_what_was_stored_before_rollups_were_there_is_rolled(postgres: PostgresServer) -> None:
    with postgres.fresh() as conninfo:
        await migrate(conninfo, upto=7)
        with psycopg.connect(conninfo) as connection:
            if not (await migrate(conninfo, upto=7)).level.hypertables:
                connection.execute("SELECT capture_partition('2026-02-28'), capture_partition('2026-03-01')")
            for c in quarters(5, MIDNIGHT, 97):
                connection.execute(
                    "INSERT INTO capture (meter_id, layout, source, time, received, v1) VALUES (%s,%s,1,%s,now(),%s)",
                    (c.meter_id, c.layout, c.time, c.values[0]),
                )
        await migrate(conninfo)
        assert await roll(conninfo) == Rolled(hours=26, days=3, months=2)
