"""`headend read`, as a user starts it, reads meters that are played by programs nobody here wrote.

PyPI's dlt645 3.2.0 keeps an address as it is written, not low byte first (DL/T 645-2007, 5.2.2): its 123456781012 is
the standard's 121078563412. A request to another address it refuses, where a meter on a shared line has to be silent.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from protocols.links.base import Link
from protocols.links.pty import pty_pair
from tests.ports import free_port
from tests.servers import missing

pytestmark = pytest.mark.interop

HERE = Path(__file__).parent
PEER = Path(os.environ.get("HEADEND_PEER_DLT645") or HERE.parents[1] / ".venv-peer-dlt645/bin/python")
THEIRS, STANDARD = "123456781012", "121078563412"


async def headend_read(*arguments: str) -> tuple[int, Any, str]:
    """Exit code, the JSON document and stderr of `headend read ... --json`."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "headend", "read", *arguments, "--json",
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        async with asyncio.timeout(120):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise
    assert process.returncode is not None
    assert out, err.decode()
    return process.returncode, json.loads(out), err.decode()


def values(document: Any) -> dict[str, tuple[Decimal, str, str]]:
    return {v["name"]: (Decimal(v["value"]), v["unit"], v["quality"]) for v in document["values"]}


# -- DL/T 645 --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def meter() -> Iterator[list[str]]:
    """Their server in an environment of its own, as the arguments to read it."""
    if not PEER.exists():
        missing(f"no environment with dlt645 3.2.0 at {PEER}")
    items = ["00000000=50.5", "00010000=123456.78", "00020000=0.01", "02010100=220.6", "02030000=-1.2345"]
    command = [str(PEER), str(HERE / "dlt645_server.py"), THEIRS, *items]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdin
        assert server.stdout
        try:
            port = ""
            while not port.isdigit():
                line = server.stdout.readline()
                assert line, f"its server ended with {server.wait()}"
                port = line.strip()
            yield ["--link", f"tcp://127.0.0.1:{port}", "--protocol", "dlt645"]
        finally:
            server.stdin.close()
            server.wait(30)


async def test_dlt645_values(meter: list[str]) -> None:
    items = ["00010000", "active_energy_export", "1-0:15.8.0", "voltage_l1", "02030000"]
    code, document, err = await headend_read(*meter, "--address", STANDARD, *items)
    assert (code, err, document["address"]) == (0, "", STANDARD)
    assert values(document) == {
        "active_energy_import": (Decimal("123456.78"), "kWh", "good"),
        "active_energy_export": (Decimal("0.01"), "kWh", "good"),
        "active_energy_combined": (Decimal("50.50"), "kWh", "good"),
        "voltage_l1": (Decimal("220.6"), "V", "good"),
        "active_power": (Decimal("-1.2345"), "kW", "good"),
    }


async def test_dlt645_refusal_of_a_block(meter: list[str]) -> None:
    code, document, err = await headend_read(*meter, "--address", STANDARD, "0001FF00", "00010000")
    assert code == 1
    assert values(document) == {"active_energy_import": (Decimal("123456.78"), "kWh", "good")}
    assert [(e["item"], e["kind"], e["code"]) for e in document["errors"]] == [("0001FF00", "refused", "02")]
    assert err == f"headend: 0001FF00: {document['errors'][0]['message']}\n"


async def test_dlt645_another_address(meter: list[str]) -> None:
    """Their server answers for a stranger, under its own address or the stranger's: never with a value for us."""
    code, document, err = await headend_read(*meter, "--address", "111111111111", "--retries", "0", "00010000")
    assert code == 1
    assert document.get("values", []) == []
    told = document["errors"][0] if "errors" in document else document["error"]
    assert told["kind"] in ("refused", "no_answer")
    assert told["message"] in err


async def test_dlt645_the_address_as_they_write_it_is_another_meters(meter: list[str]) -> None:
    code, document, _ = await headend_read(*meter, "--address", THEIRS, "--retries", "0", "00010000")
    assert (code, document.get("values", [])) == (1, [])


# -- Modbus ----------------------------------------------------------------------------------------------------------

FLOATS = {0: 230.5, 6: 4.25, 12: 979.625, 30: 0.5, 52: -1500.0, 70: 50.0, 72: 123456.78125, 74: 0.0625}
"""Input registers of an SDM630, as float32 holds them; 123456.78125 is the one that is nearest to 123456.78."""
EXPECTED = {
    "voltage_l1": "230.5", "current_l1": "4.25", "active_power_l1": "0.979625", "active_power": "-1.5",
    "frequency": "50", "active_energy_import": "123456.78", "active_energy_export": "0.0625",
}  # fmt: skip


def device() -> Any:
    """Unit 1 of pymodbus' simulator; registers that are not stated are answered with exception 2."""
    from pymodbus.simulator import DataType, SimData, SimDevice

    registers = [SimData(address, values=value, datatype=DataType.FLOAT32) for address, value in FLOATS.items()]
    other = [SimData(0, count=2, values=0, datatype=DataType.REGISTERS)]
    bits = [SimData(0, count=16, values=False, datatype=DataType.BITS)]
    return SimDevice(1, simdata=(bits, bits, other, registers))


@asynccontextmanager
async def serving(server: Any) -> AsyncIterator[None]:
    await server.serve_forever(background=True)
    try:
        yield
    finally:
        await server.shutdown()


@pytest.fixture
async def over_tcp() -> AsyncIterator[list[str]]:
    from pymodbus.server import ModbusTcpServer

    port = free_port()
    async with serving(ModbusTcpServer(device(), address=("127.0.0.1", port))):
        yield ["--link", f"tcp://127.0.0.1:{port}"]


@pytest.fixture
async def rtu_over_tcp() -> AsyncIterator[list[str]]:
    from pymodbus import FramerType
    from pymodbus.server import ModbusTcpServer

    port = free_port()
    async with serving(ModbusTcpServer(device(), framer=FramerType.RTU, address=("127.0.0.1", port))):
        yield ["--link", f"tcp://127.0.0.1:{port}", "--framing", "rtu"]


@pytest.fixture
async def over_serial() -> AsyncIterator[list[str]]:
    """Two pseudo-terminals with their masters joined: a null modem."""
    from pymodbus.server import ModbusSerialServer

    (one, theirs), (other, ours) = pty_pair(), pty_pair()
    ways = [asyncio.create_task(passing(one, other)), asyncio.create_task(passing(other, one))]
    try:
        async with serving(ModbusSerialServer(device(), port=theirs, baudrate=9600)):
            yield ["--link", f"serial://{ours}?baudrate=9600&parity=N"]
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)
        await one.close()
        await other.close()


async def passing(source: Link, sink: Link) -> None:
    while True:
        await sink.send(await source.receive())


SDM630 = ["--protocol", "modbus", "--model", "eastron_sdm630"]


@pytest.fixture(params=["over_tcp", "rtu_over_tcp", "over_serial"])
def unit(request: pytest.FixtureRequest) -> list[str]:
    """Their server on each kind of line, as the arguments to read it."""
    if find_spec("pymodbus") is None:
        missing("no pymodbus: pip install -e '.[dev]'")
    arguments: list[str] = request.getfixturevalue(request.param)
    return [*arguments, *SDM630]


async def test_modbus_values(unit: list[str]) -> None:
    code, document, err = await headend_read(*unit, "--address", "1", *EXPECTED)
    assert (code, err) == (0, "")
    assert {v["name"]: Decimal(v["value"]) for v in document["values"]} == {
        name: Decimal(value) for name, value in EXPECTED.items()
    }
    assert {v["quality"] for v in document["values"]} == {"good"}


async def test_modbus_registers_by_hand(unit: list[str]) -> None:
    code, document, _ = await headend_read(*unit, "--address", "1", "input:52", "4:0x48:u16", "holding:0")
    assert code == 0
    assert [(v["item"], v["name"], v["value"]) for v in document["values"]] == [
        ("input 52", "active_power", "-1.500000"),
        ("input 72", "input 72", "18417"),  # the high word of 123456.78125 as float32, 47F1 2064
        ("holding 0", "holding 0", "0"),
    ]


async def test_modbus_exceptions(unit: list[str]) -> None:
    code, document, err = await headend_read(*unit, "--address", "1", "input:400:u16", "voltage_l1", "voltage_l2")
    assert code == 1
    assert [v["name"] for v in document["values"]] == ["voltage_l1"]
    assert [(e["item"], e["kind"], e["code"]) for e in document["errors"]] == [
        ("input:400:u16", "refused", "02"),
        ("voltage_l2", "refused", "02"),
    ]
    assert err.count("headend: ") == 2


async def test_modbus_another_unit(unit: list[str]) -> None:
    code, document, _ = await headend_read(*unit, "--address", "9", "--retries", "0", "voltage_l1")
    assert (code, document.get("values", [])) == (1, [])
