"""Feeder, area, point, meter: as they were at any moment, and never two places at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewPlan, NewUsagePoint
from storage.errors import NotFound, Rejected, StorageError
from storage.reader import Reader
from storage.registry import Registry
from storage.topology import Standing, Topology
from storage.topology_entries import (
    TRANSITIONS,
    Area,
    AreaFeeder,
    AreaPoint,
    Feeder,
    MeterState,
    MultiplierChange,
    Phase,
    StateChange,
    TotalMeter,
)
from tests.storage.captures import T0

DAY = timedelta(days=1)
ENERGY = BY_NAME["active_energy_import"]


def meter(name: str, **more: Any) -> NewMeter:
    return NewMeter(name=name, address=name, model="x", line="line", created=T0, **more)


NETWORK = Additions(
    lines=(NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645"),),
    feeders=(Feeder(name="f1"), Feeder(name="f2", address="north")),
    areas=(Area(name="a1", timezone="Asia/Shanghai", options={"kva": 400}), Area(name="a2")),
    meters=tuple(meter(name) for name in ("m1", "m2", "t1", "t2", "tf")),
    points=(
        NewUsagePoint(name="p1", tariff="step", category="residential", capacity_kw=Decimal("8.5")),
        NewUsagePoint(name="p2", category="pv", rated_current_a=Decimal(60)),
        NewUsagePoint(name="p3"),
    ),
    installations=(
        NewInstallation(point="p1", meter="m1", start=T0),
        NewInstallation(point="p2", meter="m2", start=T0),
    ),
    area_feeders=(AreaFeeder(area="a1", feeder="f1", start=T0), AreaFeeder(area="a2", feeder="f1", start=T0)),
    area_points=(
        AreaPoint(point="p1", area="a1", start=T0, phase=Phase.L1, branch="b1"),
        AreaPoint(point="p2", area="a1", start=T0, phase=Phase.THREE, branch="b2"),
        AreaPoint(point="p3", area="a2", start=T0),
    ),
    totals=(
        TotalMeter(meter="t1", area="a1", start=T0),
        TotalMeter(meter="t2", area="a2", start=T0),
        TotalMeter(meter="tf", feeder="f1", start=T0),
    ),
)


async def test_the_network_at_two_moments(database: str) -> None:
    switched = T0 + 3 * DAY
    async with Registry(database) as registry, Topology(database) as topology:
        assert await registry.add(NETWORK) == 23
        await topology.move_point(AreaPoint(point="p2", area="a2", start=switched, phase=Phase.L3))
        await topology.move_area(AreaFeeder(area="a2", feeder="f2", start=switched))
        before = await topology.areas_at(switched - timedelta(microseconds=1))
        after = await topology.areas_at(switched)
        ids = {m.name: m.id for m in await registry.meters()}
        m1, m2 = Standing(ids["m1"], "m1"), Standing(ids["m2"], "m2")
        assert [(a.area.name, a.feeder, a.totals, [m.point for m in a.members]) for a in before] == [
            ("a1", "f1", ("t1",), ["p1", "p2"]),
            ("a2", "f1", ("t2",), ["p3"]),
        ]
        assert [
            (a.area.name, a.feeder, [(m.point, m.phase, m.branch, m.meters) for m in a.members]) for a in after
        ] == [
            ("a1", "f1", [("p1", Phase.L1, "b1", (m1,))]),
            ("a2", "f2", [("p2", Phase.L3, None, (m2,)), ("p3", None, None, ())]),
        ]
        assert await topology.members() == {"a1": ["p1", "p2"], "a2": ["p2", "p3"]}
        assert await topology.areas_at(T0 - DAY, ["a1"]) == [replace(before[0], feeder=None, totals=(), members=())]
        assert await topology.meters_at(T0, feeder="f1") == [m1, m2]
        assert await topology.meters_at(switched, feeder="f1") == [m1]
        assert await topology.meters_at(switched, area="a2") == [m2]
        assert await topology.meters_at(T0, area="a1", branch="b2") == [m2]
        with pytest.raises(NotFound, match="a9"):
            await topology.areas_at(T0, ["a9"])
    assert (before[0].area.timezone, before[0].area.options) == ("Asia/Shanghai", {"kva": 400})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (Additions(area_points=(AreaPoint(point="p1", area="a2", start=T0 + DAY),)), "belongs to an area"),
        (Additions(area_feeders=(AreaFeeder(area="a1", feeder="f2", start=T0 - DAY),)), "belongs to a feeder"),
        (Additions(totals=(TotalMeter(meter="t1", feeder="f2", start=T0 + DAY),)), "is a total meter"),
        (Additions(totals=(TotalMeter(meter="m1", start=T0),)), "total_meter_place"),
        (Additions(totals=(TotalMeter(meter="m1", area="a1", feeder="f1", start=T0),)), "total_meter_place"),
        (
            Additions(area_points=(AreaPoint(point="p1", area="a1", start=T0 - DAY, end=T0 - 2 * DAY),)),
            "area_point_check",
        ),
        (Additions(area_points=(AreaPoint(point="p1", area="a9", start=T0),)), "a9"),
        (Additions(multipliers=(MultiplierChange(meter="m1", start=T0, multiplier=Decimal(0)),)), "multiplier"),
        (Additions(states=(StateChange(meter="m1", state=MeterState.SCRAPPED, start=T0 + DAY),)), "active does not"),
        (Additions(states=(StateChange(meter="m1", state=MeterState.SUSPENDED, start=T0 - DAY),)), "later than"),
    ],
)
async def test_what_cannot_be(plain_database: str, wrong: Additions, said: str) -> None:
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(NETWORK)
        with pytest.raises(Rejected, match=said):
            await registry.add(wrong)
        assert len(await topology.area_points()) == 3
        assert len(await topology.totals()) == 3


async def test_no_two_writers_store_an_overlap(plain_database: str) -> None:
    """Sixteen sessions at once, at random places in time, on one point, one meter and one area."""
    async with Registry(plain_database) as registry:
        await registry.add(replace(NETWORK, area_points=(), totals=(), area_feeders=(), installations=()))

    refusals: list[str] = []

    async def write(n: int) -> int:
        start, end = T0 + (n * 7 % 16) * timedelta(hours=6), T0 + (n * 7 % 16) * timedelta(hours=6) + 2 * DAY
        done = 0
        async with Registry(plain_database) as registry:
            for new in (
                Additions(area_points=(AreaPoint(point="p1", area="a1", start=start, end=end),)),
                Additions(totals=(TotalMeter(meter="t1", area="a1", start=start, end=end),)),
                Additions(area_feeders=(AreaFeeder(area="a1", feeder="f1", start=start, end=end),)),
                Additions(installations=(NewInstallation(point="p2", meter="m2", start=start, end=end),)),
            ):
                try:
                    done += await registry.add(new)
                except StorageError as error:  # a deadlock's victim is refused too, never stored
                    refusals.append(str(error))
        return done

    done = sum(await asyncio.gather(*(write(n) for n in range(16))))
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        stored: list[list[Any]] = [
            await topology.area_points(), await topology.totals(), await topology.area_feeders(),
            await registry.installations(),
        ]  # fmt: skip
    assert sum(map(len, stored)) == done == 4 * 16 - len(refusals)
    assert all("already" in refusal or "deadlock" in refusal for refusal in refusals)
    for spans in stored:
        assert spans
        assert all(one.end <= other.start for one, other in pairwise(spans))


def test_the_database_knows_the_same_steps_of_a_life(plain_database: str) -> None:
    with psycopg.connect(plain_database) as connection:
        rows = connection.execute("SELECT before, after FROM meter_transition").fetchall()
    assert {(MeterState(before), MeterState(after)) for before, after in rows} == TRANSITIONS


async def test_what_was_expected_follows_the_history(database: str) -> None:
    plan = NewPlan(name="p", period_s=3600, quantities=(ENERGY,), valid_from=T0 - DAY)
    async with Registry(database) as registry, Reader(database) as reader, Topology(database) as topology:
        await registry.add(replace(NETWORK, plans=(plan,)))
        (m1,) = [m.id for m in await registry.meters(["m1"])]
        span = (T0 - DAY, T0 + 5 * DAY, [m1])
        assert (await reader.gaps(*span)).expected == 5 * 24
        half = timedelta(minutes=30)
        await registry.set_meter_state("m1", MeterState.SUSPENDED, at=T0 + DAY + half, actor="li", reason="works")
        assert (await reader.gaps(*span)).expected == 25
        await registry.set_meter_state("m1", MeterState.ACTIVE, at=T0 + 2 * DAY)
        assert (await reader.gaps(*span)).expected == 25 + 3 * 24
        await registry.set_meter_state("m1", MeterState.REMOVED, at=T0 + 3 * DAY)
        assert (await reader.gaps(*span)).expected == 25 + 24, "what it was active in stays expected"
        assert (await reader.gaps(T0 + 3 * DAY, T0 + 9 * DAY, [m1])).expected == 0
        assert [(s.state, s.start, s.actor, s.reason) for s in await topology.states(["m1"])] == [
            (MeterState.ACTIVE, T0, "", ""),
            (MeterState.SUSPENDED, T0 + DAY + half, "li", "works"),
            (MeterState.ACTIVE, T0 + 2 * DAY, "", ""),
            (MeterState.REMOVED, T0 + 3 * DAY, "", ""),
        ]
        assert (await registry.meter("m1")).state is MeterState.REMOVED


async def test_a_life_is_one_row_of_states_whoever_writes_it(plain_database: str) -> None:
    async with Registry(plain_database) as registry:
        await registry.add(NETWORK)

    async def flip(n: int) -> bool:
        async with Registry(plain_database) as registry:
            try:
                await registry.set_meter_state("m1", MeterState.SUSPENDED, at=T0 + n * DAY)
            except Rejected:
                return False
            return True

    assert sum(await asyncio.gather(*(flip(n) for n in range(1, 9)))) == 1
    with psycopg.connect(plain_database) as connection:
        rows = connection.execute(
            """SELECT s."to", lead(s."from") OVER (ORDER BY s."from", s.id) FROM meter_state s
               JOIN meter m ON m.id = s.meter_id WHERE m.name = 'm1' ORDER BY s.id"""
        ).fetchall()
    assert len(rows) == 2
    assert all(end == following for end, following in rows), "no hole, no overlap"


async def test_a_meter_added_in_plain_sql_begins_its_history(plain_database: str) -> None:
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(Additions(lines=NETWORK.lines))
        with psycopg.connect(plain_database) as connection:
            connection.execute(
                "INSERT INTO meter (name, address, model, line_id, created) SELECT 'x', '1', 'x', id, %s FROM line",
                (T0,),
            )
        assert await topology.states() == [StateChange(meter="x", state=MeterState.ACTIVE, start=T0)]


async def test_an_address_is_free_for_whoever_comes_later(plain_database: str) -> None:
    """Told all at once, in whatever order: the one leaves at the moment when the other comes."""
    first, second = replace(meter("new"), address="7", created=T0 + DAY), replace(meter("old"), address="7")
    leaves = StateChange(meter="old", state=MeterState.REMOVED, start=T0 + DAY)
    async with Registry(plain_database) as registry:
        await registry.add(Additions(lines=NETWORK.lines, meters=(first, second), states=(leaves,)))
        assert {m.name: m.state for m in await registry.meters()} == {
            "new": MeterState.ACTIVE,
            "old": MeterState.REMOVED,
        }
        with pytest.raises(Rejected):
            await registry.add(Additions(meters=(replace(meter("third"), address="7"),)))
        await registry.add(Additions(meters=(replace(meter("planned"), address="7", state=MeterState.PLANNED),)))
        with pytest.raises(Rejected):
            await registry.set_meter_state("planned", MeterState.ACTIVE, at=T0 + 2 * DAY)


async def test_steps_of_one_moment_keep_their_order(plain_database: str) -> None:
    steps = tuple(
        StateChange(meter="m1", state=state, start=T0 + DAY)
        for state in (MeterState.SUSPENDED, MeterState.ACTIVE, MeterState.REMOVED)
    )
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        await registry.add(replace(NETWORK, states=steps))
        assert [s.state for s in await topology.states(["m1"])][1:] == [s.state for s in steps]
        assert (await registry.meter("m1")).state is MeterState.REMOVED


async def test_multipliers_hold_from_their_moment_on(database: str) -> None:
    berlin = ZoneInfo("Europe/Berlin")
    autumn = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)  # comes twice
    changes = (
        MultiplierChange(meter="m1", start=autumn.replace(fold=1), multiplier=Decimal(120), actor="li", reason="CT"),
        MultiplierChange(meter="m1", start=autumn, multiplier=Decimal(100)),
    )
    async with Registry(database) as registry, Topology(database) as topology:
        await registry.add(replace(NETWORK, meters=(replace(meter("m1"), multiplier=Decimal(80)), *NETWORK.meters[1:])))
        await registry.add(Additions(multipliers=changes))
        m1 = (await registry.meter("m1")).id
        found = [
            await topology.multiplier_at(m1, at)
            for at in (T0, autumn - timedelta(seconds=1), autumn, autumn.astimezone(UTC) + timedelta(minutes=59))
        ]
        assert found == [80, 80, 100, 100]
        assert await topology.multiplier_at(m1, autumn.replace(fold=1)) == 120
        assert [change.multiplier for change in await topology.multipliers()] == [100, 120]
        with pytest.raises(NotFound):
            await topology.multiplier_at(999, T0)
