"""Outages, exchanges, dead and babbling meters, clocks that jump: what is read is so, and everything is told beside."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocols.dlt645.frame import encode
from protocols.modbus import rtu
from simulators.bus import BusLine
from simulators.fleet import Fleet, RunningBus
from simulators.registry import write_registry
from simulators.scenario import Scenario, ScenarioError, parse
from simulators.truth import Truth
from simulators.upsets import saving_jumps
from tests.simulators.meters import EVENING
from tests.simulators.reading import bus, scenario

ENERGY = bytes.fromhex("00000100")
TIME = bytes.fromhex("02010004")
DLT = bus("dlt645", "tcp://127.0.0.1:0", 'name = "east"')
MODBUS = bus("modbus", "tcp://127.0.0.1:0", 'name = "shop"')


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now

    def to(self, seconds: float) -> None:
        self.now = EVENING + timedelta(seconds=seconds)


def kept(text: str, folder: Path) -> Scenario:
    return msgspec.structs.replace(
        scenario(text), truth="truth.csv", events="events.jsonl", path=str(folder / "lab.toml")
    )


def told(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]


def asked(running: RunningBus, address: str, fleet: Fleet, di: bytes = ENERGY) -> bytes | None:
    """The data of the answer; None for silence."""
    request = encode(bytes.fromhex(address)[::-1], 0x11, di)
    heard = running.bus.line().receive(request, fleet.clock())
    return None if not heard else bytes((byte - 0x33) & 0xFF for byte in heard[0][1].lstrip(b"\xfe")[14:-2])


def energy(running: RunningBus, address: str, fleet: Fleet) -> Decimal | None:
    data = asked(running, address, fleet)
    return None if data is None else Decimal(data[::-1].hex()).scaleb(-2)


async def test_an_outage_strikes_the_buses_that_are_named(tmp_path: Path) -> None:
    clock = Clock()
    text = DLT + DLT.replace("east", "west") + MODBUS
    text += '[[outage]]\nat = 60\nseconds = 30\nbus = ["east", "shop"]\n'
    unit = rtu.encode(2, bytes.fromhex("0400000002"))
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        east, west, shop = fleet.buses

        def up() -> list[bool]:
            answers = [bool(shop.bus.line().receive(unit, fleet.clock()))]
            return [asked(one, one.meters[1].address, fleet) is not None for one in (east, west)] + answers

        assert up() == [True, True, True]
        clock.to(61)
        assert up() == [False, True, False]
        clock.to(91)
        assert up() == [True, True, True]
        fleet.clock()
    rows = told(tmp_path)
    struck = {f"{name}-00{number}" for name in ("east", "shop") for number in (1, 2, 3)}
    assert {row["meter"] for row in rows if row["event"] == "outage"} == struck
    assert {row["meter"] for row in rows if row["event"] == "restored"} == struck
    assert {row["time"] for row in rows if row["event"] == "restored"} == {
        (EVENING + timedelta(seconds=90)).isoformat()
    }
    truth = Truth.load(tmp_path / "truth.csv")
    out, back = (EVENING + timedelta(seconds=second) for second in (60, 90))
    assert truth.at("shop-001", "active_energy_import", out) == truth.at("shop-001", "active_energy_import", back)
    assert not truth.at("shop-001", "voltage_l1", out)


async def test_an_exchange_loses_and_invents_no_energy(tmp_path: Path) -> None:
    clock = Clock()
    text = DLT + 'load = "works"\ntick_s = 60\n[[exchange]]\nat = 60\nmeter = "east-002"\naddress = "990000000001"\n'
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        (east,) = fleet.buses
        old, new = east.meters[1].address, "990000000001"
        assert energy(east, old, fleet) is not None
        assert energy(east, new, fleet) is None
        write_registry(fleet, tmp_path)
        assert new not in (tmp_path / "meters.csv").read_text()
        clock.to(60)
        assert energy(east, old, fleet) is None
        assert energy(east, new, fleet) == 0
        clock.to(3600)
        since = energy(east, new, fleet)
    (row,) = told(tmp_path)
    assert (row["event"], row["meter"], row["new"], row["address"]) == (
        "exchange", "east-002", "east-002-990000000001", new,
    )  # fmt: skip
    assert row["initial"]["active_energy_import"] == "0.00"
    final = Decimal(row["final"]["active_energy_import"])
    truth = Truth.load(tmp_path / "truth.csv")
    assert truth.at("east-002", "active_energy_import", EVENING + timedelta(seconds=3600)) == final
    assert since == truth.at(row["new"], "active_energy_import", EVENING + timedelta(seconds=3600))
    # a meter to which nothing happened has measured as much
    (undisturbed,) = [
        one
        for one in Fleet(kept(DLT + 'load = "works"\ntick_s = 60\n', tmp_path), Clock()).meters
        if one.address == old
    ]
    whole = undisturbed.values(EVENING + timedelta(seconds=3600))
    (total,) = [value for item, value in whole.items() if item.name == "active_energy_import"]
    assert since is not None
    assert since > 1
    assert abs(Decimal(total or 0) - final - since) <= Decimal("0.05")


async def test_dead_and_babbling(tmp_path: Path) -> None:
    text = DLT + 'dead = ["east-003"]\nbabble = 0.4\nbabble_s = 0.5\nbaud = 2400\n'
    async with Fleet(kept(text, tmp_path), Clock()) as fleet:
        (east,) = fleet.buses
        dead = encode(bytes.fromhex(east.meters[2].address)[::-1], 0x11, ENERGY)
        assert east.bus.line().receive(dead, fleet.clock()) == []
        line = east.bus.line()
        assert line.babbles
        end = EVENING + timedelta(seconds=60)
        spoken = sum(len(data) for _, data in line.babble(EVENING, end)) * 11 / 2400
        assert 15 < spoken < 33
    assert {(row["event"], row.get("meter"), row["bus"]) for row in told(tmp_path)} == {
        ("dead", "east-003", "east"), ("babble", None, "east"),
    }  # fmt: skip


async def test_a_clock_jumps_and_the_load_does_not(tmp_path: Path) -> None:
    clock = Clock()
    text = DLT + '[[bus.event]]\nat = 10\nkind = "clock_jump"\nby_s = -90\nmeter = "east-001"\n'
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        (east,) = fleet.buses
        clock.to(20)
        first, second = (asked(east, meter.address, fleet, TIME) for meter in east.meters[:2])
        assert (first, second) == (bytes.fromhex("530820"), bytes.fromhex("231020"))
    assert told(tmp_path) == [
        {
            "time": (EVENING + timedelta(seconds=10)).isoformat(),
            "event": "clock_jump",
            "meter": "east-001",
            "by_s": -90.0,
        }
    ]


def test_summer_time_goes_forward_and_back() -> None:
    winter = datetime(2026, 1, 10, 12, 30, tzinfo=UTC)
    assert saving_jumps("Europe/Berlin", winter)[:2] == [
        (datetime(2026, 3, 29, 1, tzinfo=UTC), timedelta(hours=1)),
        (datetime(2026, 10, 25, 1, tzinfo=UTC), timedelta(hours=-1)),
    ]
    summer = datetime(2026, 7, 10, 12, 30, tzinfo=UTC)
    assert saving_jumps("Europe/Berlin", summer)[0] == (summer, timedelta(hours=1))
    assert saving_jumps("Asia/Shanghai", winter) == []


async def test_a_meter_may_keep_summer_time(tmp_path: Path) -> None:
    clock = Clock()
    clock.now = datetime(2026, 10, 25, 0, 59, 50, tzinfo=UTC)
    text = 'timezone = "Europe/Berlin"\n' + DLT + "daylight_saving = true\n"
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        (east,) = fleet.buses
        address = east.meters[0].address
        clock.now += timedelta(seconds=1)
        assert asked(east, address, fleet, TIME) == bytes.fromhex("515902")
        clock.now += timedelta(seconds=10)
        assert asked(east, address, fleet, TIME) == bytes.fromhex("010002")


LAB = """
seed = 7
[[bus]]
name = "a"
protocol = "dlt645"
carrier = "tcp://127.0.0.1:0"
meters = 6
baud = 2400
faults = "noise:0.3,corrupt:0.1,late:0.2,late_s:0.1-0.3"
quirks = { doubled = 0.2, neighbour = 0.2 }
babble = 0.2
clock_spread_s = 60
tick_s = 5
dead = ["a-005"]

[[bus.event]]
at = 30
kind = "power_down"
seconds = 20
meter = "a-002"
"""


async def conversation(folder: Path, seed: int) -> tuple[list[tuple[float, bytes]], str, str]:
    """A minute of one line in virtual time: what was heard and when, the truth, what happened."""
    clock = Clock()
    text = LAB.replace("seed = 7", f"seed = {seed}")
    heard: list[tuple[float, bytes]] = []
    async with Fleet(kept(text, folder), clock) as fleet:
        (running,) = fleet.buses
        line: BusLine = running.bus.line()
        for second in range(60):
            clock.to(second)
            address = running.meters[second % 6].address
            to = b"\xaa" * 6 if second % 10 == 9 else bytes.fromhex(address)[::-1]
            heard += line.receive(encode(to, 0x11, ENERGY if second % 2 else TIME), fleet.clock())
            heard += line.babble(clock.now, clock.now + timedelta(seconds=1))
    return (
        heard,
        "\n".join(sorted((folder / "truth.csv").read_text().splitlines())),
        (folder / "events.jsonl").read_text(),
    )


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


async def test_two_runs_are_the_same_to_the_byte(tmp_path: Path) -> None:
    first = await conversation(made(tmp_path / "1"), 7)
    again = await conversation(made(tmp_path / "2"), 7)
    other = await conversation(made(tmp_path / "3"), 8)
    assert len(first[0]) > 50
    assert first[0] == again[0]
    assert first[2] == again[2]
    assert set(first[1].splitlines()) == set(again[1].splitlines())
    assert first[0] != other[0]
    assert first[1] != other[1]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DLT + "[[outage]]\nat = 1\nseconds = 0\n", r"outage\[0\].seconds: 0, expected above 0"),
        (DLT + "[[outage]]\nat = -1\nseconds = 1\n", r"outage\[0\].at: -1, expected seconds"),
        (DLT + '[[outage]]\nat = 1\nseconds = 1\nbus = ["north"]\n', r"outage\[0\].bus: no bus 'north'"),
        (DLT + '[[outage]]\nat = 1\nseconds = 1\nmeter = ["x"]\n', r"outage\[0\].meter: no meter 'x'"),
        (DLT + '[[exchange]]\nat = 1\nmeter = "x"\naddress = "1"\n', r"exchange\[0\].meter: 'x' is no meter"),
        (DLT + '[[exchange]]\nat = 1\nmeter = "east-001"\naddress = "x"\n', r"exchange\[0\].address: not a DL/T 645"),
        (
            DLT + '[[exchange]]\nat = 1\nmeter = "east-001"\naddress = "260000100002"\n',
            r"exchange\[0\].address: 260000100002 is another meter's",
        ),
        (DLT + 'dead = ["west-001"]\n', r"bus\[0\].dead: 'west-001' is not on the bus"),
        (DLT + "babble = 1.0\n", r"bus\[0\].babble: expected a share"),
        (DLT + '[[bus.event]]\nat = 1\nkind = "clock_jump"\n', r"event\[0\].by_s: 0, expected seconds with clock_jump"),
        (MODBUS + "daylight_saving = true\n", r"bus\[0\].daylight_saving: is a matter of DL/T 645"),
        (DLT + "[[outage]]\nat = 1\nsecs = 1\n", r"outage\[0\]: Object contains unknown field `secs`"),
    ],
)
def test_a_wrong_table_says_where_and_what(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: .*{reason}"):
        Fleet(parse(text, "lab.toml"))
