"""Who was given what is written down for good; what is forgotten is gone, in the rollups too, and stays away."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Any

import psycopg
import pytest

from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewPlan, NewUsagePoint
from storage.errors import AlreadyThere, NotFound, StorageError
from storage.ledger import Ledger, State
from storage.privacy import AccessLog, NewAccess, Points
from storage.registry import Registry
from storage.rollups import Roller
from tests.storage.test_rollups import LATER, MIDNIGHT, SHANGHAI, quarters, roll, store, table

DAY = timedelta(days=1)
MOVED_IN = MIDNIGHT + timedelta(days=1, hours=10, minutes=20)
MOVED_OUT = MIDNIGHT + timedelta(days=3, hours=7)
ACCESS = NewAccess(actor="li", os_user="hes", host="h", action="readings", meters=[1], start=MIDNIGHT, end=MOVED_IN)


async def registered(conninfo: str) -> list[int]:
    """Two meters; the first one stood at the point for two days."""
    line = NewLine(name="bus", url="tcp://192.0.2.1:1", protocol="dlt645")
    meters = [
        NewMeter(name=n, address=a, model="m", line="bus", created=MIDNIGHT) for n, a in (("m1", "1"), ("m2", "2"))
    ]
    point = NewUsagePoint(name="p1", address="1 Long Lane", options={"customer": "Wang"}, tariff="home")
    stay = NewInstallation(point="p1", meter="m1", start=MOVED_IN, end=MOVED_OUT)
    async with Registry(conninfo) as known:
        added = Additions(lines=(line,), meters=tuple(meters), points=(point,), installations=(stay,))
        await known.add(added)
        return [(await known.meter(name)).id for name in ("m1", "m2")]


async def forget(conninfo: str, **options: Any) -> int:
    async with Points(conninfo) as points:
        return await points.forget("p1", "li", "moved out", zone=SHANGHAI, **options)


async def test_accesses_are_found_by_meter_and_person(database: str) -> None:
    first, second = await registered(database)
    async with AccessLog(database) as log:
        await log.write(NewAccess(actor="li", os_user="hes", host="h", action="readings", meters=[first],
                                  start=MIDNIGHT, end=MOVED_IN, detail={"rows": 3}))  # fmt: skip
        await log.write(NewAccess(actor="zhao", os_user="hes", host="h", action="readings", meters=[first, second]))
        await log.write(NewAccess(actor="zhao", os_user="root", host="h", action="backup", meters=None))
        assert [a.action for a in await log.list(meter="m2")] == ["backup", "readings"]
        assert [a.meters for a in await log.list()] == [None, ("m1", "m2"), ("m1",)]
        (mine,) = await log.list(actor="li")
        assert (mine.os_user, mine.host, mine.start, mine.end, mine.detail) == (
            "hes", "h", MIDNIGHT, MOVED_IN, {"rows": 3},
        )  # fmt: skip
        assert [a.actor for a in await log.list(actor="root")] == ["zhao"]
        assert [a.id for a in await log.list(limit=1)] == [3]
        assert await log.list(until=mine.at) == []
        assert [a.id for a in await log.list(since=mine.at)] == [3, 2, 1]


async def test_the_log_is_not_changed(database: str) -> None:
    async with AccessLog(database) as log:
        await log.write(ACCESS)
        with pytest.raises(StorageError, match="not changed afterwards"):
            async with log.use() as connection:
                await connection.execute("UPDATE access_log SET actor = 'nobody'")
        assert [a.actor for a in await log.list()] == ["li"]


async def test_personal_fields_are_blanked_and_readings_kept(database: str) -> None:
    meter, _ = await registered(database)
    await store(database, quarters(meter, MOVED_IN, 8))
    await roll(database)
    before = table(database)
    assert await forget(database) == 0
    async with Registry(database) as known, Points(database) as points:
        (point,) = await known.usage_points()
        assert (point.name, point.address, point.options, point.tariff) == ("p1", None, {}, "home")
        (told,) = await points.forgotten()
    assert (told.point, told.actor, told.reason, told.deleted, told.captures) == ("p1", "li", "moved out", None, 0)
    assert table(database) == before


async def test_readings_are_deleted_with_their_rollups(database: str) -> None:
    """What is left rolls up to the same as if the others had never been there."""
    first, second = await registered(database)
    for start, count in ((MIDNIGHT, 96 * 5), (MIDNIGHT + timedelta(days=29), 96 * 3)):
        await store(database, [*quarters(first, start, count), *quarters(second, start, count)])
    await roll(database)
    gone = await forget(database, delete_until=LATER, rename="p-0001")
    quarters_there = [MIDNIGHT + n * timedelta(minutes=15) for n in range(96 * 5)]
    assert gone == sum(MOVED_IN <= slot < MOVED_OUT for slot in quarters_there)
    await roll(database)
    rolled = table(database)
    async with Roller(database, SHANGHAI) as roller:
        await roller.restart()
    await roll(database)
    assert rolled == table(database)
    async with Points(database) as points:
        assert [(f.point, f.deleted, f.captures) for f in await points.forgotten()] == [("p-0001", LATER, gone)]


async def test_what_was_deleted_is_not_asked_for_again(plain_database: str) -> None:
    meter, _ = await registered(plain_database)
    from protocols.quantities import quantity

    plan = NewPlan(name="daily", period_s=86400, quantities=(quantity("active_energy_import"),), valid_from=MIDNIGHT)
    async with Registry(plain_database) as known:
        await known.keep_plans([plan], MIDNIGHT)
    await forget(plain_database, delete_until=LATER)
    async with Ledger(plain_database) as ledger:
        slots = await ledger.slots(MOVED_IN, MOVED_OUT, [meter])
        assert {(slot.state, slot.reason) for slot in slots} == {(State.UNRECOVERABLE, "forgotten")}
        open_ones = await ledger.recoverable([meter], MOVED_IN, MOVED_OUT, LATER, untried=LATER)
    assert open_ones == []


async def test_only_what_is_older_goes(plain_database: str) -> None:
    meter, _ = await registered(plain_database)
    await store(plain_database, quarters(meter, MOVED_IN, 8))
    assert await forget(plain_database, delete_until=MOVED_IN + timedelta(hours=1)) == 4
    with psycopg.connect(plain_database) as connection:
        left = connection.execute("SELECT min(time) FROM capture").fetchone()
    assert left == ((MOVED_IN + timedelta(hours=1)).astimezone(UTC),)


async def test_all_or_nothing(plain_database: str) -> None:
    meter, _ = await registered(plain_database)
    await store(plain_database, quarters(meter, MOVED_IN, 8))
    async with Registry(plain_database) as known:
        await known.add(Additions(points=(NewUsagePoint(name="p2"),)))
    with pytest.raises(AlreadyThere):
        await forget(plain_database, delete_until=LATER, rename="p2")
    with psycopg.connect(plain_database) as connection:
        assert connection.execute("SELECT count(*) FROM capture").fetchone() == (8,)
        assert connection.execute("SELECT count(*) FROM point_forgotten").fetchone() == (0,)
    async with Points(plain_database) as points:
        with pytest.raises(NotFound, match="no usage point named 'p9'"):
            await points.forget("p9", "li", "why", zone=SHANGHAI)


async def test_not_while_rollups_are_at_work(plain_database: str) -> None:
    await registered(plain_database)
    with psycopg.connect(plain_database, autocommit=True) as other:
        other.execute("SELECT pg_advisory_lock(hashtextextended('headend.rollup', 0))")
        with pytest.raises(StorageError, match="at work"):
            await forget(plain_database)
