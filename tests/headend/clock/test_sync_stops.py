"""Nobody is told the time where something is stopped or that cannot be known; who was told is in the audit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from headend.clock.policy import SyncMode
from headend.clock.sync import AUTOMATIC, Synced
from protocols.dlt645.address import BROADCAST, to_wire
from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.clock import SET_TIME
from storage.audit import Audit, AuditRow
from storage.clocks import ClockStore
from storage.entries import Additions, NewInstallation, NewUsagePoint
from storage.registry import Registry
from storage.roles import DAEMON
from storage.topology_entries import Area, AreaPoint
from tests.headend.clock.site import START, Site, site
from tests.headend.clock.test_errand import errand_of, job

pytestmark = pytest.mark.postgres
PAST = START - timedelta(days=9)


def sql(conninfo: str, statement: str, *given: Any) -> None:
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute(statement.encode(), given or None)


def stop(conninfo: str, area: str) -> None:
    sql(conninfo, "INSERT INTO stop (area, why, by) VALUES (%s, 'a test', 'bo')", area)


@asynccontextmanager
async def street(conninfo: str) -> AsyncIterator[Site]:
    """Two meters that are off, the second in area north; the store works with the daemon's rights."""
    async with (
        ClockStore(make_conninfo(conninfo, user=DAEMON)) as store,
        site(2, conninfo=conninfo, off={0: 20.0, 1: 30.0}, store=store) as one,
    ):
        name = one.meters[1].name
        async with Registry(conninfo) as registry:
            await registry.add(
                Additions(
                    points=(NewUsagePoint(name="p"),),
                    installations=(NewInstallation(point="p", meter=name, start=PAST),),
                    areas=(Area(name="north"), Area(name="south")),
                    area_points=(AreaPoint(point="p", area="north", start=PAST),),
                )
            )
        await one.survey()
        yield one


async def tell(one: Site, way: str) -> tuple[Synced, int]:
    """What came of it, and how many requests it cost."""
    before = one.line.counters.requests
    if way == "broadcast":
        done = await one.sync.broadcast(one.line, one.meters, "Li")
    else:
        done = await one.sync.single(one.line, one.meters[int(way)], "Li")
    return done, one.line.counters.requests - before


async def audited(conninfo: str) -> list[AuditRow]:
    async with Audit(conninfo) as audit:
        assert not (await audit.verify()).flaws
        return await audit.rows()


@pytest.mark.parametrize(
    ("area", "way", "said"),
    [
        ("*", "broadcast", "everything is stopped"),
        ("*", "0", "everything is stopped"),
        ("north", "broadcast", "area north is stopped"),
        ("north", "1", "area north is stopped"),
        ("north", "0", ""),
        ("south", "broadcast", ""),
    ],
)
async def test_s12_a_stop_that_concerns_them(plain_database: str, area: str, way: str, said: str) -> None:
    async with street(plain_database) as one:
        stop(plain_database, area)
        done, requests = await tell(one, way)
        assert [rule.why for rule in done.refused] == ([said] if said else [])
        assert (done.told is None, requests == 0) == (bool(said), bool(said))


async def test_s12_a_stop_that_is_released_holds_nobody(plain_database: str) -> None:
    async with street(plain_database) as one:
        stop(plain_database, "*")
        sql(plain_database, "INSERT INTO person (name, is_person, by) VALUES ('bo', true, 'a test')")
        sql(
            plain_database,
            "WITH c AS (INSERT INTO rule_change (kind, what, bound, by, at, expires)"
            " VALUES ('release_stop', '{}', '', 'bo', now(), now() + INTERVAL '1 day') RETURNING id)"
            " INSERT INTO stop_end (stop_id, change_id, by) SELECT s.id, c.id, 'dee' FROM stop s, c",
        )
        done, _ = await tell(one, "broadcast")
        assert (done.refused, done.told is None) == ([], False)


async def test_s12_what_cannot_be_read_is_no(plain_database: str) -> None:
    async with street(plain_database) as one:
        sql(plain_database, f"REVOKE SELECT ON stop FROM {DAEMON}")
        for way in ("broadcast", "0"):
            done, requests = await tell(one, way)
            assert [rule.why for rule in done.refused] == ["whether anything is stopped cannot be read"]
            assert (done.told, requests) == (None, 0)
        assert await audited(plain_database) == []


@pytest.mark.parametrize("way", ["broadcast", "1"])
@pytest.mark.parametrize("change", ["stop", "blind"])
async def test_s12_it_is_asked_once_more_just_before_the_frame(plain_database: str, way: str, change: str) -> None:
    async with street(plain_database) as one:
        assert one.store is not None
        reserve = one.store.reserve

        async def reserve_and_stop(*given: Any) -> list[int]:
            ids = await reserve(*given)
            if change == "stop":
                stop(plain_database, "north")
            else:
                sql(plain_database, f"REVOKE SELECT ON stop FROM {DAEMON}")
            return ids

        one.store.reserve = reserve_and_stop  # type: ignore[method-assign, assignment]
        done, requests = await tell(one, way)
        assert [rule.rule for rule in done.refused] == ["last look"]
        assert ("stop" in done.refused[0].why, done.told, requests) == (True, None, 0)
        rows = await audited(plain_database)
        assert [row.action for row in rows] == ["tell_time", "time_held_back"]
        assert "stop" in rows[1].told["why"]
        assert one.is_off(1) > 29


@pytest.mark.parametrize("mode", [SyncMode.BROADCAST, SyncMode.PROPOSE])
async def test_s12_nor_does_the_daemon_by_itself(plain_database: str, mode: SyncMode) -> None:
    async with street(plain_database) as one:
        errand, _ = errand_of(one, mode)
        stop(plain_database, "north")
        await errand(one.line, one.meters[0], job(one, 0))
        assert abs(one.is_off(0)) > 19
        assert await audited(plain_database) == []


@pytest.mark.parametrize("way", ["broadcast", "1"])
async def test_s15_a_telling_is_in_the_audit(plain_database: str, way: str) -> None:
    """Who, whom, the frame, and what came of it; before the frame goes out a row says that it is about to."""
    async with street(plain_database) as one:
        if way == "1":
            one.memory(1).dial.hear = lambda *_: False
        done, _ = await tell(one, way)
        assert done.told is not None
        before, told, after = await audited(plain_database)
        assert [row.action for row in (before, told, after)] == ["tell_time", "time_told", "time_read_back"]
        assert {(row.by, row.subject, row.role) for row in (before, told, after)} == {("li@desk", "line", DAEMON)}
        names = [meter.name for meter in one.meters]
        mine = names if way == "broadcast" else names[1:]
        assert {row.meter for row in (before, told, after)} == {"" if way == "broadcast" else names[1]}
        assert (before.told["actor"], before.told["meters"]) == ("Li", mine)
        assert [round(off / 1000) for off in before.told["before_ms"].values()] == [20, 30][-len(mine) :]
        (frame,) = FrameReader().feed(bytes.fromhex(told.told["frame"]))
        assert isinstance(frame, Frame)
        address = BROADCAST if way == "broadcast" else one.meters[1].address
        assert (frame.control, frame.address) == (SET_TIME, to_wire(address))
        came = {name: result for name, (result, _) in after.told["came"].items()}
        assert came == dict.fromkeys(mine, "taken" if way == "broadcast" else "not_taken")
        assert after.told["unread"] == []


async def test_s15_the_daemon_signs_with_its_name(plain_database: str) -> None:
    async with street(plain_database) as one:
        errand, _ = errand_of(one, SyncMode.BROADCAST)
        await errand(one.line, one.meters[0], job(one, 0))
        assert abs(one.is_off(1)) < 1.5
        rows = await audited(plain_database)
        assert {json.loads(row.body)["actor"] for row in rows} == {AUTOMATIC}
