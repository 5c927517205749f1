"""The registry: all or nothing, and every refusal says which entry and why."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from protocols.quantities import BY_NAME
from storage.entries import (
    Additions,
    Daemon,
    MeterState,
    NewInstallation,
    NewLine,
    NewMeter,
    NewPlan,
    NewUsagePoint,
)
from storage.errors import AlreadyThere, NotFound, Rejected
from storage.registry import Registry
from tests.storage.captures import T0

LINE = NewLine(name="bus 1", url="tcp://127.0.0.1:4001", protocol="dlt645", options={"pause_ms": 20, "名": "一"})
METER = NewMeter(name="m1", address="123456789012", model="x", line="bus 1", multiplier=Decimal("80.5"), created=T0)
POINT = NewUsagePoint(name="home", address="1 Main Street")
STAY = NewInstallation(point="home", meter="m1", start=T0, end=T0 + timedelta(days=9))
PLAN = NewPlan(name="energy", period_s=900, quantities=(BY_NAME["active_energy_import"],), valid_from=T0)
ALL = Additions(lines=(LINE,), meters=(METER,), points=(POINT,), installations=(STAY,), plans=(PLAN,))


async def test_what_is_added_is_listed(database: str) -> None:
    async with Registry(database) as registry:
        assert await registry.add(ALL) == 5
        (line,) = await registry.lines()
        meter = await registry.meter("m1")
        (point,) = await registry.usage_points()
        (stay,) = await registry.installations(["home"])
        (plan,) = await registry.plans()
    assert (line.name, line.url, line.options) == (LINE.name, LINE.url, LINE.options)
    assert (meter.line, meter.line_id, meter.multiplier) == ("bus 1", line.id, Decimal("80.5"))
    assert (meter.created, meter.state, meter.quantities) == (T0, MeterState.ACTIVE, None)
    assert (stay.point_id, stay.meter_id, stay.start, stay.end) == (point.id, meter.id, STAY.start, STAY.end)
    assert (plan.quantities, plan.period_s, plan.valid_from) == (PLAN.quantities, 900, T0)


async def test_an_import_can_be_repeated_when_asked(database: str) -> None:
    more = replace(METER, name="m2", address="2")
    async with Registry(database) as registry:
        await registry.add(ALL)
        with pytest.raises(AlreadyThere, match="bus 1"):
            await registry.add(ALL)
        assert await registry.add(replace(ALL, meters=(METER, more)), keep_existing=True) == 1
        assert [meter.name for meter in await registry.meters()] == ["m1", "m2"]


@pytest.mark.parametrize(
    ("wrong", "error", "said"),
    [
        (Additions(meters=(replace(METER, name="m2", line="bus 9"),)), NotFound, "bus 9"),
        (Additions(installations=(replace(STAY, meter="m9"),)), NotFound, "m9"),
        (Additions(installations=(replace(STAY, point="moon"),)), NotFound, "moon"),
        (Additions(meters=(replace(METER, name="m2"),)), AlreadyThere, "123456789012"),
        (Additions(meters=(replace(METER, name="m2", address="2", multiplier=Decimal(0)),)), Rejected, "multiplier"),
        (Additions(plans=(replace(PLAN, name="p2", period_s=0),)), Rejected, "period_s"),
        (Additions(lines=(replace(LINE, name=""),)), Rejected, "name"),
        (Additions(installations=(replace(STAY, start=T0 + timedelta(days=8), end=None),)), Rejected, "already"),
        (
            Additions(installations=(replace(STAY, start=T0 - timedelta(days=8), end=T0 - timedelta(days=9)),)),
            Rejected,
            "meter_installation",
        ),
    ],
)
async def test_a_refused_entry_takes_everything_back(
    plain_database: str, wrong: Additions, error: type[Rejected], said: str
) -> None:
    good = replace(METER, name="m0", address="0")
    async with Registry(plain_database) as registry:
        await registry.add(ALL)
        with pytest.raises(error, match=said):
            await registry.add(replace(wrong, meters=(good, *wrong.meters)))
        assert [meter.name for meter in await registry.meters()] == ["m1"]
        assert len(await registry.installations()) == 1


async def test_a_removed_meters_address_is_free_again(plain_database: str) -> None:
    async with Registry(plain_database) as registry:
        await registry.add(ALL)
        await registry.set_meter_state("m1", MeterState.REMOVED)
        await registry.add(Additions(meters=(replace(METER, name="m2"),)))
        assert [m.name for m in await registry.meters(states=[MeterState.ACTIVE])] == ["m2"]
        with pytest.raises(NotFound, match="m9"):
            await registry.set_meter_state("m9", MeterState.ACTIVE)
        with pytest.raises(NotFound, match="m9"):
            await registry.meter("m9")


async def test_a_meter_moves(plain_database: str) -> None:
    async with Registry(plain_database) as registry:
        await registry.add(replace(ALL, installations=(replace(STAY, end=None),)))
        await registry.end_installation("m1", T0 + timedelta(days=1))
        await registry.add(Additions(installations=(replace(STAY, start=T0 + timedelta(days=1), end=None),)))
        assert [i.end for i in await registry.installations()] == [T0 + timedelta(days=1), None]
        with pytest.raises(NotFound):
            await registry.end_installation("m2", T0)


async def test_a_daemons_last_sign_of_life_stands(plain_database: str) -> None:
    daemon = Daemon(name="main", pid=7, host="h", started=T0, seen=T0, counters={"stored": 1})
    later = replace(daemon, seen=T0 + timedelta(seconds=5), counters={"stored": 2})
    async with Registry(plain_database) as registry:
        await registry.beat(daemon)
        await registry.beat(later)
        assert await registry.daemons() == [later]
