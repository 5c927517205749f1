"""`headend read` with simulated meters of DL/T 645-1997: by the link, and by the registry's model."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

import pytest

from protocols.quantities import BY_NAME
from simulators.fleet import Fleet
from tests.simulators.meters import NOON
from tests.simulators.reading import bus, scenario

BUS = bus("dlt645", "tcp://127.0.0.1:0", "meters = 1", 'edition = "1997"', "quirks = { most_data = 20 }")


async def read(*words: str) -> tuple[int, Any]:
    """In a process of its own: the simulated meters live in this one's event loop."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "headend", "read", *words, "--json"), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, json.loads(out)


@pytest.mark.parametrize("how", [["--edition", "1997"], ["--model", "dlt645_1997"]])
async def test_a_meter_of_1997(how: list[str]) -> None:
    async with Fleet(scenario(BUS), lambda: NOON) as fleet:
        (running,) = fleet.buses
        (meter,) = running.meters
        command = ["--link", running.url, "--protocol", "dlt645", *how, "--address", meter.address]
        code, told = await read(*command, "9010", "voltage_l1", "901F", "B010", "C032")
    assert code == 0
    values = told["values"]
    truth = meter.values(NOON)
    import_, volts, *block = values[:7]
    assert (import_["item"], import_["obis"], import_["unit"]) == ("9010", "1-0:1.8.0*255", "kWh")
    assert import_["value"] == str(truth[BY_NAME["active_energy_import"]])
    assert (volts["item"], volts["value"]) == ("B611", str(truth[BY_NAME["voltage_l1"]]))
    assert [value["value"] for value in block[1:]] == [
        str(truth[BY_NAME[f"active_energy_import_t{rate}"]]) for rate in (1, 2, 3, 4)
    ]
    assert values[-1]["value"] == meter.address


async def test_what_it_lacks_is_refused_in_the_words_of_its_edition() -> None:
    async with Fleet(scenario(BUS), lambda: NOON) as fleet:
        (running,) = fleet.buses
        command = ["--link", running.url, "--protocol", "dlt645", "--edition", "1997"]
        code, told = await read(*command, "--address", running.meters[0].address, "9410")
    assert code == 1
    (error,) = told["errors"]
    assert (error["code"], error["item"]) == ("02", "9410")
    assert "no such identifier" in error["message"]
