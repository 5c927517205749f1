"""What a release wrote the next one writes: files of a varied database, held against digests of those of before."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

import pytest
from pyarrow import csv
from pyarrow import parquet as pq

from analytics.billing.exports.series import Batch
from headend.batches.asked import MARKET_ZONE, asked
from headend.batches.folder import half_folder
from headend.batches.gather import gathered
from headend.batches.settings import ExportTable
from headend.batches.writing import Basis, written
from headend.export_check import check
from storage.exports import Exports
from storage.registry import Registry
from tests.headend.batches.varied import QUANTITIES, SYDNEY, filled

TABLE: Final = ExportTable(decimals=5)
SPRING, AUTUMN = (date(2026, 10, 2), date(2026, 10, 6)), (date(2026, 4, 3), date(2026, 4, 7))
DIGESTS: Final[Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "csv-10-1": ("aff035379cafdbec", "387f4ada87ccc090"),
        "csv-10-2": ("e8d79ea65244611f", "01590d6f57ce9763"),
        "csv-04-1": ("9cf112d587f8a585", "537bc945b2dac918"),
        "csv-04-2": ("355b80806d3954c2", "840cdf2c28a991f8"),
        "nem12-10-1": ("2dd43a60b788834f", "a376e0c177dae12d"),
        "nem12-10-2": ("630b8e2bc9978f79", "3b6a4a3a82745795"),
        "nem12-04-1": ("49c33ecb2f8e6f7b", "cef0b0c8efc2803a"),
        "nem12-04-2": ("a67c2fdcdeea8bca", "2adbb019f44f7374"),
        "espi-10-1": ("44e88cdb21f88c18", "6193137b7a24b8c0"),
        "espi-10-2": ("e7f9f9b232d0b045", "bbf7455e2af8511f"),
        "espi-04-1": ("0a5fc92cfacecc4e", "21bd6a1f4e075487"),
        "espi-04-2": ("2bbe86d4c6172c80", "d3335dc0c12dec81"),
    }
)
"""By file: the first digits of the SHA-256 of the file and of its manifest. Whoever changes one changes what batches
that were given out are made again from."""


@pytest.fixture
async def varied(plain_database: str) -> str:
    await filled(plain_database)
    return plain_database


async def batch(conninfo: str, form: str, days: tuple[date, date], as_of: int, out: Path) -> Path:
    zone: ZoneInfo = MARKET_ZONE if form == "nem12" else SYDNEY
    start, end = (datetime.combine(day, time(), zone) for day in days)
    async with Registry(conninfo) as registry, Exports(conninfo) as exports:
        points = tuple(await registry.usage_points())
        request = asked(form, "intervals", (start, end), points, TABLE, (QUANTITIES, 900), SYDNEY)
        given = await gathered(request, TABLE, conninfo, registry, exports, as_of, timedelta(hours=12))
    made = Batch("B000001", 1, start, end, datetime(2026, 11, 1, tzinfo=UTC), request.zone, request.sender,
                 request.receiver, generator="g", decimals=request.decimals, seed=request.seed)  # fmt: skip
    with half_folder(out, f"{form}-{start:%m}-{as_of}") as half:
        await written(Basis(form, made, given.as_of, given.content), conninfo, half)
        half.finish()
    return half.final


async def test_files_are_as_they_were(varied: str, tmp_path: Path) -> None:
    found = {}
    for form in ("csv", "nem12", "espi"):
        for days in (SPRING, AUTUMN):
            for as_of in (1, 2):
                folder = await batch(varied, form, days, as_of, tmp_path)
                own, manifest = sorted(folder.iterdir())
                found[folder.name] = (_digest(own), _digest(manifest))
                assert check(folder)[1].findings == []
    assert found == DIGESTS


async def test_parquet_says_what_the_csv_says(varied: str, tmp_path: Path) -> None:
    """Its bytes are those of a release of pyarrow."""
    for days in (SPRING, AUTUMN):
        folders = [await batch(varied, form, days, 2, tmp_path) for form in ("csv", "parquet")]
        table = pq.read_table(folders[1] / "B000001.parquet")
        types = {field.name: getattr(field.type, "value_type", field.type) for field in table.schema}
        text = csv.read_csv(
            folders[0] / "B000001.csv",
            convert_options=csv.ConvertOptions(column_types=types, strings_can_be_null=False),
        )
        assert table.cast(text.schema).equals(text)
        assert check(folders[1])[1].findings == []


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:16]
