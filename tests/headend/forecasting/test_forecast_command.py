"""`headend forecast`: files in, rows out, whatever the clocks do; odd input is told."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet as pq

from headend.forecasting.given import holidays, local
from headend.forecasting.told import starts
from tests.analytics.forecast.town import frame, loads, times
from tests.headend.command import Headend

DAYS, HOMES = 35, 4


@pytest.fixture
def given(tmp_path: Path) -> list[object]:
    values = loads(HOMES, DAYS + 1)[: DAYS * 24 + 10]
    table = {"start": times(DAYS + 1)[: len(values)], **{f"m{k}": values[:, k] for k in range(HOMES)}}
    pq.write_table(pa.table(table), tmp_path / "hh.parquet")
    (tmp_path / "areas.csv").write_text("meter_id,area\nm0,A\nm1,A\nm2,B\nm2,A\nm9,B\n")
    return ["--reported", tmp_path / "hh.parquet", "--areas", tmp_path / "areas.csv"]


def test_three_levels_from_what_is_known(headend: Headend, tmp_path: Path, given: list[object]) -> None:
    out = tmp_path / "out.csv"
    ran = headend("--json", "forecast", "run", *given, "--horizon", 2, "--zone", "Europe/London", "-o", out)
    assert ran.code == 0
    assert "two areas" in ran.err
    assert "no readings" in ran.err
    assert [(e["level"], e["series"]) for e in ran.document["levels"]] == [("meter", 4), ("area", 1), ("system", 1)]
    assert ran.document["levels"][0]["first_day"] == "2026-02-10", "of the 9th ten hours are known"
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert len(rows) == 6 * 48
    assert rows[0]["start"] == "2026-02-10T00:00:00+00:00"
    assert all(float(row["q05"]) <= float(row["q50"]) <= float(row["q95"]) for row in rows)
    again = tmp_path / "out.parquet"
    assert headend("forecast", "run", *given, "--horizon", 2, "--zone", "Europe/London", "-o", again).code == 0
    assert pq.read_table(again).column("value").to_pylist() == [float(row["value"]) for row in rows]


def test_an_earlier_day_and_hour(headend: Headend, given: list[object]) -> None:
    ran = headend(
        "--json", "forecast", "run", *given, "--day", "2026-02-02", "--known-until", "10:00", "--level", "system"
    )
    assert ran.code == 0
    assert {row["start"][:10] for row in ran.document["intervals"]} == {"2026-02-02"}
    late = headend("--json", "forecast", "run", *given, "--day", "2026-02-02", "--level", "system")
    assert [row["last_week"] for row in late.document["intervals"]] == [
        row["last_week"] for row in ran.document["intervals"]
    ]


def test_backtest_tells_beside_last_week(headend: Headend, tmp_path: Path, given: list[object]) -> None:
    out = tmp_path / "scores.csv"
    ran = headend("--json", "forecast", "backtest", *given, "--days", 7, "-o", out)
    assert ran.code == 0
    for level in ran.document["levels"]:
        assert level["days"] == 7
        assert 0 < level["mape"] < 2 * level["naive_mape"]
        assert 0 <= level["coverage_80"] <= 1
    assert [row["level"] for row in csv.DictReader(out.read_text().splitlines())] == ["meter"] * 4 + ["area", "system"]
    people = headend("forecast", "backtest", *given, "--days", 7, "--level", "system")
    assert people.code == 0
    assert "naive_mape" in people.out


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--day", "soon"], "date"),
        (["--day", "2020-01-01"], "first reading"),
        (["--day", "2199-01-01"], "within a year"),
        (["--known-until", "25:00"], "10:00"),
        (["--known-until", "00:00"], "--horizon"),
        (["--horizon", "0"], "1 to 31"),
        (["--zone", "Nowhere/Here"], "time zone"),
        (["--calendar", "mars"], "calendar"),
        (["--utc"], "--zone"),
        (["--meter", "m77"], "m77"),
        (["--from", "2026-01-01"], "--from"),
        (["--holidays", "/nonexistent"], "nonexistent"),
        (["--temperature", "/nonexistent"], "nonexistent"),
    ],
)
def test_wrong_usage_is_told(headend: Headend, given: list[object], more: list[str], says: str) -> None:
    ran = headend("--json", "forecast", "run", *given, *more)
    assert (ran.code, ran.document["error"]["kind"]) == (2, "usage")
    assert says in ran.document["error"]["message"]


def test_area_without_areas_is_refused(headend: Headend, given: list[object]) -> None:
    assert headend("forecast", "run", *given[:2], "--level", "area").code == 2


def test_holidays_and_temperature_come_from_files(headend: Headend, tmp_path: Path, given: list[object]) -> None:
    (tmp_path / "free.csv").write_text("date,holiday\n2026-01-14,1\n2026-01-15,0\n")
    (tmp_path / "warm.csv").write_text(
        "time,Temperature\n" + "".join(f"{time},{k % 24}\n" for k, time in enumerate(times(DAYS + 2)))
    )
    files = ["--holidays", tmp_path / "free.csv", "--temperature", tmp_path / "warm.csv"]
    ran = headend("--json", "forecast", "run", *given, *files, "--level", "system")
    assert ran.code == 0
    assert not [note for note in ran.document["notes"] if "temperature" in note]
    (tmp_path / "warm.csv").write_text(
        "time,Temperature\n" + "".join(f"{time},{k % 24}\n" for k, time in enumerate(times(DAYS)))
    )
    early = headend("--json", "forecast", "run", *given, *files, "--level", "system", "--day", "2026-02-05")
    assert not [note for note in early.document["notes"] if "temperature" in note], "the weather of that day is known"
    for content in ("date\n31.1.2026\n", "date,holiday\n2026-01-31,perhaps\n"):
        (tmp_path / "free.csv").write_text(content)
        ran = headend("forecast", "run", *given, *files)
        assert (ran.code, "free.csv" in ran.err) == (2, True)


def test_holidays_of_any_table(tmp_path: Path) -> None:
    table = {"Time": times(2)[::6], "Demand": [1.0] * 8, "Holiday": [False] * 3 + [True] * 2 + [False] * 3}
    pq.write_table(pa.table(table), tmp_path / "all.parquet")
    found = holidays(str(tmp_path / "all.parquet"))
    assert found == {date(2026, 1, 5), date(2026, 1, 6)}
    assert holidays(str(tmp_path / "all.parquet"), ZoneInfo("Asia/Shanghai"), utc=True) == {date(2026, 1, 6)}
    (tmp_path / "days.csv").write_text("date\n2026-05-01\n2026-05-02\n")
    assert holidays(str(tmp_path / "days.csv")) == {date(2026, 5, 1), date(2026, 5, 2)}


def test_no_reading_at_all(headend: Headend, tmp_path: Path) -> None:
    file = tmp_path / "none.csv"
    file.write_text("time,a,b\n2026-01-01T00:00,,\n2026-01-01T01:00,,\n")
    for verb in ("run", "backtest"):
        assert headend("forecast", verb, "--reported", file).code == 2


def test_days_of_23_and_25_hours() -> None:
    zone = ZoneInfo("Europe/London")
    long = starts(date(2026, 10, 25), 3600, zone)
    assert [slot for _, slot in long[:4]] == [0, 1, 1, 2]
    assert [start for start, _ in long[1:3]] == ["2026-10-25T01:00:00+01:00", "2026-10-25T01:00:00+00:00"]
    assert len(starts(date(2026, 3, 29), 1800, zone)) == 46
    assert len(starts(date(2026, 3, 29), 1800, None)) == 48


def test_utc_is_told_by_the_zones_clock() -> None:
    found = local(frame(loads(1, 1)), ZoneInfo("Asia/Kathmandu"), utc=True)
    assert str(found.times[0]) == "2026-01-05T05:45:00"
    assert np.array_equal(np.diff(found.times), np.diff(times(1)))
