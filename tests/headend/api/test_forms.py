"""The long forms of readings: a moment is told as a time in each, and never as a number."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet

from headend.api.forms import CSV, FORMS, LINES, PARQUET
from headend.stored import told
from protocols.model import Quality, Source
from protocols.quantities import BY_NAME
from storage.reader import Reading

MOMENT = datetime(2026, 2, 28, 15, 30, tzinfo=UTC)
TIME = datetime(2026, 3, 1, 12, 0, tzinfo=ZoneInfo("Asia/Shanghai"))


def reading(name: str, value: str | None) -> Reading:
    exact = None if value is None else Decimal(value)
    quality = Quality.NOT_AVAILABLE if value is None else Quality.GOOD
    return Reading(1, BY_NAME[name], TIME, TIME, exact, quality, Source.PULL)


READINGS = [
    reading("active_demand_import_max", "7.500000"),
    reading("active_demand_import_max_time", str(int(MOMENT.timestamp()))),
    reading("active_demand_export_max_time", None),
]
VALUES = ["7.5", "2026-02-28T23:30:00+08:00", None]


async def answered(form: str) -> bytes:
    async def parts() -> AsyncGenerator[list[Reading], None]:
        yield READINGS

    return b"".join([part async for part in FORMS[form](parts(), {1: "m1"})])


async def test_lines() -> None:
    rows = [json.loads(line) for line in (await answered(LINES)).splitlines()]
    assert [(row["value"], row["unit"]) for row in rows] == list(zip(VALUES, ("kW", "", ""), strict=True))
    assert rows == [json.loads(json.dumps(told(r, "m1"), default=datetime.isoformat)) for r in READINGS]


async def test_csv() -> None:
    cells = [line.split(",") for line in (await answered(CSV)).decode().splitlines()]
    value, unit = cells[0].index("value"), cells[0].index("unit")
    assert [(row[value] or None, row[unit]) for row in cells[1:]] == list(zip(VALUES, ("kW", "", ""), strict=True))


async def test_parquet() -> None:
    rows = parquet.read_table(io.BytesIO(await answered(PARQUET))).to_pylist()
    assert [row["value"] for row in rows] == [Decimal("7.5"), None, None]
    assert [row["moment"] for row in rows] == [None, MOMENT, None]


@pytest.mark.parametrize("zone", ["UTC", "Asia/Shanghai"])
def test_in_a_zone(zone: str) -> None:
    shown = READINGS[1].told(ZoneInfo(zone))
    assert shown is not None
    assert datetime.fromisoformat(shown) == MOMENT
    assert shown.endswith({"UTC": "+00:00", "Asia/Shanghai": "+08:00"}[zone])
