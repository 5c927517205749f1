"""What a bill stands on: roll-overs, contracts, reactive energy, demand, first supply, intervals that are validated."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from storage.registry import Registry
from storage.writer import Writer
from tests.headend.billing.site import read
from tests.headend.command import Headend, Ran
from tests.storage.captures import capture

TOTAL = ("active_energy_import",)
FIRST, LAST = "2026-04-01T00:00:00+08:00", "2026-05-01T00:00:00+08:00"
HEAD = """
currency = "CNY"
zone = "Asia/Shanghai"
[[version]]
valid_from = 2025-01-01
"""
FLAT = f"""
name = "flat"
{HEAD}
[[version.energy]]
prices = {{ total = 0.5 }}
"""
PLANT = f"""
name = "plant"
{HEAD}
days_per_month = 30
power_factor = {{ standard = 0.90 }}
[[version.energy]]
prices = {{ total = 0.5 }}
[[version.basic]]
by = "capacity"
price = 30
choice = "capacity"
[[version.basic]]
by = "demand"
price = 40
choice = "demand"
"""
CLOCK = f"""
name = "clock"
{HEAD}
rates = {{ t2 = "peak", t4 = "valley" }}
[[version.schedule]]
bands = {{ valley = ["00:00-08:00", "22:00-24:00"], peak = ["08:00-22:00"] }}
[[version.energy]]
prices = {{ peak = 0.6, valley = 0.3 }}
[[version.basic]]
by = "demand"
price = 1
"""


@pytest.fixture
def bill(headend: Headend, billed: Path) -> Any:
    """`bill(TARIFF, ...)`: roof's April by that tariff."""

    def told(tariff: str, *more: str, cycle: str = "2026-04") -> Ran:
        file = billed.parent / "own.toml"
        file.write_text(tariff, encoding="utf-8")
        return headend("bill", "roof", "--cycle", cycle, "--tariff", file, *more, "--json", "--config", billed)

    return told


def test_a_register_of_six_digits_rolls_over(bill: Any, conninfo: str) -> None:
    read(conninfo, "m3", FIRST, "999900", names=TOTAL)
    read(conninfo, "m3", LAST, "100.5", names=TOTAL)
    found = bill(FLAT).document
    assert (found["total"], found["registers"][0]["rolled_over"]) == ("100.25", True)


def test_a_reset_that_nobody_recorded_is_no_roll_over(bill: Any, conninfo: str) -> None:
    """Of 30 kW no more than 21,600 kWh in April."""
    read(conninfo, "m3", FIRST, "900000", names=TOTAL)
    read(conninfo, "m3", LAST, "5", names=TOTAL)
    ran = bill(FLAT)
    assert ran.code == 1
    assert "too much for a roll-over of 6 digits" in ran.document["error"]["message"]


def test_a_new_transformer_within_the_cycle(bill: Any, headend: Headend, billed: Path, conninfo: str) -> None:
    read(conninfo, "m3", FIRST, "100", names=TOTAL)
    read(conninfo, "m3", "2026-04-10T12:00:00+08:00", "110", names=TOTAL)
    read(conninfo, "m3", LAST, "130", names=TOTAL)
    words = ["multiplier", "m3", "20", "--at", "2026-04-10T12:00:00+08:00", "--by", "li"]
    ran = headend("meter", *words, "--config", billed)
    assert ran.code == 0, ran.err
    found = bill(FLAT).document
    assert [(use["multiplier"], use["energy"]) for use in found["registers"]] == [("1", "10"), ("20", "400")]


def test_the_first_bill_begins_with_the_first_meter(bill: Any, conninfo: str) -> None:
    read(conninfo, "m3", "2026-01-02T00:00:00+08:00", "0.5", names=TOTAL)
    read(conninfo, "m3", "2026-02-01T00:00:00+08:00", "100.5", names=TOTAL)
    found = bill(FLAT, cycle="2026-01").document
    assert (found["total"], found["from"]) == ("50.00", "2026-01-01T16:00:00+00:00")
    assert "supplied from 2026-01-01T16:00:00+00:00" in found["notes"][0]


def plant(conninfo: str, reactive: tuple[str, str]) -> None:
    """1000 kWh, 500 kvarh in two registers, and a demand of 7.5 kW that the meter shows from the 20th on."""
    for time, kwh, kvarh in ((FIRST, "0", ("0", "0")), (LAST, "1000", ("400", "100"))):
        read(conninfo, "m3", time, kwh, *kvarh, names=(*TOTAL, *reactive))
    for time, kw in ((FIRST, "99"), ("2026-04-10T00:00:00+08:00", "5"), ("2026-04-20T00:00:00+08:00", "7.5")):
        read(conninfo, "m3", time, kw, names=("active_demand_import_max",))


@pytest.mark.parametrize(
    ("reactive", "rule"),
    [
        (("reactive_energy_q1", "reactive_energy_q4"), "Q1 + Q4"),
        (("reactive_energy_import", "reactive_energy_export"), "combined reactive 1 + 2"),
    ],
)
def test_reactive_energy_and_demand_by_registers(
    bill: Any, headend: Headend, billed: Path, conninfo: str, reactive: tuple[str, str], rule: str
) -> None:
    plant(conninfo, reactive)
    agreed = ["contract", "roof", "--from", "2026-01-01", "--basic-charge", "demand", "--by", "li"]
    assert headend("point", *agreed, "--config", billed).code == 0
    found = bill(PLANT).document
    assert found["determinants"]["reactive"] == "500"
    assert found["determinants"]["demand"] == {"total": {"kw": "7.5", "time": None, "source": ""}}
    assert f"reactive energy by {rule}" in found["notes"]
    lines = {line["id"]: line for line in found["lines"]}
    assert lines["basic"]["amount"] == "300.00"
    assert "power factor 0.89 of standard 0.90: 0.5 % (cn-1983)" in lines["power_factor"]["notes"]


def shown(conninfo: str, time: str, kw: str, occurred: str) -> None:
    """What the maximum register showed, with the time that it told."""
    seconds = str(int(datetime.fromisoformat(occurred).timestamp()))
    names = ("active_demand_import_max", "active_demand_import_max_time")
    read(conninfo, "m3", time, kw, seconds, names=names)


@pytest.fixture
def by_demand(headend: Headend, billed: Path, conninfo: str) -> None:
    """1000 kWh and 500 kvarh in April, and the basic charge by demand is chosen."""
    for time, kwh, kvarh in ((FIRST, "0", ("0", "0")), (LAST, "1000", ("400", "100"))):
        read(conninfo, "m3", time, kwh, *kvarh, names=(*TOTAL, "reactive_energy_q1", "reactive_energy_q4"))
    agreed = ["contract", "roof", "--from", "2026-01-01", "--basic-charge", "demand", "--by", "li"]
    assert headend("point", *agreed, "--config", billed).code == 0


@pytest.mark.usefixtures("by_demand")
def test_the_highest_demand_has_the_meter_s_own_time(bill: Any, conninfo: str) -> None:
    shown(conninfo, "2026-04-10T00:00:00+08:00", "5", "2026-04-09T10:15:00+08:00")
    shown(conninfo, LAST, "7.5", "2026-04-19T18:30:00+08:00")
    found = bill(PLANT).document
    told = {"kw": "7.5", "time": "2026-04-19T10:30:00+00:00", "source": "meter"}
    assert found["determinants"]["demand"] == {"total": told}
    (basic,) = [line for line in found["lines"] if line["id"] == "basic"]
    assert (basic["amount"], basic["notes"]) == ("300.00", ["7.5 kW at 2026-04-19T18:30:00+08:00 by the meter"])
    assert not [note for note in found["notes"] if "register" in note]


@pytest.mark.usefixtures("by_demand")
def test_a_demand_of_another_cycle_is_left_out_and_told(bill: Any, conninfo: str) -> None:
    """The register was reset on the 3rd."""
    for day in (1, 2, 3):
        shown(conninfo, f"2026-04-0{day}T00:15:00+08:00", "99", "2026-03-14T18:30:00+08:00")
    shown(conninfo, "2026-04-30T00:00:00+08:00", "7.5", "2026-04-19T18:30:00+08:00")
    found = bill(PLANT).document
    assert found["determinants"]["demand"]["total"]["kw"] == "7.5"
    (told,) = [note for note in found["notes"] if "99 kW" in note]
    assert "99 kW at 2026-03-14T18:30:00+08:00 by the meter: of another cycle, was it not reset? It is left out" in told


@pytest.mark.usefixtures("by_demand")
def test_a_register_that_was_never_reset_bills_nothing(bill: Any, conninfo: str) -> None:
    shown(conninfo, "2026-04-20T00:00:00+08:00", "99", "2026-03-14T18:30:00+08:00")
    shown(conninfo, LAST, "99", "2026-03-14T18:30:00+08:00")
    ran = bill(PLANT)
    assert ran.code == 1
    message = ran.document["error"]["message"]
    assert "the highest demand of total is not known: the maximum register showed 99 kW at 2026-03-14T18:30" in message


def test_a_capacity_that_changes_within_the_cycle_is_billed_by_days(
    bill: Any, headend: Headend, billed: Path, conninfo: str
) -> None:
    plant(conninfo, ("reactive_energy_q1", "reactive_energy_q4"))
    for start, kva in (("2026-01-01", "100"), ("2026-04-21", "160")):
        words = ["--from", start, "--capacity-kva", kva, "--basic-charge", "capacity", "--by", "li"]
        ran = headend("point", "contract", "roof", *words, "--json", "--config", billed)
        assert ran.code == 0
    assert [each["capacity_kva"] for each in ran.documents] == ["100", "160"]
    basic = [line for line in bill(PLANT).document["lines"] if line["id"] == "basic"]
    assert [(line["quantity"], line["amount"]) for line in basic] == [("100", "2000.00"), ("160", "1600.00")]
    again = ["--from", "2026-04-21", "--capacity-kva", "1", "--config", billed]
    assert headend("point", "contract", "roof", *again).code == 1
    chosen = ["--from", "2026-04-25", "--capacity-kva", "160", "--basic-charge", "demand", "--config", billed]
    assert headend("point", "contract", "roof", *chosen).code == 0
    ran = bill(PLANT)
    assert ran.code == 1
    assert "changes within the cycle, at 2026-04-24T16:00:00+00:00" in ran.document["error"]["message"]


async def quarters(conninfo: str, meter: str, leave_out: int | None) -> None:
    """April by quarter-hours: 0.25 kWh by night, 1 by day, 5 at noon of the 9th; perhaps one read is missing."""
    async with Registry(conninfo) as known, Writer(conninfo) as writer:
        meter_id = (await known.meter(meter)).id
        midnight = datetime.fromisoformat(FIRST).astimezone(UTC)
        register, captures = Decimal(0), []
        for slot in range(30 * 96 + 1):
            if slot != leave_out:
                at = midnight + timedelta(minutes=15 * slot)
                captures.append(capture(meter_id, at, values=(int(register * 10_000),)))
            hour = slot % 96 // 4
            register += Decimal(5) if slot == 8 * 96 + 48 else Decimal(1) if 8 <= hour < 22 else Decimal("0.25")
        await writer.write(captures)


@pytest.mark.parametrize("leave_out", [None, 9 * 96 + 32])
def test_validated_intervals_tell_bands_that_no_register_holds(
    bill: Any, headend: Headend, billed: Path, conninfo: str, leave_out: int | None
) -> None:
    """A read that is missing where the band changes is estimated by the validation; else the bill is refused."""
    asyncio.run(quarters(conninfo, "m3", leave_out))
    if leave_out is not None:
        assert "is not known" in bill(CLOCK).document["error"]["message"]
    span = ["--from", "2026-04-01", "--to", "2026-05-01", "--point", "roof"]
    ran = headend("vee", "run", *span, "--config", billed)
    assert ran.code == 0, ran.err
    found = bill(CLOCK, "--final").document
    energy = {line["id"]: Decimal(line["quantity"]) for line in found["lines"] if line["kind"] == "energy"}
    assert sum(energy.values()) == 30 * (14 * 4 + 10) + 4
    assert "bands by validated intervals" in found["notes"]
    demand = found["determinants"]["demand"]["total"]
    assert (demand["kw"], demand["time"]) == ("20", "2026-04-09T04:00:00+00:00")
    assert demand["source"] == "intervals"
    if leave_out is None:
        assert energy == {"energy.peak": 30 * 14 * 4 + 4, "energy.valley": 300}
    else:
        assert "of 1984 kWh are estimated" in " ".join(found["notes"])
    with psycopg.connect(conninfo) as connection:
        frozen = connection.execute("SELECT min(day), max(day), count(*) FROM frozen_day").fetchone()
    assert frozen is not None
    assert [str(each) for each in frozen] == ["2026-04-01", "2026-04-30", "30"]


@pytest.mark.parametrize(
    ("kw", "occurred", "told"),
    [
        ("20", "2026-04-09T12:15:00+08:00", ""),
        ("20.4", "2026-04-09T12:12:00+08:00", ""),
        ("20", "2026-04-12T19:00:00+08:00", "20 kW at 2026-04-09T12:00:00+08:00 by validated intervals, its start"),
        ("19", "2026-04-12T03:00:00+08:00", "validated intervals show 3.04 kW there at most"),
    ],
)
def test_intervals_are_held_against_the_meter_s_own_time(
    bill: Any, headend: Headend, billed: Path, conninfo: str, kw: str, occurred: str, told: str
) -> None:
    asyncio.run(quarters(conninfo, "m3", None))
    shown(conninfo, LAST, kw, occurred)
    span = ["--from", "2026-04-01", "--to", "2026-05-01", "--point", "roof"]
    assert headend("vee", "run", *span, "--config", billed).code == 0
    found = bill(CLOCK).document
    demand = found["determinants"]["demand"]["total"]
    assert (demand["kw"], demand["source"]) == (kw, "meter")
    assert datetime.fromisoformat(demand["time"]) == datetime.fromisoformat(occurred)
    notes = [note for note in found["notes"] if "by the meter" in note]
    assert len(notes) == bool(told)
    assert told in "".join(notes)
