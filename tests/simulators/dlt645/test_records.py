"""What a meter writes down about itself, and what is read back of what was written."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from protocols.dlt645.items import item as standard_item
from protocols.dlt645.services.clear import ClearDemand, ClearEvents, ClearMeter
from protocols.dlt645.services.clock import set_time
from protocols.dlt645.services.write import Write
from protocols.errors import Refused
from protocols.quantities import BY_NAME
from simulators.load import DEMAND_S
from tests.simulators.dlt645.lab import Lab, lab


def written(code: str, *values: int | str | None) -> Write:
    return Write(code, standard_item(code).encode(list(values)), "0000CAFE")


async def test_power_down_is_silent_and_recorded() -> None:
    async with lab() as line:
        energy = BY_NAME["active_energy_import"]
        line.happen("power_down", seconds=125)
        begin = line.meter.value(energy, line.now)
        line.wait(seconds=124)
        line.is_silent(line.reading("00010000"))
        assert line.meter.value(BY_NAME["voltage_l1"], line.now) == 0
        line.wait(seconds=1)
        assert await line.one("00010000") == begin, "no energy meanwhile"
        assert await line.one("03110000") == 1
        assert await line.read("03110001") == {"start": "2026-11-22T12:30:07", "end": "2026-11-22T12:32:12"}
        assert [at.second for _, at in line.changes] == [7, 12]


@pytest.mark.parametrize(("kind", "code"), [("cover_open", "03300D"), ("terminal_cover_open", "03300E")])
async def test_covers(kind: str, code: str) -> None:
    async with lab() as line:
        before = line.meter.values(line.now)
        line.happen(kind, seconds=3600)
        line.wait(minutes=1)
        assert (await line.read(code + "01"))["end"] is None
        line.wait(hours=2)
        assert await line.one(code + "00") == 1
        record = await line.read(code + "01")
        assert (record["start"], record["end"]) == ("2026-11-22T12:30:07", "2026-11-22T13:30:07")
        assert record["active_energy_import_before"] == before[BY_NAME["active_energy_import"]]
        assert record["active_energy_import_after"] > record["active_energy_import_before"]


async def test_the_last_ten_are_kept_and_all_are_counted() -> None:
    async with lab() as line:
        for _ in range(12):
            line.wait(minutes=1)
            line.happen("cover_open", seconds=10)
        line.wait(minutes=1)
        assert await line.one("03300D00") == 12
        starts = [(await line.read(f"03300D{number:02X}"))["start"] for number in range(1, 11)]
        assert starts == [f"2026-11-22T12:{minute}:07" for minute in range(42, 32, -1)]


async def test_what_never_happened() -> None:
    async with lab() as line:
        for code in ("03110000", "03300100", "03300D00", "1D000001"):
            assert await line.one(code) == 0
        record = await line.read("03300D01")
        assert record["start"] is None
        with pytest.raises(Refused):
            await line.read("03100000")


@pytest.mark.parametrize(
    ("code", "values"),
    [
        ("04000204", (8,)),
        ("04000403", ("CABINET 7",)),
        ("04000106", ("2027-01-01T00:00",)),
        ("04000B01", ("15T08",)),
        ("04000E01", (123456,)),
        ("04000901", (0b101,)),
        ("04030001", ("2026-10-01 3",)),
        ("0404010A", ("00010000",)),
        ("04050101", (5210,)),
        ("04010000", (*(f"{n:02d}-01 {n}" for n in range(1, 13)), None, None)),
        ("04020003", ("06:30 2", "22:00 4", *(None,) * 12)),
    ],
)
async def test_what_is_written_is_read_back(code: str, values: tuple[Any, ...]) -> None:
    async with lab() as line:
        was = await line.values(code)
        await line.order(written(code, *values))
        found = await line.values(code)
        assert [value.number if value.number is not None else value.text for value in found] == list(values)
        assert found != was
        record = await line.read("03300001")
        assert (record["time"], record["operator"], record["item_1"]) == ("2026-11-22T12:30:07", "0000CAFE", code)


async def test_parameters_of_one_name_are_apart() -> None:
    async with lab() as line:
        await line.order(written("04010001", "06:30 2", *(None,) * 13))
        await line.order(written("04010002", "07:30 3", *(None,) * 13))
        assert (await line.read("04010001"))["period_1"] == "06:30 2"
        assert (await line.read("04010002"))["period_1"] == "07:30 3"
        assert (await line.read("04020001"))["period_1"] is None


@pytest.mark.parametrize(
    ("write", "code"),
    [
        (Write("00010000", bytes(4)), "02"),
        (Write("04000409", bytes(3)), "02"),
        (Write("FFFFFFFF", bytes(3)), "02"),
        (Write("04000204", bytes(2)), "01"),
        (Write("04000204", b"\x0a"), "01"),
        (Write("04000201", b"\x15"), "10"),
        (Write("04000203", b"\x15"), "20"),
        (Write("04000204", b"\x99"), "40"),
    ],
)
async def test_what_cannot_be_written(write: Write, code: str) -> None:
    async with lab() as line:
        with pytest.raises(Refused) as refusal:
            await line.order(write)
        assert refusal.value.code == code
        assert await line.one("03300000") == 0


async def test_what_stood_there_before_is_recorded() -> None:
    async with lab() as line:
        await line.order(written("04000802", 3))
        await line.order(written("04000802", 5))
        assert (await line.read("03300701"))["weekend_day_table_before"] == 3
        await line.order(written("04000B02", "20T06"))
        assert (await line.read("03300C01"))["settlement_day_2_before"] is None
        await line.order(written("04000B02", "21T06"))
        assert (await line.read("03300C01"))["settlement_day_2_before"] == "20T06"
        await line.order(written("04020003", "06:30 2", *(None,) * 13))
        await line.order(written("04020003", "08:30 2", *(None,) * 13))
        assert (await line.read("03300501"))["set_2_table_3_period_1"] == "06:30 2"
        await line.order(written("04010000", "01-01 1", *(None,) * 13))
        await line.order(written("04010000", "02-01 1", *(None,) * 13))
        assert (await line.read("03300601"))["set_1_season_1"] == "01-01 1"


async def test_demand_is_cleared() -> None:
    async with lab() as line:
        before = await line.read("01010000")
        await line.order(ClearDemand("0000CAFE"))
        assert await line.read("01010000") == {"active_demand_import_max": 0, "active_demand_import_max_time": None}
        record = await line.read("03300201")
        assert record["operator"] == "0000CAFE"
        assert record["active_demand_import_max_before"] == before["active_demand_import_max"] > 0
        assert record["active_demand_import_max_before_time"] == before["active_demand_import_max_time"]
        line.wait(hours=2)
        after = await line.read("01010000")
        cleared, now = line.meter.second(line.changes[0][1]), line.meter.second(line.now)
        ends = range(now // DEMAND_S * DEMAND_S, cleared, -DEMAND_S)
        assert after["active_demand_import_max"] == Decimal(max(line.meter.load.taken.average(e) for e in ends)) / 1000


async def test_a_meter_is_cleared() -> None:
    async with lab() as line:
        line.happen("cover_open", seconds=1)
        before = await line.read("0001FF00")
        await line.order(ClearMeter("0000CAFE"), level=2)
        zero = await line.read("0001FF00")
        assert set(zero.values()) == {0}
        assert await line.one("03300D00") == 0
        assert await line.one("03300100") == 1
        record = await line.read("03300101")
        assert record["active_energy_import_before"] == before["active_energy_import"]
        cleared = line.now
        line.wait(hours=1)
        load, second = line.meter.load.taken, line.meter.second
        flowed = sum(load.energies(second(line.now))) - sum(load.energies(second(cleared)))
        assert await line.one("00010000") == Decimal(flowed * 100 // 3_600_000) / 100


async def test_events_are_cleared_but_for_the_clearings() -> None:
    async with lab() as line:
        line.happen("cover_open", seconds=1)
        line.happen("terminal_cover_open", seconds=1)
        await line.order(ClearDemand())
        await line.order(ClearEvents("03300DFF", "0000CAFE"), level=2)
        assert (await line.one("03300D00"), await line.one("03300E00")) == (0, 1)
        assert (await line.read("03300301"))["item"] == "03300DFF"
        await line.order(ClearEvents(), level=2)
        assert (await line.one("03300E00"), await line.one("03300200"), await line.one("03300300")) == (0, 1, 2)


async def test_long_records_come_in_follow_up_frames() -> None:
    async with lab() as line:
        await line.order(written("04010001", "06:30 2", *(None,) * 13))
        assert standard_item("03300501").longest > 600
        assert (await line.read("03300501"))["operator"] == "0000CAFE"


async def clock(line: Lab) -> str:
    return str(await line.one("0400010C"))


async def test_a_broadcast_time_is_taken_once_a_day() -> None:
    async with lab() as line:
        await line.run(set_time("2026-11-22T12:34:00"))
        assert await clock(line) == "2026-11-22T12:34:00"
        assert await line.read("03300401") == {
            "operator": "00000000", "clock_before": "2026-11-22T12:30:07", "clock_after": "2026-11-22T12:34:00",
        }  # fmt: skip
        line.wait(hours=1)
        await line.run(set_time("2026-11-22T13:33:00"))
        assert await clock(line) == "2026-11-22T13:34:00"
        line.wait(days=1)
        await line.run(set_time("2026-11-23T13:33:00", line.station.address))
        assert await clock(line) == "2026-11-23T13:33:00"
        assert await line.one("03300400") == 2


@pytest.mark.parametrize("announced", ["2026-11-22T12:35:08", "2026-11-22T12:25:06", "2026-11-23T12:30:07"])
async def test_a_time_too_far_off_is_not_believed(announced: str) -> None:
    async with lab() as line:
        await line.run(set_time(announced))
        assert await clock(line) == "2026-11-22T12:30:07"
        assert await line.one("03300400") == 0


@pytest.mark.parametrize(
    ("shown", "announced", "taken"),
    [
        ("23:58:00", "23:58:30", False),
        ("00:01:00", "00:01:30", False),
        ("00:03:00", "00:07:00", False),
        ("00:07:00", "00:03:00", False),
        ("23:53:00", "23:56:00", False),
        ("23:53:00", "23:54:59", True),
        ("00:05:00", "00:06:00", True),
    ],
)
async def test_nor_is_one_near_midnight(shown: str, announced: str, taken: bool) -> None:
    async with lab() as line:
        own = datetime.fromisoformat(f"2026-11-24T{shown}")
        line.now += own - line.meter.clock(line.now)
        await line.run(set_time(f"2026-11-24T{announced}"))
        assert await clock(line) == f"2026-11-24T{announced if taken else shown}"


async def test_a_written_clock_is_the_clock() -> None:
    async with lab() as line:
        await line.order(written("0400010C", "2027-02-03T04:05:06"))
        line.wait(seconds=10)
        assert await clock(line) == "2027-02-03T04:05:16"
        await line.order(written("04000101", "2026-12-24"))
        await line.order(written("04000102", "18:00:00"))
        assert await clock(line) == "2026-12-24T18:00:00"
        assert await line.one("03300400") == 3
