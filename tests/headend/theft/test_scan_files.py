"""`headend theft scan`: files in, ranking out; what cannot be read is told with exit code 2."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

import analytics.theft.prior
from simulators.theft import District, district, homes
from tests.headend.command import Headend

DAYS, SLOTS, COUNT = 28, 24, 12


@pytest.fixture
def played(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> District:
    quick = analytics.theft.prior.Settings
    monkeypatch.setattr("analytics.theft.Settings", lambda seed: quick(seed=seed, plays=24, rounds=3, trees=5))
    made = district(homes(COUNT, DAYS, SLOTS, 3), {4: ("bypass", 10)}, 2)
    times = np.datetime64("2026-03-01T00:00:00") + np.arange(DAYS * SLOTS) * np.timedelta64(3600, "s")
    columns = {f"m{k}": made.reported[k].ravel() for k in range(COUNT)}
    columns["m1"] = columns["m1"].copy()
    columns["m1"][30:40] = np.nan
    pq.write_table(pa.table({**columns, "timestamp": times, "note": ["x"] * len(times)}), tmp_path / "hh.parquet")
    with (tmp_path / "hh.csv").open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["start", *columns])
        for k, time in enumerate(times):
            rows.writerow([time, *("" if np.isnan(c[k]) else c[k] for c in columns.values())])
    pq.write_table(pa.table({"timestamp": times, "A": made.total.ravel()}), tmp_path / "area.parquet")
    (tmp_path / "areas.csv").write_text("meter_id,area\n" + "".join(f"m{k},A\n" for k in range(COUNT)))
    return made


def test_csv_and_parquet_tell_the_same(headend: Headend, tmp_path: Path, played: District) -> None:
    areas = ["--area-meter", tmp_path / "area.parquet", "--areas", tmp_path / "areas.csv"]
    for kind in ("parquet", "csv"):
        out = tmp_path / f"{kind}.out"
        ran = headend("theft", "scan", "--reported", tmp_path / f"hh.{kind}", *areas, "-o", out)
        assert ran.code == 0
        assert ("note" in ran.err) == (kind == "parquet")
    text = (tmp_path / "csv.out").read_text()
    assert text == (tmp_path / "parquet.out").read_text()
    rows = list(csv.DictReader(text.splitlines()))
    assert list(rows[0]) == ["meter_id", "score", "rank", "estimated_kwh", "reasons"]
    assert sorted(row["meter_id"] for row in rows) == sorted(f"m{k}" for k in range(COUNT))
    told = sum(float(row["estimated_kwh"]) for row in rows)
    assert abs(told - played.stolen.sum() / 1000) < 0.01 * played.total.sum() / 1000


def test_json_has_reasons_with_codes(headend: Headend, tmp_path: Path, played: District) -> None:
    events = tmp_path / "events.csv"
    events.write_text("meter_id,time,kind\nm4,2026-03-11T08:00:00+01:00,cover_opened\n")
    ran = headend("--json", "theft", "scan", "--reported", tmp_path / "hh.csv", "--events", events)
    assert ran.code == 0
    (mine,) = [row for row in ran.document["meters"] if row["meter_id"] == "m4"]
    assert "cover_opened" in {reason["code"] for reason in mine["reasons"]}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such file"),
        ("", "neither"),
        ("time,a\n", "rows"),
        ("time,a\nsoon,1\n", "times"),
        ("time,a\n2026-01-01,x\n", "numbers"),
    ],
)
def test_what_cannot_be_read_is_told(headend: Headend, tmp_path: Path, content: str | None, says: str) -> None:
    file = tmp_path / "hh.csv"
    if content is not None:
        file.write_text(content)
    ran = headend("--json", "theft", "scan", "--reported", file)
    assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
    assert str(file) in ran.document["error"]["message"]
    assert says in ran.document["error"]["message"]


def test_wrong_lists_are_told(headend: Headend, tmp_path: Path, played: District) -> None:
    bad = tmp_path / "bad.csv"
    bad.write_text("meter,where\nm1,A\n")
    reported = ["theft", "scan", "--reported", tmp_path / "hh.csv"]
    assert headend(*reported, "--areas", bad).code == 2
    ran = headend("--json", *reported, "--area-meter", tmp_path / "area.parquet", "--areas", bad)
    assert "meter_id" in ran.document["error"]["message"]
    bad.write_text("meter_id,date,found\nm1,2026-03-01,maybe\n")
    ran = headend("--json", *reported, "--outcomes", bad)
    assert (ran.code, "found" in ran.document["error"]["message"]) == (2, True)
