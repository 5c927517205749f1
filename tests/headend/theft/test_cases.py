"""Theft out of the database: the scan, its cases, their files, and what inspectors found in the next scan."""

from __future__ import annotations

import asyncio
import csv
import json
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

import analytics.theft.prior
from protocols.events import EventSource, MeterEvent, kind
from simulators.theft import District, district, homes
from storage.events import EventStore
from storage.registry import Registry
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.headend.district import BEGIN, plant

DAYS, SLOTS, COUNT = 28, 24, 10
PERIOD = ["--from", "2026-03-02", "--to", "2026-03-30"]


@dataclass(frozen=True)
class Plant:
    config: Path
    conninfo: str
    parts: list[District]


@pytest.fixture
def played(tmp_path: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Plant:
    quick = analytics.theft.prior.Settings
    monkeypatch.setattr("analytics.theft.Settings", lambda seed: quick(seed=seed, plays=40, rounds=6, trees=12))
    used = homes(2 * COUNT, DAYS, SLOTS, 5)
    parts = [district(used[:COUNT], {3: ("bypass", 12)}, 1), district(used[COUNT:], {6: ("interruptions", 9)}, 2)]
    asyncio.run(
        plant(
            conninfo,
            {
                f"A{a}": ({f"m{a}{k}": part.reported[k].ravel() for k in range(COUNT)}, part.total.ravel())
                for a, part in enumerate(parts)
            },
        )
    )
    config = tmp_path / "headend.toml"
    config.write_text(configuration(conninfo, more='timezone = "UTC"'), encoding="utf-8")
    return Plant(config, conninfo, parts)


def test_a_scan_opens_cases_that_go_their_way(headend: Headend, played: Plant, tmp_path: Path) -> None:
    out, areas = tmp_path / "scores.csv", tmp_path / "areas.csv"
    scan = ["--config", played.config, "theft", "scan", *PERIOD]
    assert headend(*scan, "--open", 2, "-o", out, "--area-report", areas).code == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert {rows[0]["meter_id"], rows[1]["meter_id"]} == {"m03", "m16"}
    assert len(rows) == 2 * COUNT, "total meters are nobody's suspects"
    for row, part in zip(csv.DictReader(areas.read_text().splitlines()), played.parts, strict=True):
        assert abs(float(row["unreported_kwh"]) - part.stolen.sum() / 1000) < 0.01 * part.total.sum() / 1000

    listed = headend("--json", "--config", played.config, "theft", "case", "list").documents
    assert [(case["meter"], case["status"]) for case in listed] == [(r["meter_id"], "new") for r in rows[:2]]
    case = next(case for case in listed if case["meter"] == "m03")
    assert case["suspicion"]["evidence"]["area"] == "A0"
    assert case["suspicion"]["evidence"]["balance"]["unreported_kwh"] > 0
    number = case["id"]

    way = ["--json", "--config", played.config, "theft", "case"]
    files = headend(*way, "export", number, "-o", tmp_path / "c").document
    assert [Path(path).name for path in files["files"]] == ["case.json", "days.png", "balance.png"]
    assert all((tmp_path / "c" / name).read_bytes()[:4] == b"\x89PNG" for name in ("days.png", "balance.png"))
    told = json.loads((tmp_path / "c" / "case.json").read_text())
    assert (told["meter"], told["history"][0]["kind"]) == ("m03", "scan")

    assert headend(*way, "set-status", number, "assigned", "--note", "wang").document["status"] == "assigned"
    found = headend(*way, "outcome", number, "--found", "yes", "--date", "2026-04-02", "--note", "shunt").document
    assert (found["status"], found["history"][-1]["found"]) == ("inspected-confirmed", True)
    assert headend(*way, "set-status", number, "closed").document["status"] == "closed"
    late = headend(*way, "set-status", number, "assigned")
    assert (late.code, "closed" in late.document["error"]["message"]) == (1, True)
    assert headend(*scan, "--open", 1).code == 0
    assert len(headend("--json", "--config", played.config, "theft", "case", "list").documents) in (2, 3)


def test_findings_and_events_move_the_scores(headend: Headend, played: Plant) -> None:
    scan = ["--json", "--config", played.config, "theft", "scan", *PERIOD]
    before = {row["meter_id"]: row for row in headend(*scan).document["meters"]}

    async def opened() -> None:
        async with Registry(played.conninfo) as registry, EventStore(played.conninfo) as events:
            meter = await registry.meter("m08")
            at = BEGIN + timedelta(days=3)
            event = MeterEvent(
                meter_id=meter.id, kind=kind("meter_cover_open"), start=at, end=at, source=EventSource.RECORD,
                received=at,
            )  # fmt: skip
            await events.write([event], {}, at)

    asyncio.run(opened())
    after = {row["meter_id"]: row for row in headend(*scan).document["meters"]}
    assert after["m08"]["score"] > before["m08"]["score"]
    assert "cover_opened" in {reason["code"] for reason in after["m08"]["reasons"]}
    assert after["m09"]["score"] == before["m09"]["score"]
    for meter in ("m00", "m01", "m02", "m04", "m10", "m11", "m12"):
        case = headend("--json", "--config", played.config, "theft", "case", "open", meter, "--note", "at random")
        deed = ["theft", "case", "outcome", case.document["id"], "--found", "no", "--date", "2026-04-01"]
        assert headend("--config", played.config, *deed).code == 0
    calm = {row["meter_id"]: row for row in headend(*scan).document["meters"]}
    assert sum(row["score"] for row in calm.values()) < sum(row["score"] for row in after.values())


def test_one_area_is_told_and_compared_with_others(headend: Headend, played: Plant) -> None:
    ran = headend("--json", "--config", played.config, "theft", "scan", *PERIOD, "--area", "A1")
    assert {row["meter_id"][:2] for row in ran.document["meters"]} == {"m1"}
    assert [area["area"] for area in ran.document["areas"]] == ["A1"]
    assert ran.document["meters"][0]["meter_id"] == "m16"


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (["scan", "--area", "A9"], 1, "A9"),
        (["scan", "--open", "0"], 2, "--open"),
        (["scan", "--from", "soon"], 2, "soon"),
        (["scan", "--events", "x.csv"], 2, "--reported"),
        (["scan", "--reported", "x.csv", "--open", "3"], 2, "--open"),
        (["case", "show", "7"], 1, "no case 7"),
        (["case", "outcome", "7", "--found", "yes", "--date", "2999-01-01"], 2, "yet to come"),
        (["case", "open", "nobody"], 1, "nobody"),
    ],
)
def test_wrong_usage_is_told(
    headend: Headend, tmp_path: Path, conninfo: str, more: list[str], code: int, says: str
) -> None:
    config = tmp_path / "headend.toml"
    config.write_text(configuration(conninfo), encoding="utf-8")
    ran = headend("--json", "--config", config, "theft", *more)
    assert (ran.code, says in ran.document["error"]["message"]) == (code, True)
