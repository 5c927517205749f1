"""`headend readings`: stored values, exact, in every format."""

from __future__ import annotations

import asyncio
import csv
import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from headend.registry.files import one_meter
from protocols.model import POSITIONS, Capture, Quality, Source
from storage.entries import Additions
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.command import Headend

T0 = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)  # noon in Shanghai
SLOTS = [T0, T0 + timedelta(minutes=15)]
GOOD, NONE, RANGE = Quality.GOOD, Quality.NOT_AVAILABLE, Quality.OUT_OF_RANGE
EXPECTED = [
    ("active_energy_import", 0, "123456.78", "kWh", "good"),
    ("active_energy_import_t1", 0, None, "kWh", "not_available"),
    ("active_energy_combined", 0, "-0.0001", "kWh", "good"),
    ("active_energy_import", 1, "922337203685477.5807", "kWh", "good"),
    ("active_energy_import_t1", 1, None, "kWh", "out_of_range"),
    ("active_energy_combined", 1, "0", "kWh", "good"),
]


@pytest.fixture
def at(site: Path, conninfo: str) -> list[object]:
    """A meter with two captures, as the command to read them."""

    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            cells = {
                "address": "1",
                "model": "dlt645_2007",
                "line": "bus 1",
                "link": "tcp://192.0.2.1:1",
                "framing": "",
            }
            await known.add(one_meter(Additions(), "m1", cells))
            number = (await known.meter("m1")).id
            rest: tuple[Any, ...] = (None,) * (POSITIONS - 7)
            rows = [
                ((1234567800, None, None, None, None, None, -1, *rest), NONE),
                ((2**63 - 1, None, None, None, None, None, 0, *rest), RANGE),
            ]
            await writer.write(
                [
                    Capture(number, 1, slot, slot + timedelta(seconds=3), Source.PULL, values,
                            (GOOD, quality, *[GOOD] * (POSITIONS - 2)))
                    for slot, (values, quality) in zip(SLOTS, rows, strict=True)
                ]
            )  # fmt: skip

    asyncio.run(store())
    return ["--config", site, "readings", "m1", "--from", "2026-03-01T12:00", "--to", "2026-03-01T05:00Z"]


def plain(rows: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """By slot and in the order of the quantities, without what is the same in all."""
    for row in rows:
        assert row["meter"] == "m1"
        assert datetime.fromisoformat(row["received"]) - datetime.fromisoformat(row["time"]) == timedelta(seconds=3)
        assert row["obis"].startswith("1-0:")
    return [
        (row["quantity"], SLOTS.index(datetime.fromisoformat(row["time"])), row["value"], row["unit"], row["quality"])
        for row in rows
    ]


def test_json(headend: Headend, at: list[object], tmp_path: Path) -> None:
    ran = headend(*at, "--json")
    assert (ran.code, ran.err) == (0, "")
    assert sorted(plain(ran.documents)) == sorted(EXPECTED)
    assert headend(*at, "--format", "json").out == ran.out
    assert headend(*at, "--format", "json", "-o", tmp_path / "out.json").out == ""
    assert (tmp_path / "out.json").read_text() == ran.out


def test_csv(headend: Headend, at: list[object], tmp_path: Path) -> None:
    ran = headend(*at, "--format", "csv")
    rows: list[dict[str, Any]] = list(csv.DictReader(io.StringIO(ran.out)))
    assert sorted(plain([{**row, "value": row["value"] or None} for row in rows])) == sorted(EXPECTED)
    assert headend(*at, "--format", "csv", "--json", "-o", tmp_path / "out.csv").code == 0
    assert (tmp_path / "out.csv").read_text() == ran.out


def test_parquet(headend: Headend, at: list[object], tmp_path: Path) -> None:
    ran = headend(*at, "--format", "parquet", "-o", tmp_path / "out.parquet")
    assert (ran.code, ran.out, ran.err) == (0, "", "")
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    found = [(r["quantity"], SLOTS.index(r["time"]), r["value"], r["unit"], r["quality"]) for r in rows]
    assert sorted(found) == sorted((q, s, Decimal(v) if v else None, u, w) for q, s, v, u, w in EXPECTED)
    assert {type(row["value"]) for row in rows} == {Decimal, type(None)}


def test_table(headend: Headend, at: list[object]) -> None:
    ran = headend(*at)
    lines = [line.split() for line in ran.out.splitlines() if "2026" in line]
    found = [(words[1], words[0], words[2:]) for words in lines]
    assert ("active_energy_import", "2026-03-01T12:00:00+08:00", ["123456.78", "kWh", "good"]) in found
    assert ("active_energy_import", "2026-03-01T12:15:00+08:00", ["922337203685477.5807", "kWh", "good"]) in found
    assert ("active_energy_import_t1", "2026-03-01T12:15:00+08:00", ["kWh", "out_of_range"]) in found
    assert len(lines) == len(EXPECTED)


def test_one_quantity_and_a_span_that_is_half_open(headend: Headend, at: list[object]) -> None:
    at[-1] = "2026-03-01T12:15:00"
    ran = headend(*at, "--quantity", "1-0:15.8.0", "--quantity", "active_energy_import", "--json")
    assert sorted(plain(ran.documents)) == sorted([EXPECTED[0], EXPECTED[2]])


def test_the_last_day_by_default(headend: Headend, at: list[object]) -> None:
    assert (headend(*at[:4], "--json").code, headend(*at[:4], "--json").out) == (0, "")
    assert len(headend(*at[:4], "--to", "2026-03-02T00:00Z", "--json").documents) == len(EXPECTED)


WRONG = {
    "'yesterday' is no time": ["--from", "yesterday"],
    "'0001-01-01' is no time of a reading": ["--to", "0001-01-01"],
    "'9999-12-31T23:59-12:00' is no time of a reading": ["--to", "9999-12-31T23:59-12:00"],
    "is not before --to": ["--from", "2026-03-01T05:00Z"],
    "unknown quantity 'volts'": ["--quantity", "volts"],
    "--format parquet needs -o FILE": ["--format", "parquet"],
    "-o FILE needs --format": ["-o", "x.txt"],
    "invalid choice: 'xml'": ["--format", "xml"],
}


def test_wrong_usage(headend: Headend, at: list[object]) -> None:
    for said, arguments in WRONG.items():
        ran = headend(*at, *arguments)
        assert (ran.code, ran.out) == (2, ""), said
        assert said in ran.err
        if arguments[0] != "-o":  # --json makes it a good one
            assert said in headend(*at, *arguments, "--json").document["error"]["message"]


def test_an_unknown_meter_and_a_file_that_cannot_be_written(headend: Headend, at: list[object]) -> None:
    ran = headend(*at[:3], "m9", "--json")
    assert (ran.code, ran.document["error"]["message"]) == (1, "no meter named 'm9'")
    for kind in ("csv", "json", "parquet"):
        ran = headend(*at, "--format", kind, "-o", "/nonexistent/out")
        assert (ran.code, ran.out) == (1, ""), kind
        assert "/nonexistent/out" in ran.err


@pytest.fixture
def moments(at: list[object], conninfo: str) -> list[object]:
    """When the demand was that the meter shows, beside what is no time."""

    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            number = (await known.meter("m1")).id
            values = (1772292600, None, *[None] * (POSITIONS - 2))
            quality = (GOOD, NONE, *[GOOD] * (POSITIONS - 2))
            await writer.write([Capture(number, 9, T0, T0 + timedelta(seconds=3), Source.PULL, values, quality)])

    asyncio.run(store())
    return [*at, *("--quantity", "active_demand_import_max_time"), *("--quantity", "active_demand_export_max_time")]


def test_a_moment_is_told_as_a_time(headend: Headend, moments: list[object], tmp_path: Path) -> None:
    moment = datetime(2026, 2, 28, 15, 30, tzinfo=UTC)
    one, other = headend(*moments, "--json").documents
    assert (datetime.fromisoformat(one["value"]), one["unit"], one["obis"]) == (moment, "", "1-0:1.134.0*255")
    assert (other["value"], other["quality"]) == (None, "not_available")
    rows = list(csv.DictReader(io.StringIO(headend(*moments, "--format", "csv").out)))
    assert [(row["value"], row["unit"]) for row in rows] == [(one["value"], ""), ("", "")]
    assert "2026-02-28T23:30:00+08:00" in headend(*moments).out
    assert headend(*moments, "--format", "parquet", "-o", tmp_path / "out.parquet").code == 0
    columns = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert [(row["value"], row["moment"]) for row in columns] == [(None, moment), (None, None)]


def test_a_moment_is_not_rolled_up(headend: Headend, moments: list[object]) -> None:
    ran = headend(*moments, "--level", "day", "--json")
    assert (ran.code, ran.out) == (0, "")
