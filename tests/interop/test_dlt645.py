"""PyPI's dlt645 3.2.0, in an environment of its own, reads our simulated DL/T 645 meters over TCP.

Its client sends an address as it is written, not low byte first (DL/T 645-2007, 5.2.2), and reads times the same way:
both are turned round here. It knows neither blocks nor follow-up frames.
"""

from __future__ import annotations

import json
import os
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from protocols.dlt645.items import item as standard_item
from protocols.quantities import BY_NAME
from simulators.dlt645 import Dlt645Stations
from tests.interop.fleets import printed, running
from tests.servers import missing
from tests.simulators.meters import NOON
from tests.simulators.reading import bus

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
PEER = Path(os.environ.get("HEADEND_PEER_DLT645") or HERE.parents[1] / ".venv-peer-dlt645/bin/python")
NUMBERS = [
    *("00000000", "00010000", "00010100", "00010200", "00010300", "00010400", "00020000", "00030000", "00090000"),
    *("02010100", "02010200", "02010300", "02020100", "02030000", "02030100", "02060000", "02800002"),
]


@pytest.fixture(autouse=True)
def _peer() -> None:
    if not PEER.exists():
        missing(f"no environment with dlt645 3.2.0 at {PEER}")


async def read(where: str, address: str, items: list[str]) -> dict[str, Any]:
    host, _, port = where.removeprefix("tcp://").partition(":")
    reversed_address = bytes.fromhex(address)[::-1].hex()
    output = await printed(str(PEER), str(HERE / "dlt645_client.py"), host, port, reversed_address, *items)
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def _is_time(digits: str) -> bool:
    try:
        return bool(datetime.strptime(digits, "%y%m%d%H%M"))  # noqa: DTZ007  # a meter's own
    except ValueError:
        return False


@pytest.mark.parametrize("load", ["works", "roof"])
async def test_it_reads_what_is_so(load: str) -> None:
    text = bus("dlt645", "tcp://127.0.0.1:0", "meters = 1", f'load = "{load}"')
    async with running(text) as line:
        (meter,) = line.meters
        found = await read(line.url, meter.address, ["address", *NUMBERS, "01010000", "00150000"])
        truth = {quantity.name: value for quantity, value in meter.values(NOON).items()}
        for item in NUMBERS:
            part, _ = standard_item(item).parts[0]
            assert Decimal(found[item]) == truth[part.name], item
        own = meter.local_time(meter.snapshot(NOON).peak_taken.at).strftime("%y%m%d%H%M")
        turned = bytes.fromhex(own)[::-1].hex()
        if _is_time(turned):
            demand, at = found["01010000"]
            assert Decimal(demand) == truth["active_demand_import_max"]
            assert datetime.fromisoformat(at).strftime("%y%m%d%H%M") == turned
        else:  # an hour behind twelve is no month
            assert found["01010000"] is None
        assert found["address"] == bytes.fromhex(meter.address)[::-1].hex()
        assert found["00150000"] is None


async def test_meters_on_one_line_are_told_apart() -> None:
    text = bus("dlt645", "tcp://127.0.0.1:0", "meters = 2", "quirks = { fe = 0 }")
    async with running(text) as line:
        for meter in line.meters:
            found = await read(line.url, meter.address, ["00010000"])
            truth = {quantity.name: value for quantity, value in meter.values(NOON).items()}
            assert Decimal(found["00010000"]) == truth["active_energy_import"]


async def test_what_it_does_to_a_meter_is_done() -> None:
    """It writes, freezes, clears and gives an address; its change of baud rate, clearing of demand and change of
    password send other bytes than the standard's, and are refused."""
    text = bus("dlt645", "tcp://127.0.0.1:0", "meters = 1", "programming = true", 'load = "works"')
    async with running(text) as line:
        (meter,) = line.meters
        stations = line.bus.stations
        assert isinstance(stations, Dlt645Stations)
        station = stations.station(meter)
        items = ["04000103", "04000103=30", "03300000", "freeze", "00010000", "clear", "03300100"]
        found = await read(line.url, meter.address, [*items, "address=123456789012"])
        memory = station.memory(NOON)
        assert memory.parameters["04000103", "demand_period"] == 30
        assert Decimal(found["03300000"]) == 1
        stamp = memory.freezes.stamp(1, 1, NOON)
        assert stamp is None, "the clearing took the freeze with it"
        assert Decimal(found["00010000"]) > 0
        assert Decimal(found["03300100"]) == 1
        assert meter.value(BY_NAME["active_energy_import"], NOON) == 0
        assert station.address == "129078563412"
