"""docs/simulators.md says what there is: its scenario runs, and no key is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from simulators.customers import CHANGES, ChangeTable, TheftTable
from simulators.fleet import Fleet, plan
from simulators.push.table import PushTable
from simulators.scenario import BusTable, EventTable, QuirksTable, Scenario, parse
from simulators.wiring import THEFTS

MANUAL = (Path(__file__).parents[2] / "docs" / "simulators.md").read_text(encoding="utf-8")


def test_its_scenario_is_one() -> None:
    text = MANUAL.partition("```toml\n")[2].partition("```")[0]
    buses = plan(parse(text, "manual.toml"), datetime(2026, 11, 22, tzinfo=UTC))
    assert [(bus.name, len(bus.meters)) for bus in buses] == [
        ("east", 8),
        ("flats", 2),
        ("shop-1", 4),
        ("shop-2", 4),
        ("shop-3", 4),
    ]


def test_every_key_is_described_and_no_other() -> None:
    keys = {f.name for f in msgspec.structs.fields(Scenario)} - {"path"}
    keys |= {f"bus.{f.name}" for f in msgspec.structs.fields(BusTable)}
    keys |= {f"bus.quirks.{f.name}" for f in msgspec.structs.fields(QuirksTable)}
    keys |= {f"bus.event.{f.name}" for f in msgspec.structs.fields(EventTable)}
    table = MANUAL.partition("| Key |")[2].partition("\n\n")[0]
    described = {
        key for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for key in re.findall("`(.+?)`", cell)
    }
    assert described == keys


def test_every_key_of_a_fleet_that_pushes_is_described() -> None:
    section = MANUAL.partition("## A fleet that pushes")[2]
    table = section.partition("| Key |")[2].partition("\n\n")[0]
    cells = re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE)
    assert {key for cell in cells for key in re.findall("`(.+?)`", cell)} == {
        f.name for f in msgspec.structs.fields(PushTable)
    }
    (fleet,) = parse(section.partition("```toml\n")[2].partition("```")[0], "manual.toml").push
    assert (fleet.meters, fleet.gateways, len(fleet.outage)) == (100_000, 2000, 1)


def test_what_customers_do_is_described_and_its_scenario_is_one() -> None:
    section = MANUAL.partition("## What customers do")[2].partition("\n## ")[0]
    keys, thefts, changes = (
        {key for cell in re.findall(r"^\| ([^|]+) \|", table, re.MULTILINE) for key in re.findall("`(.+?)`", cell)}
        for table in (
            section.partition(start)[2].partition("\n\n")[0] for start in ("| Key |", "| Theft |", "| Honest")
        )
    )
    fields = (*msgspec.structs.fields(TheftTable), *msgspec.structs.fields(ChangeTable))
    assert keys == {field.encode_name for field in fields}
    assert (thefts, changes) == (set(THEFTS), set(CHANGES))
    example = parse(section.partition("```toml\n")[2].partition("```")[0], "manual.toml")
    deeds = Fleet(example, lambda: datetime(2026, 11, 22, tzinfo=UTC)).deeds
    assert sorted(deed.kind for deed in deeds) == ["bypass", "bypass", "phase_reversal", "tenant"]
    assert {deed.area for deed in deeds} == {"A1"}
