"""The units of docs/deployment call commands that there are."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from headend.cli.main import parser
from tests.project.tree import ROOT

UNITS = sorted((ROOT / "docs" / "deployment").glob("*.service"))


def unit(path: Path) -> configparser.RawConfigParser:
    found = configparser.RawConfigParser(strict=False)
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(path.read_text(encoding="utf-8"))
    return found


def test_there_are_two() -> None:
    assert [path.name for path in UNITS] == ["headend.service", "headend@.service"]


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
@pytest.mark.parametrize("key", ["ExecStart", "ExecStartPre"])
def test_its_commands_are_known(path: Path, key: str) -> None:
    program, *words = unit(path)["Service"][key].split()
    assert program.endswith("/bin/headend")
    arguments = parser(words).parse_args(words)
    assert arguments.command == {"ExecStart": "run", "ExecStartPre": "check"}[key]
    assert arguments.config == ("/etc/headend/%i.toml" if "@" in path.name else "/etc/headend/headend.toml")


@pytest.mark.parametrize("path", UNITS, ids=lambda path: path.name)
def test_the_daemon_may_do_what_it_does(path: Path) -> None:
    service = unit(path)["Service"]
    assert service["Type"] == "notify"
    assert "clock_adjtime" in service["SystemCallFilter"].split(), "the host's clock is asked for"
    assert {"AF_UNIX", "AF_INET", "AF_INET6"} <= set(service["RestrictAddressFamilies"].split())
    assert "ProtectClock" not in service, "it would take the serial ports away"


def test_the_template_has_directories_of_its_own() -> None:
    single, template = (unit(path)["Service"] for path in UNITS)
    assert (single["StateDirectory"], template["StateDirectory"]) == ("headend", "headend/%i")
