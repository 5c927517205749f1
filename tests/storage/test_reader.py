"""Reading back: exact values, the newest ones, and what is missing with its reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import psycopg

from protocols.model import Quality
from protocols.quantities import BY_NAME
from storage.entries import Additions, MeterState, NewLine, NewMeter, NewPlan
from storage.reader import Count, Gaps, MissingSlot, Reader, Totals
from storage.registry import Registry
from storage.writer import Miss, Writer
from tests.storage.captures import GOOD, NA, T0, capture

ENERGY, EXPORT, FREQUENCY = BY_NAME["active_energy_import"], BY_NAME["active_energy_export"], BY_NAME["frequency"]
QUARTER = timedelta(minutes=15)
DAY = timedelta(days=1)


async def meters(conninfo: str, count: int, *plans: NewPlan, created: datetime = T0 - 9 * DAY) -> list[int]:
    """Register that many meters on one line; their ids."""
    line = NewLine(name="line", url="tcp://127.0.0.1:1", protocol="dlt645")
    new = tuple(
        NewMeter(name=f"m{n}", address=str(n), model="x", line="line", created=created) for n in range(1, count + 1)
    )
    async with Registry(conninfo) as registry:
        await registry.add(Additions(lines=(line,), meters=new, plans=plans))
        return [meter.id for meter in await registry.meters()]


async def test_readings_are_exact_and_say_what_the_meter_said(database: str) -> None:
    async with Writer(database) as writer, Reader(database) as reader:
        await writer.write([
            capture(3, values=(9_007_199_254_740_993, None, -1), quality=(GOOD, NA)),
            capture(3, T0 + QUARTER, layout=4, values=(None,) * 7 + (49_987,)),
            capture(4),
        ])  # fmt: skip
        found = await reader.readings([3], T0, T0 + DAY)
        only = await reader.readings([3, 4], T0, T0 + QUARTER, [ENERGY])
    assert [(r.quantity.name, r.value, r.quality) for r in found] == [
        ("active_energy_import", Decimal("900719925474.0993"), GOOD),
        ("active_energy_import_t1", None, NA),
        ("active_energy_import_t2", Decimal("-0.0001"), GOOD),
        ("frequency", Decimal("49.987"), GOOD),
    ]
    assert (found[0].time, found[0].received, found[0].time.utcoffset()) == (
        T0,
        T0 + timedelta(seconds=3),
        timedelta(0),
    )
    assert [(r.meter_id, r.value) for r in only] == [(3, found[0].value), (4, Decimal("0.0001"))]


async def test_the_views_are_exact_for_people_who_write_sql(database: str) -> None:
    (meter_id,) = await meters(database, 1)
    async with Writer(database) as writer:
        await writer.write([capture(meter_id, values=(2**63 - 1, None, 5), quality=(GOOD, NA, Quality(2)))])
    with psycopg.connect(database) as connection:
        narrow = connection.execute("SELECT quantity, value, quality FROM reading ORDER BY quantity").fetchall()
        named = connection.execute(
            "SELECT meter, quantity, obis, value::text, unit, quality FROM reading_named"
        ).fetchall()
    assert narrow == [(1, 2**63 - 1, 0), (2, None, 1), (3, 5, 2)]
    assert sorted(named) == [
        ("m1", "active_energy_import", "1-0:1.8.0*255", "922337203685477.5807", "kWh", 0),
        ("m1", "active_energy_import_t1", "1-0:1.8.1*255", None, "kWh", 1),
        ("m1", "active_energy_import_t2", "1-0:1.8.2*255", "0.0005", "kWh", 2),
    ]


async def test_every_position_has_its_own_byte_in_the_view(database: str) -> None:
    async with Writer(database) as writer, Reader(database) as reader:
        await writer.write([capture(1, layout=4, values=(None,) * 8, quality=(Quality(2),) * 7 + (NA,))])
        await writer.write([capture(2, layout=4, values=range(8))])
        found = await reader.readings([1, 2], T0, T0 + DAY)
    assert [(r.quantity.id, r.value, r.quality) for r in found[:8]] == [
        (20 + k, None, NA if k == 7 else Quality.OUT_OF_RANGE) for k in range(8)
    ]
    assert [r.quantity.steps(r.value) for r in found[8:] if r.value is not None] == list(range(8))


async def test_latest_is_per_quantity_and_bounded(database: str) -> None:
    first, second, third = await meters(database, 3)
    now = T0 + timedelta(hours=1)
    async with Writer(database) as writer, Reader(database) as reader:
        await writer.write([
            capture(first, T0 - 3 * DAY, values=[1] * 7),
            capture(first, T0, values=(2, None, None, None, None, 20)),
            capture(first, T0 + QUARTER, values=(3,)),
            capture(first, T0 + 2 * QUARTER, values=(None,), quality=(NA,)),
            capture(second, T0 - 3 * DAY),
            capture(second, T0 - 2 * DAY, layout=4, values=[230_000]),
        ])  # fmt: skip
        found = await reader.latest(None, now, DAY)
        wide = await reader.latest([second, third], now, 30 * DAY, [ENERGY, BY_NAME["voltage_l1"]])
    assert [(r.meter_id, r.quantity, r.value, r.quality) for r in found] == [
        (first, ENERGY, None, NA),
        (first, EXPORT, Decimal("0.0020"), GOOD),
    ]
    assert [r.age(now) for r in found] == [timedelta(minutes=30), timedelta(hours=1)]
    assert [(r.meter_id, r.quantity.name, r.value) for r in wide] == [
        (second, "active_energy_import", Decimal("0.0001")),
        (second, "voltage_l1", Decimal(230)),
    ]


async def test_counts(database: str) -> None:
    async with Writer(database) as writer, Reader(database) as reader:
        await writer.write(
            [capture(1), capture(1, T0 + QUARTER), capture(1, layout=4, values=[1]), capture(2, T0 + DAY)]
        )
        assert await reader.counts(T0, T0 + DAY) == [
            Count(1, 1, 2, 14, T0, T0 + QUARTER),
            Count(1, 4, 1, 1, T0, T0),
        ]
        assert await reader.totals(T0, T0 + 2 * DAY) == Totals(4, 22)
        assert await reader.totals(T0, T0 + 2 * DAY, [2]) == Totals(1, 7)
        assert await reader.totals(T0 - DAY, T0) == Totals(0, 0)


async def test_what_was_expected_and_is_not_there(database: str) -> None:
    quarterly = NewPlan(name="energy", period_s=900, quantities=(ENERGY, EXPORT), valid_from=T0 + timedelta(minutes=1))
    hourly = NewPlan(name="all", period_s=3600, quantities=(ENERGY, FREQUENCY), valid_from=T0)
    one, two = await meters(database, 2, quarterly, hourly)
    end = T0 + timedelta(hours=1)
    times = [T0 + n * QUARTER for n in range(4)]
    async with Writer(database) as writer, Reader(database) as reader, Registry(database) as registry:
        assert await reader.gaps(T0, end) == Gaps(10, 0, {"not_collected": 10})
        await writer.write([capture(one, time) for time in times])
        await writer.write([capture(two, times[2], layout=4), capture(two, times[3])])
        await writer.write_misses([
            Miss(two, 1, times[1], "no_answer", times[1] + timedelta(minutes=2)),
            Miss(one, 1, times[1], "late", times[2]),  # came after all: no longer missing
        ])  # fmt: skip
        assert await reader.expected_missing(T0, end) == [
            MissingSlot(two, 1, times[2], "not_collected", None),
            MissingSlot(two, 1, times[1], "no_answer", times[1] + timedelta(minutes=2)),
            MissingSlot(one, 4, times[0], "not_collected", None),
            MissingSlot(two, 1, times[0], "not_collected", None),
            MissingSlot(two, 4, times[0], "not_collected", None),
        ]
        assert await reader.gaps(T0, end) == Gaps(10, 5, {"no_answer": 1, "not_collected": 4})
        assert len(await reader.expected_missing(T0, end, [two])) == 4
        assert len(await reader.expected_missing(T0, end, limit=2)) == 2
        await registry.set_meter_state("m2", MeterState.SUSPENDED, at=T0)
        assert await reader.gaps(T0, end) == Gaps(5, 4, {"not_collected": 1})
        assert await reader.gaps(T0 - DAY, T0) == Gaps(0, 0, {})


async def test_nothing_is_expected_of_a_meter_before_it_was_there_nor_of_what_it_cannot_give(database: str) -> None:
    plan = NewPlan(name="p", period_s=900, quantities=(ENERGY, FREQUENCY), valid_from=datetime(2020, 1, 1, tzinfo=UTC))
    (meter_id,) = await meters(database, 1, plan, created=T0 + timedelta(minutes=20))
    simple = NewMeter(name="simple", address="7", model="x", line="line", quantities=(ENERGY,), created=T0)
    async with Registry(database) as registry, Reader(database) as reader:
        await registry.add(Additions(meters=(simple,)))
        other = (await registry.meter("simple")).id
        missing = await reader.expected_missing(T0, T0 + timedelta(hours=1))
    assert sorted((slot.meter_id, slot.layout, slot.time) for slot in missing) == sorted(
        [(meter_id, layout, T0 + n * QUARTER) for n in (2, 3) for layout in (1, 4)]
        + [(other, 1, T0 + n * QUARTER) for n in range(4)]
    )
