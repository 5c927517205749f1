"""`headend label`: from files without a database; from the database into it, with history."""

from __future__ import annotations

import asyncio
import csv
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest

from storage.outages import OutageRow, OutageStore
from tests.analytics.labels.test_label import frame, town
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.headend.district import BEGIN, plant

DAYS = 21


@pytest.fixture
def reported(tmp_path: Path) -> Path:
    given = frame({name: w for name, w in town().items() if name in ("evening", "car", "solar")})
    with (tmp_path / "hh.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["start", *given.names])
        rows.writerows([time, *row] for time, row in zip(given.times, given.values.tolist(), strict=True))
    return tmp_path / "hh.csv"


def test_files_in_labels_out(headend: Headend, tmp_path: Path, reported: Path) -> None:
    (tmp_path / "outages.csv").write_text(
        "meter_id,start,end\n" + "".join(f"car,2026-01-{day}T10:00Z,2026-01-{day}T11:00Z\n" for day in (10, 11, 12))
    )
    out = tmp_path / "labels.csv"
    given = ["--reported", reported, "--outages", tmp_path / "outages.csv", "--exports", reported]
    ran = headend("--json", "label", "run", *given, "--at", "2026-02-02T00:00Z", "-o", out)
    assert ran.code == 0
    assert ran.document["run"] is None
    rows = list(csv.DictReader(out.read_text().splitlines()))
    found = {(row["meter"], row["label"]): row["value"] for row in rows}
    assert found["car", "load_shape"] == "night"
    assert found["car", "outage_sensitive"] == "suffered"
    assert found["solar", "pv_owner"] == "measured"
    assert rows[0]["valid_from"] == "2026-02-02T00:00:00+00:00"
    assert "days=28" in {row["label"]: row for row in rows}["base_load"]["evidence"]
    people = headend("label", "run", "--reported", reported)
    assert "flexible_load" in people.out


def test_odd_files_and_options_are_told(headend: Headend, tmp_path: Path, reported: Path) -> None:
    (tmp_path / "outages.csv").write_text("meter_id,start,end\ncar,soon,\n")
    (tmp_path / "rules.toml").write_text("version = 1")
    for more, says in (
        (["--outages", tmp_path / "outages.csv"], "row 2"),
        (["--rules", tmp_path / "rules.toml"], "version"),
        (["--rules", tmp_path / "nothing.toml"], "nothing.toml"),
        (["--at", "soon"], "soon"),
        (["--area", "A"], "--area"),
    ):
        ran = headend("--json", "label", "run", "--reported", reported, *more)
        assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
        assert says in ran.document["error"]["message"]


@pytest.fixture
def config(tmp_path: Path, conninfo: str) -> Path:
    hours = np.tile(np.arange(24), DAYS)
    homes = {
        "a": np.where((hours >= 18) & (hours < 21), 900.0, 80.0),
        "b": np.where((hours >= 1) & (hours < 5), 5000.0, 100.0),
        "c": np.full(24 * DAYS, np.nan),
    }
    asyncio.run(plant(conninfo, {"A1": (homes, np.nansum(list(homes.values()), axis=0))}))
    file = tmp_path / "headend.toml"
    file.write_text(configuration(conninfo, more='timezone = "UTC"\nprivacy = { access_log = true }'), encoding="utf-8")
    return file


async def outage(conninfo: str) -> None:
    start = BEGIN + timedelta(days=3)
    row = OutageRow(
        area="A1", level="meter", place="a", start=start, not_before=None, seen=start, confidence=Decimal("0.9"),
        meters=("a",), evidence={},
    )  # fmt: skip
    async with OutageStore(conninfo) as store:
        await store.keep(["A1"], [row], start)
        await store.keep(["A1"], [], start + timedelta(hours=13))


def test_the_database_is_labelled_and_keeps_history(headend: Headend, config: Path, conninfo: str) -> None:
    asyncio.run(outage(conninfo))
    command = ["--json", "--config", config, "label"]
    period = ["--from", "2026-03-02", "--to", "2026-03-23"]
    dry = headend(*command, "run", *period, "--at", "2026-03-23", "--dry-run")
    assert (dry.code, dry.document["run"]) == (0, None)
    assert headend(*command, "list", "--at", "2026-03-23").document == {"labels": []}
    ran = headend(*command, "run", *period, "--area", "A1", "--at", "2026-03-23", "--by", "li")
    assert ran.code == 0
    assert any("fewer than 14 days" in note for note in ran.document["notes"])
    listed = headend(*command, "list", "--at", "2026-03-24").document["labels"]
    found = {(one["point"], one["label"]): one["value"] for one in listed}
    assert found["P-a", "load_shape"] == "evening"
    assert found["P-b", "flexible_load"] == "19.6"
    assert found["P-a", "outage_sensitive"] == "suffered"
    assert {point for point, _ in found} == {"P-a", "P-b"}
    again = headend(*command, "run", *period, "--at", "2026-03-30")
    assert again.document["run"] > ran.document["run"]
    shown = headend(*command, "show", "P-a").document["labels"]
    bases = [one for one in shown if one["label"] == "base_load"]
    assert [(one["run"], one["superseded"]) for one in bases] == [
        (ran.document["run"], "2026-03-30T00:00:00+00:00"),
        (again.document["run"], None),
    ]
    late = datetime(2026, 3, 30, tzinfo=UTC) + timedelta(days=800)
    assert headend(*command, "list", "--at", late.isoformat()).document == {"labels": []}, "all expired"
    accesses = headend("--json", "--config", config, "access", "list").out
    for action in ("label run", "label list", "label show"):
        assert action in accesses
    assert "days=" in headend("--config", config, "label", "show", "P-a").out
    assert headend(*command, "show", "nobody").code == 1
    assert headend(*command, "run", *period, "--at", "2026-03-01").code == 1, "an earlier run does not undo a later"


def test_forecasts_come_from_the_database_too(headend: Headend, config: Path) -> None:
    command = ["--json", "--config", config, "forecast"]
    period = ["--from", "2026-03-02", "--to", "2026-03-23"]
    ran = headend(*command, "run", *period)
    assert ran.code == 0
    methods = {level["level"]: level["methods"] for level in ran.document["levels"]}
    assert set(methods) == {"meter", "area", "system"}
    assert methods["meter"]["none"] == 1
    one = [row for row in ran.document["intervals"] if row["name"] == "P-a"]
    assert len(one) == 24
    assert one[0]["start"] == "2026-03-23T00:00:00+00:00"
    assert [row["value"] for row in one] == pytest.approx([900.0 if 18 <= hour < 21 else 80.0 for hour in range(24)])
    tested = headend(*command, "backtest", *period, "--days", 7, "--level", "area")
    assert tested.document["levels"][0]["mape"] == pytest.approx(0, abs=0.01)
    assert headend(*command, "run", "--from", "2020-01-01", "--to", "2020-02-01").code == 2
    assert headend(*command, "run", "--from", "2026-03-09", "--to", "2026-03-02").code == 2
    assert headend(*command, "run", "--zone", "UTC").code == 2
