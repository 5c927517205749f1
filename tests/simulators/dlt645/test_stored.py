"""Freezes and load records: what is stored is what the meter had at that moment, also before anybody asked it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from protocols.dlt645.items import item as standard_item
from protocols.dlt645.load_record import LoadRecord, decode_records
from protocols.dlt645.services.freeze import Freeze
from protocols.dlt645.services.freeze import freeze as freeze_order
from protocols.dlt645.services.read import Read, read_records
from protocols.dlt645.services.write import Write
from protocols.errors import Refused
from protocols.model import Quality
from protocols.quantities import BY_NAME
from simulators.dlt645 import Quirks
from simulators.meter import VirtualMeter
from tests.simulators.dlt645.lab import Lab, lab
from tests.simulators.meters import NOON, meter

CHINA = timedelta(hours=8)


def at_own(one: VirtualMeter, own: str) -> datetime:
    """When the clock of a meter that does not drift shows `own`."""
    return datetime.fromisoformat(own).replace(tzinfo=UTC) - CHINA - timedelta(seconds=one.clock_offset_s)


def had(one: VirtualMeter, name: str, own: str) -> Decimal | None:
    return one.value(BY_NAME[name], at_own(one, own))


@pytest.mark.parametrize(
    ("kind", "number", "own"),
    [
        ("06", 1, "2026-11-22T00:00"),
        ("06", 62, "2026-09-22T00:00"),
        ("F0", 1, "2026-11-01T00:00"),
        ("F0", 9, "2026-03-01T00:00"),
        ("00", 2, "2026-10-01T00:00"),
    ],
)
@pytest.mark.parametrize("offset_s", [0, -7])
async def test_a_freeze_is_what_was_so(kind: str, number: int, own: str, offset_s: int) -> None:
    held = meter(1, load="roof", clock_offset_s=offset_s)
    async with lab(meters=[held]) as line:
        assert await line.one(f"05{kind}00{number:02X}") == own
        for di1, name in (("01", "import"), ("02", "export")):
            found = await line.read(f"05{kind}{di1}{number:02X}")
            assert found == {
                f"active_energy_{name}{tail}": had(held, f"active_energy_{name}{tail}", own)
                for tail in ("", "_t1", "_t2", "_t3", "_t4")
            }
        powers = await line.read(f"05{kind}10{number:02X}")
        assert powers["active_power"] == had(held, "active_power", own)
        whole = await line.read(f"05{kind}FF{number:02X}")
        assert whole["active_energy_import_t2"] == had(held, "active_energy_import_t2", own)
        assert whole["reactive_energy_q1"] == had(held, "reactive_energy_q1", own)
        assert whole["active_demand_import_max"] == had(held, "active_demand_import_max", own)
        assert len([name for name in whole if name.endswith("_freeze_" + str(number) + "_time")]) == 1


async def test_hourly_freezes_and_their_interval() -> None:
    async with lab() as line:
        assert await line.one("05040001") == "2026-11-22T12:00"
        assert await line.one("050400FE") == "2026-11-11T23:00"
        found = await line.read("0504FF02")
        assert found["active_energy_import"] == had(line.meter, "active_energy_import", "2026-11-22T11:00")
        await line.order(Write("04001202", b"\x15"))
        line.wait(minutes=20)
        assert await line.one("05040001") == "2026-11-22T12:45"
        assert await line.one("05040002") == "2026-11-22T12:00"


async def test_a_freeze_at_once() -> None:
    async with lab() as line:
        with pytest.raises(Refused):
            await line.one("05010001")
        moments = []
        for _ in range(4):
            line.wait(minutes=3, seconds=10)
            await line.run(freeze_order(line.station.address, Freeze()))
            moments.append(line.now)
        line.wait(hours=2)
        for number, moment in zip((1, 2, 3), reversed(moments), strict=False):
            assert await line.one(f"050100{number:02X}") == line.meter.clock(moment).isoformat(timespec="minutes")
            energy = (await line.read(f"050101{number:02X}"))["active_energy_import"]
            assert energy == line.meter.value(BY_NAME["active_energy_import"], moment)


async def test_a_freeze_for_everybody_at_a_time_of_its_own() -> None:
    async with lab() as line:
        await line.run(freeze_order("999999999999", Freeze(minute=40, hour=12)))
        line.wait(days=2)
        freezes = [await line.one(f"050000{number:02X}") for number in (1, 2, 3)]
        assert freezes == ["2026-11-23T12:40", "2026-11-22T12:40", "2026-11-01T00:00"]
        found = await line.read("05000101")
        assert found["active_energy_import"] == had(line.meter, "active_energy_import", "2026-11-23T12:40")


@pytest.mark.parametrize(
    ("when", "last"),
    [
        (Freeze(minute=20), "2026-11-22T15:20"),
        (Freeze(minute=30, hour=15), "2026-11-22T15:30"),
        (Freeze(minute=0, hour=15, day=22), "2026-11-22T15:00"),
        (Freeze(minute=0, hour=15, day=23), "2026-11-01T00:00"),
    ],
)
async def test_every_hour_every_day_every_month(when: Freeze, last: str) -> None:
    async with lab() as line:
        await line.run(freeze_order(line.station.address, when))
        line.wait(hours=3)
        assert await line.one("05000001") == last


async def test_the_mode_word_leaves_things_out_from_then_on() -> None:
    async with lab() as line:
        await line.order(Write("04000902", bytes((0b10000001,))))
        line.wait(days=1)
        whole = await line.read("0506FF01")
        assert whole["active_energy_import"] == had(line.meter, "active_energy_import", "2026-11-23T00:00")
        assert "active_energy_export" not in whole
        assert "active_power" in whole
        with pytest.raises(Refused):
            await line.read("05060201")
        assert "active_energy_export" in await line.read("0506FF02"), "of the day before all had been frozen"


async def records(line: Lab, code: str, count: int, since: str | None = None) -> list[LoadRecord]:
    data = await line.run(read_records(line.station.address, Read(code, count, since)))
    return decode_records(standard_item(code), data)


def check(one: VirtualMeter, record: LoadRecord) -> int:
    """All values of the record are those of its moment; how many."""
    assert record.good
    assert record.time is not None
    for value in record.values:
        if value.quality is Quality.GOOD:
            assert value.decimal == had(one, value.part.name, record.time), value.part.name
    return len(record.values)


async def test_load_records_are_what_was_so() -> None:
    async with lab() as line:
        (latest,) = await records(line, "06000002", 1)
        assert latest.time == "2026-11-22T12:30"
        assert check(line.meter, latest) == 7 + 8 + 4 + 4 + 4 + 2
        since = await records(line, "06000001", 8, "2026-11-21T22:50")
        assert [one.time for one in since][:2] == ["2026-11-21T23:00", "2026-11-21T23:15"]
        assert len(since) == 8, "in follow-up frames"
        assert sum(check(line.meter, one) for one in since) == 8 * 29
        (energies,) = await records(line, "06040001", 1, "2026-11-22T06:00")
        assert {value.part.name for value in energies.values} == {
            "active_energy_import", "active_energy_export", "reactive_energy_import", "reactive_energy_export",
        }  # fmt: skip
        assert check(line.meter, energies) == 4


async def test_the_oldest_is_overwritten() -> None:
    async with lab(profile_records=10) as line:
        assert [one.time for one in await records(line, "06020000", 2)] == ["2026-11-22T10:15", "2026-11-22T10:30"]
        line.wait(minutes=30)
        assert (await records(line, "06020000", 1))[0].time == "2026-11-22T10:45"
        assert len(await records(line, "06020000", 99)) == 10


async def test_meters_that_came_with_another_interval() -> None:
    async with lab(profile_minutes=1, profile_records=40) as line:
        times = [one.time for one in await records(line, "06040001", 3, "2026-11-22T12:07")]
        assert times == ["2026-11-22T12:07", "2026-11-22T12:08", "2026-11-22T12:09"]
        assert line.station.memory(line.now).number("load_interval_4", "04000A05") == 1


async def test_no_record_matches() -> None:
    async with lab() as line:
        assert await records(line, "06010001", 5, "2026-11-22T13:00") == []
        with pytest.raises(Refused):
            await line.run(read_records(line.station.address, Read("06010001")))


async def test_intervals_and_mode_word() -> None:
    async with lab() as line:
        await line.order(Write("04000A02", bytes.fromhex("0500")))
        await line.order(Write("04000901", bytes((0b001001,))))
        line.wait(minutes=16)
        times = [one.time for one in await records(line, "06010001", 9, "2026-11-22T12:15")]
        assert times == [f"2026-11-22T12:{minute}" for minute in (15, 30, 35, 40, 45)]
        every = await records(line, "06000001", 9, "2026-11-22T12:31")
        assert [len(one.values) for one in every] == [7, 7, 11], "class 4 at the quarter only, class 2 no more"
        assert sum(check(line.meter, one) for one in every) == 25
        assert len(await records(line, "06020001", 9, "2026-11-22T12:31")) == 0


async def test_no_voltage_no_record() -> None:
    async with lab() as line:
        line.wait(minutes=10)
        line.happen("power_down", seconds=1800)
        line.wait(minutes=40)
        times = [one.time for one in await records(line, "06040001", 9, "2026-11-22T12:15")]
        assert times == ["2026-11-22T12:15", "2026-11-22T12:30", "2026-11-22T13:15"]


async def test_a_clock_that_is_set_makes_holes_and_doubles() -> None:
    async with lab() as line:
        line.wait(minutes=10)
        line.station.memory(line.now).set_clock(datetime(2026, 11, 22, 12, 47), "00000000", line.now)  # noqa: DTZ001
        line.wait(minutes=14)
        line.station.memory(line.now).set_clock(datetime(2026, 11, 22, 12, 59), "00000000", line.now)  # noqa: DTZ001
        line.wait(minutes=2)
        found = [one.time for one in await records(line, "06040001", 9, "2026-11-22T12:15")]
        assert found == ["2026-11-22T12:15", "2026-11-22T12:30", "2026-11-22T13:00", "2026-11-22T13:00"]


async def test_a_drifting_meter_stores_by_its_own_clock() -> None:
    held = meter(1, load="works", drift_ppm=200, drift_from=NOON - timedelta(days=1))
    async with lab(meters=[held]) as line:
        line.wait(days=3)
        latest = (await records(line, "06040002", 1))[0]
        assert latest.time is not None
        own = datetime.fromisoformat(latest.time)
        quantity = BY_NAME["active_energy_import"]
        value = next(v for v in latest.values if v.part.quantity == quantity)
        moment = line.now
        while held.clock(moment) >= own:
            moment -= timedelta(milliseconds=100)
        assert value.decimal == held.value(quantity, moment + timedelta(milliseconds=100))
        assert moment < own.replace(tzinfo=UTC) - CHINA - timedelta(seconds=60), "four days at 200 ppm: 69 s"


async def test_a_cleared_meter_has_stored_nothing() -> None:
    async with lab() as line:
        line.station.memory(line.now).clear_meter("00000000", line.now)
        assert await records(line, "06040000", 9) == []
        with pytest.raises(Refused):
            await line.one("05060001")
        line.wait(days=1)
        (energies,) = await records(line, "06040002", 1)
        assert energies.values[0].decimal == had(line.meter, "active_energy_import", str(energies.time))
        assert await line.one("05060001") == "2026-11-23T00:00"


async def test_small_frames_hold_long_answers() -> None:
    async with lab(Quirks(most_data=20)) as line:
        assert check(line.meter, (await records(line, "06000002", 1))[0]) == 29
        found: dict[str, Any] = await line.read("0506FF01")
        assert found["active_energy_import"] == had(line.meter, "active_energy_import", "2026-11-22T00:00")
