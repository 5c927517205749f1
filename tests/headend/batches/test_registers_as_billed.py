"""Registers that a batch tells are those of the bill: frozen, read by a person, stated, estimated, gone on from."""

from __future__ import annotations

import csv
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.headend.billing.conftest import billed as billed
from tests.headend.billing.site import read
from tests.headend.command import Headend
from tests.headend.registry.test_registry_folder import folder as folder

IMPORT = "active_energy_import"
APRIL, MAY, JUNE, JULY = (f"2026-0{month}-01T00:00:00+08:00" for month in (4, 5, 6, 7))


@pytest.fixture
def site_of_bills(headend: Headend, billed: Path, conninfo: str) -> Path:
    """`roof` was read at the end of March, by a person near the end of April, and estimated at the end of May."""
    read(conninfo, "m3", "2026-01-02T00:00:00+08:00", "1000", "600", "400")
    read(conninfo, "m3", APRIL, "1000", "600", "400")
    by_hand(headend, billed, "2026-05-01T08:00:00+08:00", (1300, 800, 500), "hand-held")
    by_hand(headend, billed, JUNE, (1700, 1000, 700), "estimated")
    read(conninfo, "m3", JULY, "1750", "1040", "710")
    return billed


def by_hand(headend: Headend, site: Path, time: str, values: tuple[int, ...], kind: str) -> None:
    words = ["--time", time, "--kind", kind, "--reason", "no access", "--by", "wang"]
    for name, value in zip((IMPORT, f"{IMPORT}_t2", f"{IMPORT}_t4"), values, strict=True):
        words += ["--quantity", f"{name}={value}"]
    assert headend("register-read", "add", "roof", *words, "--config", site).code == 0


def exported(headend: Headend, site: Path, form: str, start: str, end: str, out: Path) -> list[dict[str, Any]]:
    words = ["--what", "registers", "--point", "roof", "--from", start, "--to", end, "-o", out, "--json"]
    ran = headend("export", form, *words, "--config", site)
    assert ran.code == 0, ran.err
    (file,) = ran.document["files"]
    checked = headend("export", "--verify", ran.document["folder"])
    assert checked.code == 0, checked.err
    with Path(file).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def test_every_cycle_is_told_as_its_bill_tells_it(
    headend: Headend, site_of_bills: Path, conninfo: str, tmp_path: Path
) -> None:
    total = Decimal(0)
    sources = []
    for start, end in ((APRIL, MAY), (MAY, JUNE), (JUNE, JULY)):
        words = ("bill", "roof", "--cycle", start[:7], "--final", "--by", "li", "--json")
        uses = headend(*words, "--config", site_of_bills).document["registers"]
        if start == APRIL:  # comes late: the bill of May goes on from what that of April ended with
            read(conninfo, "m3", MAY, "1295", "798", "497")
        (use,) = [one for one in uses if one["register"] == IMPORT]
        if start == APRIL:
            continue
        (row,) = exported(headend, site_of_bills, "csv", start, end, tmp_path)
        for column, edge in (("previous", "start"), ("current", "stop")):
            assert Decimal(row[f"{column}_register"]) == Decimal(use[edge]["value"])
            assert row[f"{column}_source"] == use[edge]["type"]
            assert row[f"{column}_time_utc"] == use[edge]["time"].replace("+00:00", "Z")
        assert Decimal(row["value"]) == Decimal(use["energy"])
        total += Decimal(row["value"])
        sources.append((row["previous_source"], row["current_quality"], row["current_source"]))
    assert total == 450
    assert sources == [("manual", "S", "estimated"), ("estimated", "A", "actual")]


def test_a_read_beyond_the_tolerance_is_missing(headend: Headend, site_of_bills: Path, tmp_path: Path) -> None:
    assert len(exported(headend, site_of_bills, "csv", APRIL, MAY, tmp_path)) == 1
    site_of_bills.write_text(site_of_bills.read_text() + '\n[billing]\nboundary_tolerance = "1h"\n')
    words = ("--what", "registers", "--point", "roof", "--from", APRIL, "--to", MAY, "--dry-run", "--json")
    told = headend("export", "csv", *words, "--config", site_of_bills).document["completeness"]["total"]
    assert (told["expected"], told["missing"]) == (1, 1)


def test_one_read_is_no_consumption(headend: Headend, site_of_bills: Path) -> None:
    """Near enough to both bounds of a short period, it stands for both."""
    span = ("--from", "2026-05-01T06:00:00+08:00", "--to", "2026-05-01T12:00:00+08:00")
    words = ("--what", "registers", "--point", "roof", *span, "--dry-run", "--json")
    told = headend("export", "csv", *words, "--config", site_of_bills).document["completeness"]["total"]
    assert (told["expected"], told["present"], told["missing"]) == (1, 0, 1)


def test_a_multiplier_with_decimals_loses_nothing(
    headend: Headend, site_of_bills: Path, conninfo: str, tmp_path: Path
) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("UPDATE meter SET multiplier = 0.01 WHERE name = 'm3'")
    read(conninfo, "m3", "2026-08-01T00:00:00+08:00", "1750.0001", "1040", "710")
    config = site_of_bills.read_text() + "\n[export]\ndecimals = 6\n"
    site_of_bills.write_text(config)
    (row,) = exported(headend, site_of_bills, "csv", JULY, "2026-08-01T00:00:00+08:00", tmp_path)
    assert (row["value"], row["ct_pt_ratio"]) == ("0.000001", "0.01")


def test_an_exchange_is_two_rows(headend: Headend, site_of_bills: Path, conninfo: str, tmp_path: Path) -> None:
    ends = ["--final", f"{IMPORT}=1800.5", "--initial", f"{IMPORT}=0.25", "--by", "li"]
    swap = ["exchange", "m3", "m4", "--address", "4", "--at", "2026-07-20T10:00:00+08:00", "--multiplier", "10"]
    assert headend("meter", *swap, *ends, "--config", site_of_bills).code == 0
    read(conninfo, "m4", "2026-08-01T00:00:00+08:00", "10", "6", "4")
    rows = exported(headend, site_of_bills, "csv", JULY, "2026-08-01T00:00:00+08:00", tmp_path)
    assert [(row["meter_id"], row["previous_source"], row["current_source"], row["value"]) for row in rows] == [
        ("m3", "actual", "stated", "50.5000"), ("m4", "stated", "actual", "97.5000"),
    ]  # fmt: skip
