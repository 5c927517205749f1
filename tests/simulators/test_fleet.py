"""Fleets on real paths: a reader that knows only their URLs reads what is so, exactly."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from protocols.errors import LinkUnreachable
from protocols.links.open import open_link
from protocols.quantities import quantity
from simulators.broker import embedded_broker
from simulators.fleet import Fleet
from simulators.registry import write_registry
from simulators.scenario import Scenario
from simulators.truth import Truth
from tests.ports import free_port
from tests.simulators.meters import EVENING
from tests.simulators.reading import bus, line_to, scenario, wrong

DTU = "dial://127.0.0.1:{port}?register=DTU-{bus}&heartbeat=ping&every=0.05"
TUNNEL = "mqtt://embedded/{bus}/up?down={bus}/down"

KINDS = {
    "dlt645 pty": bus("dlt645", "pty"),
    "dlt645 tcp": bus("dlt645", "tcp://127.0.0.1:0", "quirks = { most_data = 12, fe = 1 }"),
    "dlt645 dial": bus("dlt645", DTU, 'load = "roof"'),
    "dlt645 mqtt": bus("dlt645", TUNNEL + "&payload=json", "phases = 1"),
    "modbus pty": bus("modbus", "pty"),
    "modbus rtu over tcp": bus("modbus", "tcp://127.0.0.1:0"),
    "modbus tcp": bus("modbus", "tcp://127.0.0.1:0", 'framing = "tcp"'),
    "modbus dial": bus("modbus", DTU, 'load = "roof"'),
    "modbus mqtt": bus("modbus", TUNNEL + "&payload=hex"),
    "slow line": bus("dlt645", "pty", "baud = 19200", "meters = 1"),
}


def with_truth(text: str, folder: Path) -> Scenario:
    return msgspec.structs.replace(
        scenario(text.replace("{port}", str(free_port()))), truth="truth.csv", path=str(folder / "lab.toml")
    )


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_read_is_what_was_so(tmp_path: Path, kind: str) -> None:
    before = asyncio.all_tasks()
    async with Fleet(with_truth(KINDS[kind], tmp_path)) as fleet:
        (running,) = fleet.buses
        found = {}
        async with line_to(running) as line:
            for meter in running.meters:
                found[meter] = await line.read_all(meter, fleet.clock())
            assert line.driver.counters.timeouts == 0
    truth = Truth.load(tmp_path / "truth.csv")
    for meter, values in found.items():
        assert set(values) == {item for item, value in meter.values(EVENING).items() if value is not None}
        assert not wrong(truth, meter, values)
    assert asyncio.all_tasks() <= before, "a task is left behind"


async def test_all_buses_of_a_fleet_at_once(tmp_path: Path) -> None:
    text = "".join(KINDS[kind].replace("3", "2") for kind in ("dlt645 pty", "modbus tcp", "dlt645 mqtt"))
    async with Fleet(with_truth(text + bus("dlt645", "tcp://127.0.0.1:0", "repeat = 4"), tmp_path)) as fleet:
        assert len({running.url for running in fleet.buses}) == len(fleet.buses) == 7

        async def one(number: int) -> list[str]:
            running = fleet.buses[number]
            async with line_to(running) as line:
                found = {meter: await line.read_all(meter, fleet.clock()) for meter in running.meters}
            truth = Truth.load(tmp_path / "truth.csv")
            assert all(found.values())
            return [fault for meter, values in found.items() for fault in wrong(truth, meter, values)]

        assert await asyncio.gather(*(one(number) for number in range(7))) == [[]] * 7


async def test_several_readers_reach_the_same_meters(tmp_path: Path) -> None:
    async with Fleet(with_truth(KINDS["dlt645 tcp"], tmp_path)) as fleet:
        (running,) = fleet.buses
        meter = running.meters[0]
        read = meter.plate.model.read("0400010C")
        async with line_to(running) as first, line_to(running) as second:
            one, other = await asyncio.gather(first.read(meter, read), second.read(meter, read))
    assert one[0].text is not None
    assert abs(datetime.fromisoformat(one[0].text) - datetime.fromisoformat(other[0].text or "")) < timedelta(minutes=1)


async def test_a_dtu_dials_again_when_it_was_hung_up(tmp_path: Path) -> None:
    async with Fleet(with_truth(KINDS["dlt645 dial"], tmp_path)) as fleet:
        (running,) = fleet.buses
        meter = running.meters[1]
        for _ in range(2):
            async with line_to(running) as line:
                values = await line.read(meter, meter.plate.model.read("04000401"))
                assert values[0].text == meter.address


async def test_a_tunnel_comes_back_with_its_broker(tmp_path: Path) -> None:
    port = free_port()
    text = bus("dlt645", f"mqtt://127.0.0.1:{port}/up?down=down")
    async with embedded_broker(port):
        fleet = Fleet(with_truth(text, tmp_path))
        await fleet.__aenter__()
    try:
        async with embedded_broker(port):
            (running,) = fleet.buses
            meter = running.meters[0]
            async with line_to(running) as line, asyncio.timeout(60):
                while True:  # the tunnel's own end is opened again some time after the broker is there
                    try:
                        values = await line.read(meter, meter.plate.model.read("04000401"))
                    except Exception as error:
                        if type(error).__name__ != "NoAnswer":
                            raise
                    else:
                        break
            assert values[0].text == meter.address
    finally:
        await fleet.__aexit__(None, None, None)


async def test_a_terminal_may_have_a_name_known_beforehand(tmp_path: Path) -> None:
    alias = tmp_path / "meter-bus"
    async with Fleet(scenario(bus("dlt645", f"pty://{alias}"))) as fleet:
        (running,) = fleet.buses
        assert running.url == f"serial://{alias}"
        assert alias.is_symlink()
        meter = running.meters[2]
        async with line_to(running) as line:
            assert (await line.read(meter, meter.plate.model.read("04000401")))[0].text == meter.address
    assert not alias.is_symlink()


async def test_the_truth_is_written_before_it_is_shown(tmp_path: Path) -> None:
    """A clock that leaps further than the background could have written ahead."""
    now = EVENING
    made = Fleet(with_truth(KINDS["dlt645 tcp"], tmp_path), lambda: now)
    async with made as fleet:
        (running,) = fleet.buses
        meter = running.meters[0]
        async with line_to(running) as line:
            for _ in range(3):
                now += timedelta(seconds=73)
                (value, *_) = await line.read(meter, meter.plate.model.read("voltage_l1"))
                written = Truth.load(tmp_path / "truth.csv")
                assert value.decimal == written.at(meter.name, "voltage_l1", now)
                assert value.decimal == meter.value(quantity("voltage_l1"), now)


async def test_the_registry_describes_what_runs(tmp_path: Path) -> None:
    text = KINDS["dlt645 pty"] + KINDS["modbus tcp"] + KINDS["modbus dial"]
    async with Fleet(with_truth(text, tmp_path)) as fleet:
        paths = write_registry(fleet, tmp_path / "reg")
        lines, meters, points = (list(csv.DictReader(path.read_text().splitlines())) for path in paths)
        assert [(row["name"], row["protocol"], row["framing"], row["timezone"]) for row in lines] == [
            ("bus-1", "dlt645", "", "Asia/Shanghai"),
            ("bus-2", "modbus", "tcp", "Asia/Shanghai"),
            ("bus-3", "modbus", "rtu", "Asia/Shanghai"),
        ]
        assert [row["url"] for row in lines] == [running.url for running in fleet.buses]
        assert lines[2]["url"].startswith("tcp-listen://127.0.0.1:")
        assert lines[2]["url"].endswith("?register=DTU-bus-3&heartbeat=ping")
        assert len(meters) == len(points) == 9
        assert meters[3] == {
            "name": "bus-2-001",
            "address": "1",
            "model": "eastron_sdm630",
            "line": "bus-2",
            "multiplier": "1",
        }
        assert points[3]["meter"] == "bus-2-001"
        assert datetime.fromisoformat(points[3]["from"]).tzinfo is not None


async def test_a_port_that_is_taken_is_told(tmp_path: Path) -> None:
    before = asyncio.all_tasks()
    async with Fleet(with_truth(KINDS["modbus tcp"], tmp_path)) as fleet:
        port = fleet.buses[0].url.rpartition(":")[2]
        with pytest.raises(LinkUnreachable, match="the port is in use"):
            async with Fleet(scenario(KINDS["dlt645 pty"] + bus("dlt645", f"tcp://127.0.0.1:{port}"))):
                pass
        link = await open_link(fleet.buses[0].url)
        await link.close()
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("make", [lambda p: p / "nowhere" / "lab.toml"])
async def test_a_truth_that_cannot_be_written_is_told(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    made = msgspec.structs.replace(scenario(KINDS["dlt645 pty"]), truth="t.csv", path=str(make(tmp_path)))
    with pytest.raises(OSError, match=r"nowhere/t\.csv"):
        async with Fleet(made):
            pass
