"""`headend simulate`: what it prints is enough to read its meters, and a signal ends it."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from headend.cli.main import run
from protocols.driver import Driver
from protocols.links.open import open_link
from protocols.modbus import TcpWire
from protocols.models import load
from protocols.timing import Timing
from simulators.truth import Truth

LAB = """
truth = "truth.csv"

[[bus]]
name = "serial"
protocol = "dlt645"
carrier = "pty"
meters = 2

[[bus]]
name = "gateway"
protocol = "modbus"
framing = "tcp"
carrier = "tcp://127.0.0.1:0"
meters = 3
"""


async def started(*arguments: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "headend",
        "simulate",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_runs_until_it_is_told(tmp_path: Path, number: signal.Signals) -> None:
    (tmp_path / "lab.toml").write_text(LAB)
    process = await started(str(tmp_path / "lab.toml"), "--json", "--registry", str(tmp_path / "registry"))
    assert process.stdout is not None
    try:
        async with asyncio.timeout(120):
            lines = [json.loads(await process.stdout.readline()) for _ in range(2)]
        assert [(line["bus"], line["meters"]) for line in lines] == [("serial", 2), ("gateway", 3)]
        assert lines[0]["url"].startswith("serial:///dev/")
        wire = TcpWire()
        link = await open_link(lines[1]["url"])
        driver = Driver(link, wire.reader(), Timing())
        asked = datetime.now(UTC)
        (value,) = await driver.run(load("eastron_sdm630").read("active_energy_import").exchange("2", wire))
        answered = datetime.now(UTC)
        await link.close()
    finally:
        process.send_signal(number)
        rest, errors = await process.communicate()
    assert (process.returncode, rest) == (0, b""), errors
    truth = Truth.load(tmp_path / "truth.csv")
    assert truth.meters == {"serial-001", "serial-002", "gateway-001", "gateway-002", "gateway-003"}
    assert value.decimal in truth.between("gateway-002", "active_energy_import", asked, answered)
    assert sorted(path.name for path in (tmp_path / "registry").iterdir()) == ["lines.csv", "meters.csv", "points.csv"]


async def test_its_time_can_be_limited(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text(LAB)
    process = await started(str(tmp_path / "lab.toml"), "--seconds", "0.2")
    output, errors = await process.communicate()
    assert process.returncode == 0, errors
    assert b"gateway" in output
    assert b"tcp://127.0.0.1:" in output


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (LAB.replace("meters = 2", "metres = 2"), "bus[0]: Object contains unknown field `metres`"),
        (LAB.replace('"pty"', '"string"'), "bus[0].carrier: carrier 'string': expected pty"),
        (LAB + 'model = "nonesuch"\n', "bus[1].model: unknown model 'nonesuch'"),
    ],
)
def test_a_wrong_scenario_ends_with_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], text: str, reason: str
) -> None:
    path = tmp_path / "lab.toml"
    path.write_text(text)
    assert run(["simulate", str(path), "--json"]) == 2
    output, errors = capsys.readouterr()
    assert f"{path}: {reason}" in errors
    assert json.loads(output)["error"]["kind"] == "usage"


@pytest.mark.parametrize("seconds", ["0", "-1"])
def test_a_time_that_is_none_ends_with_2(capsys: pytest.CaptureFixture[str], seconds: str) -> None:
    assert run(["simulate", "lab.toml", f"--seconds={seconds}"]) == 2
    assert "--seconds" in capsys.readouterr().err


async def test_a_port_that_is_taken_ends_with_1(tmp_path: Path) -> None:
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (tmp_path / "lab.toml").write_text(LAB.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
    process = await started(str(tmp_path / "lab.toml"), "--json")
    output, errors = await process.communicate()
    server.close()
    await server.wait_closed()
    assert process.returncode == 1
    assert json.loads(output)["error"]["kind"] == "unreachable"
    assert b"the port is in use by another program" in errors
    assert b"Traceback" not in errors
