"""Batches out of a database, read by programs that nobody here wrote: their totals are those of the manifest."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest

from analytics.billing.exports.house import COLUMNS
from tests.headend.batches.stored import NMIS, registered, validated
from tests.headend.command import Headend

pytestmark = pytest.mark.interop
Key = tuple[str, ...]


@dataclass(frozen=True)
class Exported:
    """`totals`: of the manifest, by key."""

    path: Path
    totals: Mapping[Key, Decimal]
    reads: int
    conninfo: str


@pytest.fixture
def exported(request: pytest.FixtureRequest, headend: Headend, site: Path, conninfo: str, tmp_path: Path) -> Exported:
    """1 to 3 May, in the format that is the parameter."""
    # greenbutton_objects knows no energy that is metered over transformers
    asyncio.run(registered(conninfo, factor=1 if request.param == "espi" else 20))
    asyncio.run(validated(conninfo))
    period = ("--from", "2026-05-01", "--to", "2026-05-04", "--participants", "MDP1,RETAILER1")
    ran = headend("export", request.param, *period, "-o", tmp_path, "--json", "--config", site)
    assert ran.code == 0, ran.err
    manifest = json.loads((tmp_path / "B000001" / "manifest.json").read_text())
    totals = {tuple(one["key"]): Decimal(one["total"]) for one in manifest["series"]}
    assert len(totals) == 3
    assert all(total > 100 for total in totals.values())
    return Exported(Path(ran.document["files"][0]), totals, manifest["counts"]["reads"], conninfo)


@pytest.mark.parametrize("exported", ["csv"], indirect=True)
def test_postgresql_reads_the_csv_back(exported: Exported) -> None:
    kinds = {
        "interval_start_utc": "timestamptz", "interval_s": "integer", "value": "numeric", "version": "integer",
        "multiplier_applied": "boolean", "ct_pt_ratio": "numeric", "read_time": "timestamptz",
        "collected_at": "timestamptz",
    }  # fmt: skip
    columns = ", ".join(f"{name} {kinds.get(name, 'text')}" for name in COLUMNS)
    with psycopg.connect(exported.conninfo) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMP TABLE given ({columns}, UNIQUE (point_id, channel, interval_start_utc))".encode())
        with cursor.copy("COPY given FROM STDIN (FORMAT csv, HEADER match)") as copy:
            copy.write(exported.path.read_bytes())
        cursor.execute(
            "SELECT meter_id, point_id, channel, coalesce(tou, ''), sum(value) FROM given GROUP BY 1, 2, 3, 4"
        )
        assert {row[:4]: row[4] for row in cursor.fetchall()} == exported.totals
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE quality = 'S') FROM given")
        assert cursor.fetchone() == (exported.reads, 4)


@pytest.mark.parametrize("exported", ["csv", "parquet"], indirect=True)
def test_duckdb(exported: Exported) -> None:
    duckdb = pytest.importorskip("duckdb")
    is_csv = exported.path.suffix == ".csv"
    source = f"read_csv('{exported.path}', types={{'value': 'DECIMAL(18,4)'}})" if is_csv else f"'{exported.path}'"
    with duckdb.connect() as connection:
        rows = connection.execute(
            f"select meter_id, point_id, channel, coalesce(tou, ''), sum(value) from {source} group by all"
        ).fetchall()
    assert {row[:4]: row[4] for row in rows} == exported.totals


@pytest.mark.parametrize("exported", ["parquet"], indirect=True)
def test_pyarrow(exported: Exported) -> None:
    from pyarrow import parquet as pq

    found: dict[Key, Decimal] = {}
    for row in pq.read_table(exported.path).to_pylist():
        key = (row["meter_id"], row["point_id"], row["channel"], row["tou"])
        found[key] = found.get(key, Decimal(0)) + row["value"]
    assert found == exported.totals


@pytest.mark.parametrize("exported", ["nem12"], indirect=True)
def test_readers_of_nem12(exported: Exported) -> None:
    nemreader = pytest.importorskip("nemreader")
    reader = pytest.importorskip("aemo_mdff_reader")
    assert list(reader.validate_file(exported.path)) == []
    theirs: dict[Key, Decimal] = {}
    for row in reader.parse(exported.path):
        key = (row.nmi, row.nmi_suffix)
        theirs[key] = theirs.get(key, Decimal(0)) + _exact(row.value)
    assert theirs == exported.totals
    lines = exported.path.read_text().splitlines()
    readings = nemreader.NEMFile(str(exported.path)).parse_nem_file(lines).readings
    for (nmi, suffix), total in exported.totals.items():
        assert sum(_exact(row.read_value) for row in readings[nmi][suffix]) == total
    assert {nmi for nmi, _ in theirs} == set(NMIS.values())


@pytest.mark.parametrize("exported", ["espi"], indirect=True)
def test_readers_of_green_button(exported: Exported) -> None:
    parse = pytest.importorskip("greenbutton_objects.parse")
    assert exported.path.read_text().count("<powerOfTenMultiplier>-1<") == 3  # which the reader applies itself
    for point in parse.parse_feed(str(exported.path)):
        for reading in point.meterReadings:
            watt_hours = [Decimal(round(interval.value * 10)).scaleb(-1) for interval in reading.intervalReadings]
            assert sum(watt_hours, Decimal(0)).scaleb(-3) == exported.totals[point.title, reading.title]
    schema = os.environ.get("HEADEND_ESPI_SCHEMA")
    if schema:
        etree = pytest.importorskip("lxml.etree")
        etree.XMLSchema(etree.parse(schema)).assertValid(etree.parse(str(exported.path)))


def _exact(value: Any) -> Decimal:
    """Readers give binary fractions: each value by itself is held to the file's three decimals."""
    return Decimal(round(value * 1000)).scaleb(-3)
