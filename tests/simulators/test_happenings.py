"""Scenarios in which something happens: events at their time, switches over a real path, the truth, the wire log."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest

from protocols.dlt645.frame import Frame
from protocols.dlt645.reader import FrameReader
from protocols.dlt645.services.control import Command, Control
from protocols.dlt645.services.service import perform
from protocols.driver import Driver
from protocols.exchange import Ask
from protocols.links.open import open_link
from simulators.fleet import Fleet, RunningBus, plan
from simulators.scenario import Scenario, ScenarioError, parse
from simulators.truth import Truth
from tests.simulators.dlt645.lab import LATER, access, ordered
from tests.simulators.meters import EVENING
from tests.simulators.reading import QUICK, bus, line_to, scenario

EVENT = """
[[bus.event]]
at = 60
kind = "power_down"
seconds = 20
meter = "bus-1-002"

[[bus.event]]
at = 2026-11-22T20:12:03+08:00
kind = "relay_stuck"
"""


class Clock:
    def __init__(self) -> None:
        self.now = EVENING

    def __call__(self) -> datetime:
        return self.now


def kept(text: str, folder: Path) -> Scenario:
    return msgspec.structs.replace(
        scenario(text), truth="truth.csv", wire_log="wire.jsonl", path=str(folder / "lab.toml")
    )


def logged(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "wire.jsonl").read_text().splitlines()]


@asynccontextmanager
async def acting(running: RunningBus, permitted: list[Ask[Frame]]) -> AsyncIterator[Driver[Frame]]:
    """A driver whose permit writes down what it let through."""
    link = await open_link(running.url)
    try:
        yield Driver(link, FrameReader(), QUICK, permit=permitted.append)
    finally:
        await link.close()


async def test_a_trip_is_in_the_truth_and_in_the_wire_log(tmp_path: Path) -> None:
    clock = Clock()
    text = bus("dlt645", "tcp://127.0.0.1:0", 'passwords = { 4 = "424242" }', "tick_s = 10", 'load = "works"')
    permitted: list[Ask[Frame]] = []
    async with Fleet(kept(text, tmp_path), clock) as fleet:
        (running,) = fleet.buses
        cut, spared, protected = running.meters
        clock.now += timedelta(seconds=4)
        async with acting(running, permitted) as driver:
            guard = ordered(Control(Command.PROTECT, LATER), 4, "424242")
            await driver.run(perform(protected.address, guard))
            trip = ordered(Control(Command.TRIP, LATER), 4, "424242")
            await driver.run(perform(cut.address, trip))
        async with line_to(running) as line:
            (word,) = await line.read(cut, cut.plate.model.read("status_word_3"))
            assert word.number == 0x50
        tripped = clock.now
        clock.now += timedelta(seconds=60)
        fleet.clock()
    truth = Truth.load(tmp_path / "truth.csv")
    for seconds in range(64):
        moment = EVENING + timedelta(seconds=seconds)
        for one in running.meters:
            values = one.values(moment)
            for name in ("active_power", "active_energy_import", "status_word_3", "voltage_l1"):
                quantity = next(q for q in values if q.name == name)
                assert truth.at(one.name, name, moment) == values[quantity], (seconds, one.name, name)
    assert truth.at(cut.name, "active_power", tripped) == 0
    assert truth.at(spared.name, "active_power", tripped) != 0
    rows = logged(tmp_path)
    orders = [(row["address"], row["command"]) for row in rows if "command" in row and row["direction"] == "received"]
    assert orders == [(protected.address, "protect supply"), (cut.address, "trip")]
    assert [row["control"] for row in rows if row["direction"] == "sent"] == ["9C", "9C", "91"]
    assert {row["bus"] for row in rows} == {running.name}
    assert {row["path"] for row in rows} == {1, 2}
    assert all(datetime.fromisoformat(row["time"]) >= EVENING for row in rows)
    shown = (tmp_path / "wire.jsonl").read_text()
    assert "** ** **" in shown
    assert access(4, "424242").secret.translate(bytes((n + 0x33) & 0xFF for n in range(256))).hex(" ") not in shown
    assert len(permitted) == 2


async def test_noise_is_logged_too(tmp_path: Path) -> None:
    async with Fleet(kept(bus("modbus", "tcp://127.0.0.1:0"), tmp_path), Clock()) as fleet:
        (running,) = fleet.buses
        line = running.bus.line()
        line.receive(b"\x01\x02\x03", EVENING)
        line.receive(bytes.fromhex("01 04 00 00 00 02 71 CB"), EVENING + timedelta(seconds=5))
    first, asked, answered = logged(tmp_path)
    assert (first["direction"], first["hex"]) == ("noise", "01 02 03")
    assert (asked["direction"], asked["hex"]) == ("received", "01 04 00 00 00 02 71 CB")
    assert answered["direction"] == "sent"
    assert answered["hex"].startswith("01 04 04")


async def test_events_happen_at_their_time(tmp_path: Path) -> None:
    clock = Clock()
    async with Fleet(kept(bus("dlt645", "tcp://127.0.0.1:0") + EVENT, tmp_path), clock) as fleet:
        (running,) = fleet.buses
        first, second, _ = running.meters
        clock.now = EVENING + timedelta(seconds=59)
        fleet.clock()
        assert second.era(clock.now).powered
        clock.now = EVENING + timedelta(seconds=75)
        fleet.clock()
        assert not second.era(clock.now).powered
        assert first.era(clock.now).powered
        clock.now = EVENING + timedelta(seconds=119)
        fleet.clock()
        assert second.era(clock.now).powered
        assert not fleet.station(first.name).memory(clock.now).relay.stuck
        clock.now = EVENING + timedelta(seconds=120)
        fleet.clock()
        assert all(fleet.station(one.name).memory(clock.now).relay.stuck for one in running.meters)
        fleet.happen(first.name, "cover_open")
        assert fleet.station(first.name).memory(clock.now).journal.count("03300D") == 1
        with pytest.raises(KeyError):
            fleet.station("nobody")
        with pytest.raises(ValueError, match="unknown event 'flood'"):
            fleet.happen(first.name, "flood")
    truth = Truth.load(tmp_path / "truth.csv")
    down, up = EVENING + timedelta(seconds=60), EVENING + timedelta(seconds=80)
    assert truth.between(second.name, "voltage_l1", down, up - timedelta(microseconds=1)) == {Decimal(0)}
    assert truth.at(second.name, "voltage_l1", down - timedelta(microseconds=1)) != 0
    assert truth.at(second.name, "voltage_l1", up) != 0
    energy = truth.between(second.name, "active_energy_import", down, up - timedelta(microseconds=1))
    assert len(energy) == 1


async def test_they_happen_though_nobody_asks(tmp_path: Path) -> None:
    """With the real time: the fleet does not wait for a frame."""
    text = bus("dlt645", "pty", "meters = 1") + '[[bus.event]]\nat = 0.05\nkind = "power_down"\n'
    path = tmp_path / "lab.toml"
    async with Fleet(msgspec.structs.replace(scenario(text), path=str(path))) as fleet:
        (one,) = fleet.meters
        station = fleet.station(one.name)
        assert station.meter is one
        while not one.past.eras:  # noqa: ASYNC110  # what happens there tells nobody
            await asyncio.sleep(0.01)
        assert not one.past.eras[0].powered
        assert one.past.eras[0].since == fleet.since + timedelta(seconds=0.05)


def test_an_edition_chooses_its_model(tmp_path: Path) -> None:
    text = bus("dlt645", "pty", 'edition = "1997"') + bus("dlt645", "pty", 'edition = "2007"') + bus("dlt645", "pty")
    names = [planned.meters[0].plate.model.head.name for planned in plan(scenario(text), EVENING)]
    assert names == ["dlt645_1997", "dlt645_2007", "dlt645_2007"]
    with pytest.raises(ScenarioError, match="dlt645_2007 is of the 2007 edition, not 1997"):
        plan(scenario(bus("dlt645", "pty", 'edition = "1997"', 'model = "dlt645_2007"')), EVENING)
    short = scenario(bus("dlt645", "pty", 'edition = "1997"', 'addresses = ["123456"]'))
    assert plan(short, EVENING)[0].meters[0].address == "AAAAAA123456"
    with pytest.raises(ScenarioError, match="no single meter"):
        plan(scenario(bus("dlt645", "pty", 'addresses = ["AAAAAA123456"]')), EVENING)


def test_what_the_meters_of_a_bus_begin_with() -> None:
    more = ('passwords = { 2 = "ABCDEF" }', "programming = true", "clock_drift_ppm = 50", "profile_records = 7")
    text = bus(
        "dlt645", "pty", "meters = 40", *more, "profile_minutes = 5", "quirks = { doubled = 0.5, most_baud = 4800 }"
    )
    (planned,) = plan(scenario(text), EVENING)
    setup = planned.table.setup()
    assert (setup.passwords, setup.key_pressed, setup.profile_records) == ({2: "ABCDEF"}, True, 7)
    assert setup.profile_minutes == 5
    assert (setup.quirks.doubled, setup.quirks.most_baud) == (0.5, 4800)
    drifts = {one.drift_ppm for one in planned.meters}
    assert -50 <= min(drifts) < 0 < max(drifts) <= 50
    assert all(one.drift_from == EVENING and one.word_3 == 8 for one in planned.meters)


DLT = '[[bus]]\nprotocol = "dlt645"\ncarrier = "pty"\nmeters = 1\n'
MODBUS = '[[bus]]\nprotocol = "modbus"\ncarrier = "pty"\nmeters = 1\n'
AT = "[[bus.event]]\nat = 1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (DLT + 'passwords = { 12 = "000000" }\n', r"bus\[0\].passwords: .*level '12'"),
        (DLT + 'passwords = { 2 = "0000" }\n', r"bus\[0\].passwords: .*six hex digits"),
        (DLT + "clock_drift_ppm = -1\n", "clock_drift_ppm are at least 0"),
        (DLT + "profile_records = 0\n", r"bus\[0\].profile_records: 0"),
        (DLT + "profile_minutes = 7\n", r"bus\[0\].profile_minutes: 7, expected a part of an hour"),
        (DLT + "quirks = { late = 2.0 }\n", r"bus\[0\].quirks: late is 2.0"),
        (DLT + "edition = 1997\n", r"bus\[0\].edition: "),
        (DLT + AT + 'kind = "flood"\n', r"bus\[0\].event\[0\].kind: 'flood', expected one of power_down"),
        (DLT + AT + 'kind = "power_down"\nseconds = 0\n', r"bus\[0\].event\[0\].seconds: 0"),
        (DLT + '[[bus.event]]\nat = -1\nkind = "power_down"\n', r"bus\[0\].event\[0\].at: -1"),
        (DLT + '[[bus.event]]\nat = 2026-11-22T12:00:00\nkind = "power_down"\n', r"event\[0\].at: expected a moment"),
        (DLT + AT, "missing required field `kind`"),
        (MODBUS + AT + 'kind = "power_down"\n', r"bus\[0\].event: is a matter of DL/T 645"),
        (MODBUS + 'edition = "1997"\n', r"bus\[0\].edition: is a matter of DL/T 645"),
        (MODBUS + "programming = true\n", r"bus\[0\].programming: is a matter of DL/T 645"),
    ],
)
def test_a_wrong_file_says_where_and_what(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^lab\.toml: .*{reason}"):
        parse(text, "lab.toml")


def test_an_event_of_a_meter_that_is_not_there() -> None:
    text = bus("dlt645", "pty") + AT + 'kind = "power_down"\nmeter = "bus-1-009"\n'
    with pytest.raises(ScenarioError, match=r"bus\[0\].event\[0\].meter: 'bus-1-009' is not on the bus"):
        plan(scenario(text), EVENING)
