"""Energies out of stored registers: every watt-hour where it was used, and nothing where it is not known."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from headend.series import stored
from headend.series.stored import energies, frame, step_of
from protocols.model import Capture, Quality
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewPlan
from storage.exchange import NewExchange, Removal
from storage.registers import Of, Registers
from storage.registry import Registry
from storage.topology import Topology
from storage.topology_entries import MultiplierChange, RegisterSource, TotalMeter
from storage.writer import Writer
from tests.storage.captures import T0, capture
from tests.storage.test_topology import NETWORK, meter

ZONE = ZoneInfo("Europe/London")
AUTUMN = (date(2026, 10, 25), date(2026, 10, 26))
"""25 hours."""
BEGIN = datetime(2026, 10, 24, 23, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
ENERGY = BY_NAME["active_energy_import"]


def registers(meter_id: int, off: timedelta = timedelta(0), missing: tuple[int, ...] = ()) -> list[Capture]:
    """0.1 kWh each quarter-hour."""
    return [
        capture(meter_id, BEGIN + n * QUARTER + off, values=(5_000_000 + 1000 * n,))
        for n in range(101)
        if n not in missing
    ]


async def ids(conninfo: str) -> dict[str, int]:
    async with Registry(conninfo) as registry:
        await registry.add(NETWORK)
        return {found.name: found.id for found in await registry.meters()}


async def test_a_day_of_25_hours_with_a_gap_and_a_doubtful_register(database: str) -> None:
    known = await ids(database)
    doubtful = capture(known["m1"], BEGIN + 50 * QUARTER, values=(1,), quality=(Quality.CLOCK_DOUBTFUL,))
    async with Writer(database) as writer:
        await writer.write([*registers(known["m1"], missing=(10, 50)), doubtful])
        await writer.write(registers(known["m2"], off=timedelta(seconds=20)))
    found = await energies(database, Of.METER, ["m2", "m1", "nobody"], AUTUMN, ZONE)
    assert found.names == ("m1", "m2")
    assert found.wh.shape == (100, 2)
    gaps = np.isnan(found.wh)
    assert list(np.nonzero(gaps[:, 0])[0]) == [9, 10, 49, 50]
    assert not gaps[:, 1].any()
    assert found.wh[~gaps] == pytest.approx(100.0)
    assert str(found.wall[4]) == str(found.wall[8]) == "2026-10-25T01:00:00"
    assert str(found.starts[0]) == "2026-10-24T23:00:00"
    half_hours = await energies(database, Of.METER, ["m1"], AUTUMN, ZONE, step_minutes=30, near=timedelta(0))
    assert np.nansum(half_hours.wh) == pytest.approx(200.0 * 46)


async def test_exchange_and_multiplier_at_a_point(plain_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    known = await ids(plain_database)
    at = BEGIN + 40 * QUARTER + timedelta(minutes=5)
    async with Registry(plain_database) as registry, Topology(plain_database) as topology:
        change = MultiplierChange(meter="m2", start=BEGIN + 20 * QUARTER, multiplier=Decimal(10), actor="li")
        await registry.add(Additions(multipliers=(change,)))
        async with Writer(plain_database) as writer:
            await writer.write(registers(known["m1"])[:41] + registers(known["m2"]))
        old = Removal(
            meter="m1", at=at, final={ENERGY: Decimal("504.02")}, source=RegisterSource.READ, actor="li", reason="x"
        )
        await topology.exchange(NewExchange(old=old, new=meter("m9"), initial={ENERGY: Decimal("7")}))
        new = (await registry.meter("m9")).id
        async with Writer(plain_database) as writer:
            await writer.write(
                [capture(new, BEGIN + n * QUARTER, values=(70_000 + 2000 * (n - 40),)) for n in (41, 42)]
            )
    monkeypatch.setattr(stored, "_CELLS", 101)
    found = await energies(plain_database, Of.POINT, None, AUTUMN, ZONE)
    assert found.names == ("p1", "p2")
    p1, p2 = found.wh[:, 0], found.wh[:, 1]
    assert p1[:40] == pytest.approx(100.0)
    assert p1[40:42] == pytest.approx([20.0 + 200.0, 200.0])
    assert np.isnan(p1[42:]).all()
    assert p2[:20] == pytest.approx(100.0)
    assert p2[20:] == pytest.approx(1000.0)


async def test_total_meters_add_up(plain_database: str) -> None:
    known = await ids(plain_database)
    async with Registry(plain_database) as registry:
        second = TotalMeter(meter="m2", area="a1", start=BEGIN + 50 * QUARTER)
        await registry.add(Additions(totals=(second,)))
    async with Writer(plain_database) as writer:
        await writer.write(registers(known["t1"]) + registers(known["m2"]) + registers(known["tf"], missing=(3,)))
    found = await energies(plain_database, Of.AREA, ["a1", "a2"], AUTUMN, ZONE)
    assert found.names == ("a1", "a2")
    assert found.wh[:50, 0] == pytest.approx(100.0)
    assert found.wh[50:, 0] == pytest.approx(200.0)
    assert np.isnan(found.wh[:, 1]).all(), "a total meter that was never read"
    feeder = await energies(plain_database, Of.FEEDER, None, AUTUMN, ZONE)
    assert np.isnan(feeder.wh[:, 0]).sum() == 2


async def test_a_register_that_went_down_leaves_a_gap_only_there(plain_database: str) -> None:
    known = await ids(plain_database)
    rows = registers(known["m1"])
    rows[30] = capture(known["m1"], rows[30].time, values=(1,))
    async with Writer(plain_database) as writer:
        await writer.write(rows)
    found = await energies(plain_database, Of.POINT, ["p1"], AUTUMN, ZONE)
    assert list(np.nonzero(np.isnan(found.wh[:, 0]))[0]) == [29, 30]


async def test_the_step_is_that_of_the_plans(plain_database: str) -> None:
    assert await step_of(plain_database) == 15
    async with Registry(plain_database) as registry:
        for period, step in ((60, 15), (1800, 30), (86400, 60)):
            plan = NewPlan(name="curve", period_s=period, quantities=(ENERGY,), valid_from=T0)
            await registry.keep_plans([plan], T0)
            assert await step_of(plain_database) == step


async def test_nothing_there(plain_database: str) -> None:
    found = await energies(plain_database, Of.POINT, None, AUTUMN, ZONE)
    assert (found.names, found.wh.shape) == ((), (100, 0))


async def test_names_of_a_span_are_those_that_have_energies(database: str) -> None:
    await ids(database)
    span = BEGIN, BEGIN + timedelta(hours=25)
    async with Registers(database) as registers:
        for of in Of:
            keys = await registers.keys(of, *span)
            assert tuple(keys) == (await energies(database, of, None, AUTUMN, ZONE)).names
            assert keys
        assert await registers.keys(Of.AREA, T0 - timedelta(days=2), T0) == []


async def test_a_frame_holds_the_same_by_half(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stored, "_CELLS", 101)
    known = await ids(database)
    async with Writer(database) as writer:
        await writer.write(registers(known["m1"], missing=(10,)))
        await writer.write(registers(known["m2"]))
    whole = await energies(database, Of.METER, None, AUTUMN, ZONE)
    half = await frame(database, Of.METER, None, AUTUMN, ZONE)
    assert half.names == whole.names
    assert half.values.dtype == np.dtype(np.float32)
    assert np.array_equal(half.values, whole.wh.astype(np.float32), equal_nan=True)
    assert np.array_equal(half.times, whole.wall)
    nobody = await frame(database, Of.METER, ["nobody"], AUTUMN, ZONE)
    assert (tuple(nobody.names), nobody.values.shape) == ((), (100, 0))
