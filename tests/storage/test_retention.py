"""Old data goes by whole partitions, after it was rolled up, and is not missed; on both levels of server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg

from protocols.quantities import quantity
from storage.buckets import Span
from storage.entries import Additions, NewLine, NewMeter, NewPlan
from storage.reader import Reader
from storage.registry import Registry
from storage.retention import Dropped, Keep, Retention
from storage.rollup_reader import Rollups
from storage.rollups import Rolled, Roller
from storage.writer import Miss, Writer
from tests.storage.test_rollups import LATER, MIDNIGHT, SHANGHAI, quarters, roll, store, table

DAYS = [datetime(2026, 2, 28, tzinfo=UTC) + timedelta(days=k) for k in range(4)]
"""The UTC days that `week` touches."""
NOW = datetime(2026, 3, 4, 6, tzinfo=UTC)


async def drop(conninfo: str, keep: Keep, now: datetime = NOW, *, dry_run: bool = False) -> list[Dropped]:
    async with Retention(conninfo) as retention:
        done = await retention.drop(keep, now, dry_run=dry_run)
    assert done is not None
    return done


async def kept(conninfo: str, kind: str = "captures") -> list[datetime]:
    """When the parts of a kind begin."""
    async with Retention(conninfo) as retention:
        return [part.start for part in await retention.parts() if part.kind == kind]


async def test_days_go_only_when_they_are_rolled_up(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 3 * 96 + 1))
    keep = Keep(captures=timedelta(days=1))
    (refused,) = await drop(database, keep)
    assert refused.refused == "it is not rolled up yet"
    assert await kept(database) == DAYS
    await roll(database)
    rows = table(database)
    assert [d.refused for d in await drop(database, keep, dry_run=True)] == [None] * 3
    assert await kept(database) == DAYS
    assert [d.until for d in await drop(database, keep)] == DAYS[1:]
    assert await kept(database) == DAYS[3:]
    assert table(database) == rows
    assert await drop(database, keep) == []


async def test_what_was_dropped_is_neither_missing_nor_rolled_again(database: str) -> None:
    wanted = (quantity("active_energy_import"),)
    async with Registry(database) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="l", url="tcp://x:1", protocol="dlt645"),),
                meters=(NewMeter(name="m", address="1", model="x", line="l", quantities=wanted, created=DAYS[0]),),
            )
        )
        (meter,) = await registry.meters()
        await registry.keep_plans([NewPlan(name="p", period_s=900, quantities=wanted, valid_from=DAYS[0])], DAYS[0])
    rows = quarters(meter.id, MIDNIGHT, 3 * 96 + 1)
    await store(database, rows)
    await roll(database)
    await drop(database, Keep(captures=timedelta(days=1)))
    async with Reader(database) as reader:
        gaps = await reader.gaps(DAYS[0], DAYS[3])
        assert (gaps.expected, gaps.received) == (0, 0)
        assert (await reader.gaps(DAYS[0], MIDNIGHT + timedelta(days=3))).received == 64
    before = table(database)
    await store(database, rows[:10])  # late, and too late
    rolled = await roll(database)
    assert rolled is not None
    assert (rolled.hours, rolled.frozen) == (0, 4)
    assert table(database) == before
    await drop(database, Keep(captures=timedelta(days=1)))
    assert await kept(database) == DAYS[3:]


async def test_rollups_stay_longer_than_what_they_are_made_of(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 3 * 96 + 1))
    await roll(database)
    keep = Keep(hours=timedelta(days=1), days=timedelta(days=1), months=timedelta(days=1))
    now = NOW + timedelta(days=2000)
    assert await drop(database, keep, now) == []
    keep = Keep(captures=timedelta(days=1), hours=timedelta(days=1))
    await drop(database, keep, now)
    assert await kept(database) == []
    assert await kept(database, "hours") == [DAYS[3] - timedelta(days=1), DAYS[3]]
    async with Rollups(database, SHANGHAI) as rollups:
        days = await rollups.energy([1], MIDNIGHT, MIDNIGHT + timedelta(days=3), Span.DAY)
    assert sorted({e.steps for e in days}, key=str) == [960]


async def test_misses_and_dead_letters_go_by_their_time(database: str) -> None:
    async with Writer(database) as writer:
        await writer.write_misses(Miss(1, 1, day, "no_answer", day) for day in DAYS)
    with psycopg.connect(database) as connection:
        for day in DAYS:
            connection.execute(
                "INSERT INTO dead_letter (digest, push, topic, fields, payload, repeated, reason, detail, state,"
                " received, last) VALUES (%s, 'p', 't', '{}', '', false, 'r', 'd', 'dead', %s, %s)",
                (str(day).encode(), day, day),
            )
    keep = Keep(misses=timedelta(days=2), dead_letters=timedelta(days=3))
    assert [(d.kind, d.rows) for d in await drop(database, keep, dry_run=True)] == [("misses", 3), ("dead_letters", 2)]
    assert [(d.kind, d.rows) for d in await drop(database, keep)] == [("misses", 3), ("dead_letters", 2)]
    assert [d.rows for d in await drop(database, keep)] == [0, 0]


async def test_sizes_name_every_table(database: str) -> None:
    await store(database, quarters(1, MIDNIGHT, 97))
    async with Retention(database) as retention:
        sizes = await retention.sizes()
    assert {"capture", "dirty", "miss", "rollup_register_hour", "rollup_value_month"} <= set(sizes)
    assert sizes["capture"] > 8192


async def test_retention_and_rolling_do_not_meet(database: str) -> None:
    async with Roller(database, SHANGHAI) as roller, roller._alone(), Retention(database) as retention:
        assert await retention.drop(Keep(captures=timedelta(days=1)), NOW) is None
    assert await roll(database, LATER) == Rolled()
