"""Wire logs: written by a line that works, read again, decoded again; passwords are hidden."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from headend.cli.main import run
from headend.collection.line import Line, LinePath
from headend.errors import UsageFault
from headend.wire.log import WireLogs
from headend.wire.replay import Decoded, collected, decoded, differences
from headend.wire.rows import WireRow, by_line, read_rows
from headend.wire.settings import WireLogTable, problems
from protocols.dlt645.frame import encode
from protocols.dlt645.model import Dlt645Model
from protocols.meter_model import MeterModel
from protocols.models import load
from protocols.timing import Timing
from simulators.fleet import Fleet, RunningBus
from tests.simulators.reading import bus, scenario

T0 = datetime(2026, 11, 22, 12, tzinfo=UTC)
PATH = LinePath("east/1", "tcp://127.0.0.1:1", "dlt645")
OWN = bytes.fromhex("160000000026")


class Clock:
    """A second later each time."""

    def __init__(self) -> None:
        self.now = T0

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


def logs(folder: Path, **table: Any) -> WireLogs:
    return WireLogs(folder, WireLogTable(directory="logs", **table), Clock())


def written(file: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@asynccontextmanager
async def logged(
    folder: Path, protocol: str, *more: str, framing: str = ""
) -> AsyncIterator[tuple[Line, RunningBus, WireLogs]]:
    """A line to simulated meters, whose bytes are written down."""
    async with Fleet(scenario(bus(protocol, "tcp://127.0.0.1:0", *more))) as fleet:
        (running,) = fleet.buses
        path = LinePath("east/1", running.url, protocol, framing)
        made = logs(folder)
        line = Line(path, Timing(response=1.0, latency=1.0, gap=0.2), made.tap(path))
        try:
            yield line, running, made
        finally:
            await line.close()


async def read_all(line: Line, running: RunningBus, model: MeterModel) -> dict[tuple[str, str], str]:
    """By address and name."""
    found = {}
    for meter in running.meters:
        for read in model.plan(model.quantities):
            for value in await line.run(read.exchange(meter.address, line.wire)):
                if value.number is not None:
                    found[meter.address, value.part.name] = str(value)
    return found


def said(answers: list[Decoded]) -> dict[tuple[str, str], str]:
    return {(one.address, name): text for one in answers for name, text in one.values.items() if text is not None}


@pytest.mark.parametrize("quirks", ["", "quirks = { most_data = 8, fe = 1 }"])
async def test_what_was_read_comes_out_of_the_log_again(tmp_path: Path, quirks: str) -> None:
    model = load("dlt645_2007")
    assert isinstance(model, Dlt645Model)
    async with logged(tmp_path, "dlt645", quirks) as (line, running, made):
        read = await read_all(line, running, model)
    rows = by_line(read_rows(made.file("east/1")))["east/1"]
    codec = said(decoded("east/1", rows, model))
    assert {key: codec[key] for key in read} == read
    collector = said(await collected("east/1", rows, model))
    assert {key: collector[key] for key in read} == read
    assert {(row.protocol, row.framing) for row in rows} == {("dlt645", "")}


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
async def test_modbus_too(tmp_path: Path, framing: str) -> None:
    model = load("eastron_sdm630")
    async with logged(tmp_path, "modbus", f'framing = "{framing}"', framing=framing) as (line, running, made):
        read = await read_all(line, running, model)
    rows = by_line(read_rows(made.file("east/1")))["east/1"]
    codec = said(decoded("east/1", rows, model))
    assert read
    assert {key: codec[key] for key in read} == read


async def test_the_simulators_log_is_read_as_well(tmp_path: Path) -> None:
    text = bus("dlt645", "tcp://127.0.0.1:0", "meters = 1")
    import msgspec

    made = msgspec.structs.replace(scenario(text), wire_log="wire.jsonl", path=str(tmp_path / "lab.toml"))
    model = load("dlt645_2007")
    async with Fleet(made) as fleet:
        (running,) = fleet.buses
        line = Line(LinePath("x", running.url, "dlt645"), Timing(response=1.0, latency=1.0))
        read = await read_all(line, running, model)
        await line.close()
    ((name, rows),) = by_line(read_rows(tmp_path / "wire.jsonl")).items()
    assert name == "bus-1/1"
    codec = said(decoded(name, rows, model))
    assert {key: codec[key] for key in read} == read


def test_passwords_are_hidden_even_in_an_answer_that_comes_in_pieces(tmp_path: Path) -> None:
    made = logs(tmp_path)
    tap = made.tap(PATH)
    assert tap is not None
    write = encode(OWN, 0x14, bytes.fromhex("01010004045634120000000026112205"))
    password = encode(OWN, 0x91, bytes.fromhex("050c000404563412"))
    tap.show(">", write)
    tap.show("<", password[:16])
    tap.show("<", password[16:])
    sent, received = written(made.file("east/1"))
    assert (sent["direction"], received["direction"]) == ("sent", "received")
    for row, secret in ((sent, b"\x56\x34\x12"), (received, b"\x04\x56\x34\x12")):
        hidden = " ".join(f"{byte + 0x33 & 0xFF:02X}" for byte in secret)
        assert hidden not in row["hex"]
        assert row["hex"].count("**") >= len(secret)
    assert received["time"] == (T0 + timedelta(seconds=2)).isoformat(timespec="milliseconds")
    assert [row.raw for row in read_rows(made.file("east/1"))] == [None, None]


def test_an_answer_without_an_end_is_written_when_the_next_request_goes_out(tmp_path: Path) -> None:
    made = logs(tmp_path)
    tap = made.tap(PATH)
    assert tap is not None
    request = encode(OWN, 0x11, bytes.fromhex("00000100"))
    tap.show(">", request)
    tap.show("<", encode(OWN, 0x91, bytes.fromhex("0000010078563412"))[:-3])
    tap.show("!", b"told already")
    assert len(written(made.file("east/1"))) == 1
    tap.show(">", request)
    assert [row["direction"] for row in written(made.file("east/1"))] == ["sent", "received", "sent"]


def test_files_are_put_aside_and_the_oldest_goes(tmp_path: Path) -> None:
    made = logs(tmp_path, bytes=4096, keep=2)
    tap = made.tap(PATH)
    assert tap is not None
    for _ in range(120):
        tap.show(">", bytes(40))
    names = sorted(file.name for file in tmp_path.iterdir())
    assert names == ["east%2F1.1.jsonl", "east%2F1.2.jsonl", "east%2F1.jsonl"]
    assert all(4096 < (tmp_path / name).stat().st_size < 4600 for name in names[:2])


def test_only_the_lines_that_are_named(tmp_path: Path) -> None:
    made = logs(tmp_path, lines=["west"])
    assert made.tap(PATH) is None
    assert made.tap(LinePath("west", "tcp://127.0.0.1:1", "dlt645")) is not None


def test_a_disk_that_fails_costs_rows_and_nothing_else(tmp_path: Path) -> None:
    made = logs(tmp_path)
    tap = made.tap(PATH)
    assert tap is not None
    made.file("east/1").mkdir()
    tap.show(">", b"x")
    tap.show(">", b"x")
    assert made.lost == 2


def test_what_is_no_wire_log_is_told_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "x.jsonl"
    row = {"time": T0.isoformat(), "line": "a", "direction": "sent", "hex": "68"}
    file.write_text(json.dumps(row) + "\n" + json.dumps(row | {"direction": "up"}) + "\n")
    with pytest.raises(UsageFault, match=r"x\.jsonl:2: no row of a wire log: .*direction 'up'"):
        list(read_rows(file))
    file.write_text(json.dumps(row) + "\n" + json.dumps(row)[:20])
    assert len(list(read_rows(file))) == 1


async def test_the_command_finds_what_differs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with logged(tmp_path, "dlt645", "meters = 1") as (line, running, made):
        await read_all(line, running, load("dlt645_2007"))
    file = str(made.file("east/1"))
    arguments = ["wire", "replay", file, "--model", "dlt645_2007"]
    assert await asyncio.to_thread(run, [*arguments, "--json"]) == 0
    text = "".join(f"{line}\n" for line in capsys.readouterr().out.splitlines() if line.startswith("{"))
    golden = tmp_path / "golden"
    golden.write_text(text)
    assert await asyncio.to_thread(run, [*arguments, "--against", str(golden)]) == 0
    rows = [json.loads(line) for line in text.splitlines()]
    row = next(row for row in rows if row["item"] == "00020000" or row["values"])
    name = next(iter(row["values"]))
    right, row["values"][name] = row["values"][name], "0.07"
    golden.write_text("".join(json.dumps(one) + "\n" for one in rows[:-1]))
    assert await asyncio.to_thread(run, [*arguments, "--against", str(golden)]) == 1
    errors = capsys.readouterr().err
    assert f"{name} is {right}, before 0.07" in errors
    assert "not there before" in errors


def test_differences_name_line_time_meter_and_item() -> None:
    one = Decoded("east", T0, "1", "00010000", {"energy": "1.00"}, "")
    assert differences([one], [one]) == []
    assert differences([one], []) == [f"east {T0.isoformat()} 1 00010000: not there before"]
    assert differences([one._replace(values={}, problem="02: no data")], [one]) == [
        f"east {T0.isoformat()} 1 00010000: 02: no data, before sound",
        f"east {T0.isoformat()} 1 00010000: energy is None, before 1.00",
    ]


def test_rows_with_hidden_bytes_are_passed_over() -> None:
    assert decoded("east", [WireRow(T0, "east", "dlt645", "", True, None)]) == []


def test_the_table_says_what_is_wrong() -> None:
    assert dict(problems(WireLogTable(bytes=1, keep=0))) == {
        "bytes": "1, expected at least 4096",
        "keep": "0, expected at least 1",
    }
