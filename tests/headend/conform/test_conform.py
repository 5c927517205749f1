"""Conformance runs against simulated meters: sound ones pass, and each fault is found by the check that is about it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from headend.cli.main import run
from headend.collection.line import LinePath
from headend.conform import dlt645_checks, modbus_checks
from headend.conform.check import Finding, Result
from headend.conform.probe import Patience
from headend.conform.report import Report
from headend.conform.run import conform
from headend.errors import UsageFault
from protocols.models import load
from simulators.fleet import Fleet
from tests.simulators.reading import bus, scenario

QUICK = Patience(response=0.15, latency=0.05, tail=0.01)
TURNAROUND = "turnaround_s = 0.025"


@asynccontextmanager
async def meters(protocol: str, *more: str) -> AsyncIterator[tuple[str, str]]:
    """The link and the address of a simulated meter that stands alone."""
    text = bus(protocol, "tcp://127.0.0.1:0", "meters = 1", *more)
    async with Fleet(scenario(text.replace("turnaround_s = 0.0", TURNAROUND))) as fleet:
        (running,) = fleet.buses
        yield running.url, running.meters[0].address


async def report(protocol: str, *more: str, only: tuple[str, ...] = (), refusals: bool = False) -> Report:
    model = "eastron_sdm630" if protocol == "modbus" else "dlt645_1997" if 'edition = "1997"' in more else "dlt645_2007"
    framing = ("tcp" if 'framing = "tcp"' in more else "rtu") if protocol == "modbus" else ""
    async with meters(protocol, *more) as (url, address):
        path = LinePath("test", url, protocol, framing)
        return await conform(path, address, load(model), QUICK, only=only, refusals=refusals)


def results(made: Report) -> dict[str, Result]:
    return {finding.key: finding.result for finding in made.findings}


def of(made: Report, key: str) -> Finding:
    return next(finding for finding in made.findings if finding.key == key)


async def test_a_sound_meter_of_2007_passes_everything() -> None:
    made = await report("dlt645", refusals=True)
    assert {key: result for key, result in results(made).items() if result is not Result.PASS} == {}
    assert made.conforms
    keys = [check.key for check in (*dlt645_checks.CHECKS["2007"], *dlt645_checks.REFUSALS["2007"])]
    assert list(results(made)) == keys
    assert of(made, "model").why == "70 of 70 items"


async def test_a_sound_meter_of_1997() -> None:
    made = await report("dlt645", 'edition = "1997"', "quirks = { most_data = 8 }", refusals=True)
    assert {key: result for key, result in results(made).items() if result is not Result.PASS} == {}


@pytest.mark.parametrize("framing", ["rtu", "tcp"])
async def test_a_sound_modbus_meter(framing: str) -> None:
    made = await report("modbus", f'framing = "{framing}"')
    other = {key: result for key, result in results(made).items() if result is not Result.PASS}
    assert other == {"identification": Result.NOT_SUPPORTED} | (
        {"unknown_function": Result.INCONCLUSIVE} if framing == "rtu" else {}
    )
    assert made.conforms
    assert list(results(made)) == [check.key for check in modbus_checks.CHECKS[framing]]


@pytest.mark.parametrize(
    ("quirks", "key", "result"),
    [
        ('unavailable = "empty"', "unknown_item", Result.FAIL),
        ('unavailable = "silence"', "unknown_item", Result.FAIL),
        ("doubled = 1.0", "answers_once", Result.FAIL),
        ("neighbour = 1.0", "answer_form", Result.FAIL),
        ("ignores_wildcard = true", "wildcard", Result.NOT_SUPPORTED),
        ("answers_as_wildcard = true", "wildcard", Result.PASS),
        ("most_data = 16", "follow_up", Result.PASS),
        ("fe = 0", "answer_form", Result.PASS),
        ("refuses_instead_of_silence = true", "unknown_service", Result.PASS),
    ],
)
async def test_a_quirk_is_seen(quirks: str, key: str, result: Result) -> None:
    made = await report("dlt645", f"quirks = {{ {quirks} }}", only=(key,))
    assert [finding.result for finding in made.findings] == [result]
    assert made.conforms is (result is Result.PASS)


async def test_an_answer_that_comes_too_early_is_a_fault() -> None:
    text = bus("dlt645", "tcp://127.0.0.1:0", "meters = 1")
    async with Fleet(scenario(text)) as fleet:
        (running,) = fleet.buses
        path = LinePath("test", running.url, "dlt645")
        keys = ("energy", "answer_form", "response_time")
        made = await conform(path, running.meters[0].address, load("dlt645_2007"), QUICK, only=keys)
    assert of(made, "response_time").result in (Result.FAIL, Result.INCONCLUSIVE)
    assert "answers: median" in of(made, "response_time").why


class Wrong:
    """A meter that is wrong in one way: what a frame is answered with is up to `answer`."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while chunk := await reader.read(4096):
                writer.write(self.answer(chunk))
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            yield f"tcp://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            server.close()


@pytest.mark.parametrize("key", ["bad_check_sum", "bad_end", "stranger", "overheard_reply", "broadcast_read"])
async def test_a_meter_that_answers_everything_fails_where_it_should_be_silent(key: str) -> None:
    from protocols.dlt645.frame import encode

    own = bytes.fromhex("160000000026")
    answer = encode(own, 0x91, bytes.fromhex("0000010078563412"))
    async with Wrong(lambda chunk: answer).serving() as url:
        path = LinePath("test", url, "dlt645")
        made = await conform(path, "260000000016", load("dlt645_2007"), QUICK, only=(key, "energy"))
    assert results(made) == {"energy": Result.PASS, key: Result.FAIL}
    assert not made.conforms


async def test_a_modbus_server_that_answers_everything_fails() -> None:
    from protocols.modbus import rtu

    answer = rtu.encode(1, bytes.fromhex("040443660000"))
    async with Wrong(lambda chunk: answer).serving() as url:
        path = LinePath("test", url, "modbus", "rtu")
        made = await conform(path, "1", load("eastron_sdm630"), QUICK, only=("read", "stranger", "bad_crc", "count_0"))
    assert results(made) == {
        "read": Result.PASS, "stranger": Result.FAIL, "count_0": Result.FAIL, "bad_crc": Result.FAIL,
    }  # fmt: skip


async def test_a_check_that_does_not_exist() -> None:
    with pytest.raises(UsageFault, match="no check colour: expected some of energy, answer_form"):
        await conform(
            LinePath("test", "tcp://127.0.0.1:1", "dlt645"), "1", load("dlt645_2007"), QUICK, only=("colour",)
        )


async def test_nothing_but_reads_is_sent() -> None:
    """Control codes on the wire: reads, follow-ups, the address, one that no edition has, an answer of nobody's."""
    made = await report(
        "dlt645", only=tuple(check.key for check in dlt645_checks.CHECKS["2007"] if check.key != "model")
    )
    sent = {
        heard.sent.lstrip(b"\xfe")[8] for one in made.findings for heard in one.heard if heard.sent[0] in (0xFE, 0x68)
    }
    assert sent == {0x11, 0x12, 0x13, 0x1F, 0x91}


async def test_the_command_writes_both_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with meters("dlt645") as (url, address):
        arguments = ["conform", "--link", url, "--protocol", "dlt645", "--address", address, "--timeout", "150ms"]
        arguments += ["--latency", "100ms", "--only", "energy", "--only", "unknown_item"]
        files = ["-o", str(tmp_path / "r.json"), "-o", str(tmp_path / "r.md")]
        code = await asyncio.to_thread(run, [*arguments, *files, "--json"])
    assert code == 0
    document = json.loads(next(line for line in capsys.readouterr().out.splitlines() if line.startswith("{")))
    assert document == json.loads((tmp_path / "r.json").read_text())
    assert document["summary"] == {"pass": 2, "fail": 0, "not supported": 0, "inconclusive": 0}
    (energy, unknown) = document["checks"]
    assert (energy["result"], energy["clause"]) == ("pass", "7, Annex A")
    assert energy["frames"][0]["sent"].startswith("FE FE FE FE 68 ")
    assert unknown["why"] == "02: no requested data"
    page = (tmp_path / "r.md").read_text()
    assert "**conforms**: 2 pass, 0 fail" in page
    assert "| An unknown identifier is refused with an error byte | 5.2.3, 7 | pass | 02: no requested data |" in page


async def test_a_silent_meter_ends_with_1_and_its_frames_are_in_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with meters("dlt645") as (url, _):
        arguments = ["conform", "--link", url, "--protocol", "dlt645", "--address", "1", "--timeout", "10ms"]
        code = await asyncio.to_thread(
            run, [*arguments, "--latency", "10ms", "--only", "energy", "-o", str(tmp_path / "r.md")]
        )
    assert code == 1
    assert "does not conform: 1 fail" in capsys.readouterr().out
    assert "< (silence)" in (tmp_path / "r.md").read_text()


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--protocol", "dlt645", "--address", "1"], "needs --link"),
        (["--link", "tcp://127.0.0.1:1", "--protocol", "modbus", "--address", "1"], "--model M"),
        (
            ["--link", "tcp://127.0.0.1:1", "--protocol", "modbus", "--address", "1", "--model", "dlt645_2007"],
            "speaks dlt645",
        ),
        (["--link", "tcp://127.0.0.1:1", "--protocol", "dlt645", "--address", "1", "--retries", "2"], "asks once"),
    ],
)
def test_wrong_usage_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str], reason: str) -> None:
    assert run(["conform", *arguments]) == 2
    assert reason in capsys.readouterr().err
