"""`headend meter add`, `list`, `show`."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from headend.collection.line import LinePath
from headend.registry.files import one_meter
from headend.registry.known import line_path
from protocols.model import POSITIONS, Capture, Quality, Source
from storage.entries import Additions, NewInstallation, NewUsagePoint
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.command import Headend

ADD = ["--address", "1", "--model", "dlt645_2007", "--line", "bus 1"]
LINK = ["--link", "tcp://192.0.2.1:4001"]


def test_a_meter_with_a_new_line(headend: Headend, site: Path) -> None:
    ran = headend("--config", site, "meter", "add", "m1", *ADD, *LINK, "--multiplier", "80", "--json")
    assert (ran.code, ran.document) == (0, {"added": {"lines": 1, "meters": 1}})
    ran = headend("--config", site, "meter", "add", " m2 ", "--address", "2", *ADD[2:])
    assert (ran.code, ran.out) == (0, "added meter m2 on line bus 1\n")
    listed = headend("--config", site, "meter", "list", "--json").documents
    assert [(m["name"], m["address"], m["line"], m["multiplier"], m["state"]) for m in listed] == [
        ("m1", "000000000001", "bus 1", "80", "active"),
        ("m2", "000000000002", "bus 1", "1", "active"),
    ]
    assert headend("--config", site, "meter", "list", "--line", "bus 9", "--json").out == ""
    assert "000000000002" in headend("--config", site, "meter", "list").out


WRONG = {
    "line: 'bus 9' is not known: give --link to make it": ["m9", *ADD[:-1], "bus 9"],
    "link: line 'bus 1' is known, at tcp://192.0.2.1:4001": ["m9", "--address", "9", *ADD[2:], "--link", "tcp://x:1"],
    "unknown model 'x'": ["m9", "--address", "9", "--model", "x", "--line", "bus 1"],
    "unknown model 'y'": ["m9", "--address", "9", "--model", "y", "--line", "bus 9", *LINK],
    "model: eastron_sdm630 speaks modbus": ["m9", "--address", "9", "--model", "eastron_sdm630", "--line", "bus 1"],
    "address: ": ["m9", "--address", "12x", *ADD[2:]],
    "address: 000000000001 is meter 'm1' on line bus 1": ["m9", *ADD],
    "multiplier: '0', expected a number above 0": ["m9", "--address", "9", *ADD[2:], "--multiplier", "0"],
    "multiplier: 'x' is no number": ["m9", "--address", "9", *ADD[2:], "--multiplier", "x"],
    "url: link http://x: unknown scheme": ["m9", *ADD[:-1], "bus 9", "--link", "http://x"],
    "framing: 'rtu' does not fit dlt645": ["m9", *ADD[:-1], "bus 9", *LINK, "--framing", "rtu"],
    "window: 4, expected 1": ["m9", *ADD[:-1], "bus 9", *LINK, "--window", "4"],
    "window: line 'bus 1' is known": ["m9", "--address", "9", *ADD[2:], "--window", "4"],
    "name: is empty": [" ", "--address", "9", *ADD[2:]],
    "line: is empty": ["m9", *ADD[:-1], "", *LINK],
}


def test_what_cannot_be_added(headend: Headend, site: Path) -> None:
    assert headend("--config", site, "meter", "add", "m1", *ADD, *LINK).code == 0
    for said, arguments in WRONG.items():
        ran = headend("--config", site, "--json", "meter", "add", *arguments)
        assert ran.code == 2, said
        assert said in ran.err
        assert said in ran.document["error"]["message"]
    ran = headend("--config", site, "--json", "meter", "add", "m1", "--address", "9", *ADD[2:])
    assert (ran.code, ran.document["error"]["message"]) == (1, "meter 'm1' is there already")
    assert len(headend("--config", site, "meter", "list", "--json").documents) == 1


def test_the_window_of_a_new_line_reaches_the_daemon(headend: Headend, site: Path, conninfo: str) -> None:
    arguments = ["--model", "eastron_sdm630", "--line", "gate", *LINK, "--window", "4"]
    assert headend("--config", site, "meter", "add", "m1", "--address", "1", *arguments).code == 0
    assert headend("--config", site, "meter", "add", "m2", "--address", "2", *arguments).code == 0, "the line's own"

    async def paths() -> list[LinePath]:
        async with Registry(conninfo) as known:
            return [line_path(line) for line in await known.lines()]

    assert [(path.name, path.window, path.side_by_side) for path in asyncio.run(paths())] == [("gate", 4, 4)]


def test_a_model_of_ones_own_is_found_from_any_folder(
    headend: Headend, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with resources.as_file(resources.files("protocols.models") / "dlt645_2007.toml") as shipped:
        shutil.copy(shipped, tmp_path / "own.toml")
    monkeypatch.chdir(tmp_path)
    arguments = ["m1", "--address", "1", "--model", "own.toml", "--line", "bus 1", *LINK]
    assert headend("--config", site, "meter", "add", *arguments).code == 0
    monkeypatch.chdir("/")
    (meter,) = headend("--config", site, "meter", "list", "--json").documents
    assert meter["model"] == str(tmp_path / "own.toml")
    assert headend("--config", site, "check").code == 0


@pytest.fixture
def latest(conninfo: str) -> datetime:
    """Some values of the first meter an hour old, another one not available."""
    slot = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=1)

    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            meter = await known.meter("m1")
            good, none = Quality.GOOD, Quality.NOT_AVAILABLE
            values = (1234567800, *[None] * 5, -5, None)
            quality = (good, none, *[good] * (POSITIONS - 2))
            await writer.write([Capture(meter.id, 1, slot, slot, Source.PULL, values, quality)])

    asyncio.run(store_with_meter(conninfo))
    asyncio.run(store())
    return slot


async def store_with_meter(conninfo: str) -> None:
    cells = {"address": "1", "model": "dlt645_2007", "line": "bus 1", "link": LINK[1], "framing": "", "multiplier": "2"}
    async with Registry(conninfo) as known:
        await known.add(one_meter(Additions(), "m1", cells))
        stay = NewInstallation(point="home", meter="m1", start=datetime(2026, 1, 1, tzinfo=UTC))
        await known.add(Additions(points=(NewUsagePoint(name="home"),), installations=(stay,)))


def test_show_tells_latest_values_with_their_age(headend: Headend, site: Path, latest: datetime) -> None:
    ran = headend("meter", "show", "m1", "--config", site, "--json")
    shown = ran.document
    assert ran.code == 0
    assert {key: shown[key] for key in ("name", "address", "line", "url", "protocol", "multiplier", "state")} == {
        "name": "m1", "address": "000000000001", "line": "bus 1", "url": LINK[1], "protocol": "dlt645",
        "multiplier": "2", "state": "active",
    }  # fmt: skip
    assert shown["points"] == [{"name": "home", "from": "2026-01-01T00:00:00+00:00", "to": None}]
    by_name = {value["name"]: value for value in shown["latest"]}
    assert [(name, v["value"], v["unit"], v["quality"]) for name, v in sorted(by_name.items())] == [
        ("active_energy_combined", "-0.0005", "kWh", "good"),
        ("active_energy_import", "123456.78", "kWh", "good"),
        ("active_energy_import_t1", None, "kWh", "not_available"),
    ]
    for value in by_name.values():
        assert datetime.fromisoformat(value["time"]) == latest
        assert value["age_s"] >= 3600
    table = headend("meter", "show", "m1", "--config", site)
    assert table.code == 0
    for word in ("000000000001", "home", "123456.78", "not_available", "dlt645_2007", LINK[1]):
        assert word in table.out


def test_show_of_an_unknown_meter(headend: Headend, site: Path) -> None:
    ran = headend("meter", "show", "m9", "--config", site, "--json")
    assert (ran.code, ran.document["error"]["message"]) == (1, "no meter named 'm9'")
    assert ran.err == "headend: no meter named 'm9'\n"
