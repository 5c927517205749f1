"""`headend quality`: table, JSON, CSV and chart say the same, and the same as the ledger."""

from __future__ import annotations

import asyncio
import builtins
import csv
import io
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from protocols.quantities import BY_NAME
from storage.entries import NewPlan
from storage.ledger import Balance, Ledger
from storage.writer import Miss, Writer
from tests.headend.command import Headend
from tests.storage.captures import T0, capture
from tests.storage.test_reader import meters

QUARTER = timedelta(minutes=15)
SPAN = ["--from", T0.isoformat(), "--to", (T0 + timedelta(hours=8)).isoformat()]
"""20:00 to 04:00 in Shanghai: 16 quarter-hours on each of two days."""
PNG = b"\x89PNG\r\n\x1a\n"


@pytest.fixture
def kept(conninfo: str, site: Path) -> Path:
    """Three meters: m1 whole, m2 with one slot recovered, m3 with one slot only."""

    async def fill() -> None:
        plan = NewPlan(
            name="curve", period_s=900, quantities=(BY_NAME["active_energy_import"],), valid_from=T0 - timedelta(days=9)
        )
        one, two, three = await meters(conninfo, 3, plan)
        times = [T0 + number * QUARTER for number in range(32)]
        async with Writer(conninfo) as writer:
            await writer.write([capture(meter, time) for meter in (one, two) for time in times] + [capture(three, T0)])
            await writer.write_misses([
                Miss(two, 1, T0 + QUARTER, "late", T0),
                *(Miss(three, 1, time, "no_answer", T0) for time in times[1:30]),
            ])  # fmt: skip

    asyncio.run(fill())
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE meter SET model = 'eastron_sdm630' WHERE name = 'm3'")
        connection.execute("INSERT INTO area (name) VALUES ('台区一')")
        connection.execute(
            """INSERT INTO total_meter (meter_id, area_id, "from") SELECT m.id, a.id, %s FROM meter m, area a
               WHERE m.name = 'm1'""",
            [T0],
        )
    return site


def test_it_adds_up_with_the_ledger(headend: Headend, kept: Path, conninfo: str) -> None:
    told = headend("quality", *SPAN, "--config", kept, "--json").document
    total = told["total"]
    assert {key: total[key] for key in ("expected", "received", "recovered", "open")} == {
        "expected": 96, "received": 64, "recovered": 1, "open": 31,
    }  # fmt: skip
    assert (total["success"], total["completeness"]) == ("66.66", "67.70")
    assert total["reasons"] == {"no_answer": 29, "not_collected": 2}
    assert (total["meters"], total["whole"]) == (3, 2)
    assert [group["day"] for group in told["groups"]] == ["2026-03-01", "2026-03-02"]

    async def balance() -> Balance:
        async with Ledger(conninfo) as ledger:
            return await ledger.balance(T0, T0 + timedelta(hours=8))

    gaps = asyncio.run(balance())
    assert total["expected"] == gaps.expected
    for state, count in gaps.states.items():
        assert sum(group[str(state)] for group in told["groups"]) == total[str(state)] == count
    assert total["reasons"] == gaps.reasons


@pytest.mark.parametrize(
    ("by", "keys"),
    [
        ("area", ["台区一", None]), ("feeder", [None]), ("model", ["eastron_sdm630", "x"]),
        ("maker", ["Eastron", None]), ("line", ["line"]), ("meter", ["m1", "m2", "m3"]),
    ],
)  # fmt: skip
def test_it_is_told_apart_by_what_is_asked(headend: Headend, kept: Path, by: str, keys: list[str | None]) -> None:
    told = headend("quality", *SPAN, "--by", by, "--config", kept, "--json").document
    assert [group[by] for group in told["groups"]] == keys
    assert sum(group["expected"] for group in told["groups"]) == 96


def test_the_worst_meters_with_the_main_reason(headend: Headend, kept: Path) -> None:
    told = headend("quality", *SPAN, "--worst", 5, "--config", kept, "--json").document
    assert [(g["meter"], g["completeness"], g["reason"]) for g in told["groups"]] == [
        ("m3", "3.12", "no_answer"), ("m2", "100.00", None),
    ]  # fmt: skip
    told = headend("quality", *SPAN, "--worst", 1, "--by", "meter", "--by", "day", "--config", kept, "--json").document
    assert [(g["meter"], g["day"], g["received"]) for g in told["groups"]] == [("m3", "2026-03-02", 0)]
    assert told["total"]["expected"] == 96


def test_clocks_in_class_of_those_that_were_read(headend: Headend, kept: Path, conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute(
            """INSERT INTO clock_survey (meter_id, at, offset_ms)
               SELECT id, %s, CASE name WHEN 'm1' THEN -900 ELSE 400000 END FROM meter WHERE name <> 'm3'""",
            [T0],
        )
    told = headend("quality", *SPAN, "--config", kept, "--json").document["clocks"]
    assert told == {"ok": 1, "sync": 0, "quarantine": 1, "unknown": 1, "in_class": "50.00"}
    assert "clocks in class: 1 of 2 that were read, 50.00 %" in headend("quality", *SPAN, "--config", kept).out


def test_table_and_csv_say_the_same(headend: Headend, kept: Path, tmp_path: Path) -> None:
    table = headend("quality", *SPAN, "--by", "area", "--config", kept)
    assert table.code == 0
    assert "台区一" in table.out
    assert "expected 96, received 64, recovered 1" in table.out
    headend("quality", *SPAN, "--by", "area", "--format", "csv", "-o", tmp_path / "q.csv", "--config", kept)
    rows = list(csv.DictReader(io.StringIO((tmp_path / "q.csv").read_text(encoding="utf-8"))))
    assert [(row["area"], row["expected"], row["completeness"]) for row in rows] == [
        ("台区一", "32", "100.00"), ("", "64", "51.56"),
    ]  # fmt: skip
    assert Decimal(rows[1]["success"]) == Decimal("50.00")


@pytest.mark.parametrize("by", ["day", "area", "meter"])
def test_a_chart_is_a_png_and_the_same_each_time(headend: Headend, kept: Path, tmp_path: Path, by: str) -> None:
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for file in files:
        assert headend("quality", *SPAN, "--by", by, "--chart", file, "--config", kept).code == 0
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert one.startswith(PNG)
    assert sorted(path.name for path in tmp_path.glob("*png*")) == ["one.png", "two.png"]


def test_without_matplotlib_the_extra_is_named(
    headend: Headend, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = builtins.__import__

    def without(name: str, *more: Any) -> Any:
        if name.partition(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'")
        return real(name, *more)

    monkeypatch.setattr(builtins, "__import__", without)
    ran = headend("quality", *SPAN, "--chart", tmp_path / "c.png", "--config", kept)
    assert ran.code == 2
    assert "headend[charts]" in ran.err


def test_where_nothing_is_expected(headend: Headend, site: Path, tmp_path: Path) -> None:
    ran = headend("quality", "--config", site, "--json", "--chart", tmp_path / "c.png")
    assert ran.code == 0
    assert (ran.document["groups"], ran.document["total"]["success"]) == ([], None)
    assert (tmp_path / "c.png").read_bytes().startswith(PNG)
    table = headend("quality", "--config", site).out
    assert table.endswith(
        "expected 0, received 0, recovered 0, estimated 0, unrecoverable 0, open 0, meters 0, whole 0\n"
    )


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["--worst", "0"], "--worst is 0"),
        (["-o", "x"], "-o FILE needs"),
        (["--by", "colour"], "invalid choice"),
        (["--from", "2026-03-02", "--to", "2026-03-01"], "is not before --to"),
    ],
)
def test_wrong_usage(headend: Headend, site: Path, words: list[str], reason: str) -> None:
    ran = headend("quality", *words, "--config", site)
    assert ran.code == 2
    assert reason in ran.err
