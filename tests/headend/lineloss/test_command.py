"""`headend lineloss report` from files and from the database: rows, reasons, a picture, and what it refuses."""

from __future__ import annotations

import asyncio
import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from simulators.theft import District, district, homes
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.headend.district import plant

DAYS, SLOTS, COUNT = 21, 24, 8
PERIOD = ["--from", "2026-03-02", "--to", "2026-03-23"]


@pytest.fixture
def parts() -> list[District]:
    used = homes(2 * COUNT, DAYS, SLOTS, 5)
    thieves = {3: ("interruptions", 10), 5: ("bypass", 10)}
    return [district(used[:COUNT], thieves, 1), district(used[COUNT:], {}, 2)]


@pytest.fixture
def files(tmp_path: Path, parts: list[District]) -> list[str | Path]:
    times = np.datetime64("2026-03-02T00:00:00") + np.arange(DAYS * SLOTS) * np.timedelta64(3600, "s")
    meters = {f"m{a}{k}": part.reported[k].ravel() for a, part in enumerate(parts) for k in range(COUNT)}
    totals = {f"A{a}": part.total.ravel() for a, part in enumerate(parts)}
    pq.write_table(pa.table({"timestamp": times, **meters}), tmp_path / "meters.parquet")
    with (tmp_path / "totals.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["start", *totals])
        rows.writerows([str(time), *(int(column[k]) for column in totals.values())] for k, time in enumerate(times))
    (tmp_path / "areas.csv").write_text("meter_id,area,from\n" + "".join(f"{m},A{m[1]},2026-01-01\n" for m in meters))
    (tmp_path / "feeders.csv").write_text("area,feeder\nA0,F1\nA1,F1\n")
    return [
        "--reported", tmp_path / "meters.parquet", "--area-meter", tmp_path / "totals.csv",
        "--areas", tmp_path / "areas.csv", "--feeders", tmp_path / "feeders.csv",
    ]  # fmt: skip


def test_files_give_a_worst_list_rows_and_a_picture(
    headend: Headend, tmp_path: Path, files: list[str | Path], parts: list[District]
) -> None:
    chart, out = tmp_path / "loss.png", tmp_path / "loss.csv"
    ran = headend("lineloss", "report", *files, "--chart", chart)
    assert ran.code == 0
    assert ran.out.index("A0") < ran.out.index("A1")
    assert "step_change" in ran.out
    assert chart.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
    assert headend("lineloss", "report", *files, "--csv", "-o", out, "--area", "A0").code == 0
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [row["day"] for row in rows] == [f"2026-03-{day:02}" for day in range(2, 23)]
    assert sum(float(row["supplied_kwh"]) for row in rows) == pytest.approx(parts[0].total.sum() / 1000, abs=0.1)
    lost = parts[0].total.sum() - parts[0].reported.sum()
    assert sum(float(row["loss_kwh"]) for row in rows) == pytest.approx(lost / 1000, abs=0.1)
    assert all(float(row["technical_kwh"]) >= 0 for row in rows)


def test_json_holds_places_and_days_of_the_period(headend: Headend, files: list[str | Path]) -> None:
    ran = headend("--json", "lineloss", "report", *files, "--from", "2026-03-05", "--to", "2026-03-08")
    assert {(place["level"], place["name"]) for place in ran.document["places"]} == {
        ("area", "A0"), ("area", "A1"), ("feeder", "F1"),
    }  # fmt: skip
    assert {day["day"] for day in ran.document["days"]} == {"2026-03-05", "2026-03-06", "2026-03-07"}


def test_the_database_tells_the_same_as_the_files(
    headend: Headend, tmp_path: Path, conninfo: str, files: list[str | Path], parts: list[District]
) -> None:
    site = tmp_path / "headend.toml"
    site.write_text(configuration(conninfo, more='timezone = "UTC"'), encoding="utf-8")
    asyncio.run(
        plant(
            conninfo,
            {
                f"A{a}": ({f"m{a}{k}": part.reported[k].ravel() for k in range(COUNT)}, part.total.ravel())
                for a, part in enumerate(parts)
            },
        )
    )
    stored = headend("--json", "--config", site, "lineloss", "report", *PERIOD)
    assert stored.code == 0
    read = {place["name"]: place for place in headend("--json", "lineloss", "report", *files).document["places"]}
    for place in stored.document["places"]:
        same = read[place["name"]]
        assert place["supplied_kwh"] == pytest.approx(same["supplied_kwh"], abs=0.01)
        assert place["loss_kwh"] == pytest.approx(same["loss_kwh"], abs=0.01)
        assert [one["code"] for one in place["anomalies"]] == [one["code"] for one in same["anomalies"]]
    only = headend("--json", "--config", site, "lineloss", "report", *PERIOD, "--feeder", "F1", "--area", "A1")
    assert [place["name"] for place in only.document["places"]] == ["A1"]


def test_a_database_without_total_meters_says_so(headend: Headend, site: Path) -> None:
    ran = headend("--json", "--config", site, "lineloss", "report")
    assert (ran.code, "total meter" in ran.document["error"]["message"]) == (2, True)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--area", "A9"], "A9"),
        (["--worst", "0"], "--worst"),
        (["-o", "x.txt"], "--csv"),
        (["--from", "soon"], "soon"),
        (["--from", "2027-01-01"], "no row"),
    ],
)
def test_wrong_usage_is_told(headend: Headend, files: list[str | Path], more: list[str], says: str) -> None:
    if "-o" not in more:
        more = [*more, "--json"]
    ran = headend("lineloss", "report", *files, *more)
    assert ran.code == 2
    assert says in ran.err


def test_files_go_together(headend: Headend, files: list[str | Path]) -> None:
    assert "--areas" in headend("lineloss", "report", *files[:4]).err
    assert "--reported" in headend("lineloss", "report", *files[4:]).err
