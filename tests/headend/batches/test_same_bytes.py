"""What a release wrote the next one writes: files of a varied database, held against digests kept here."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from pyarrow import parquet as pq

from analytics.billing.exports.series import Batch
from headend.batches.asked import Asked, asked
from headend.batches.folder import half_folder
from headend.batches.gather import gathered
from headend.batches.settings import ExportTable
from headend.batches.writing import Basis, Written, written
from headend.export_check import check
from storage.exports import Exports
from storage.registry import Registry
from tests.headend.batches.varied import QUANTITIES, SYDNEY, filled

TABLE = ExportTable(decimals=5)
MARKET = ZoneInfo("Etc/GMT-10")
SPRING, AUTUMN = (datetime(2026, 10, 2), datetime(2026, 10, 6)), (datetime(2026, 4, 3), datetime(2026, 4, 7, 12))
DIGESTS: Mapping[str, str] = {}


@pytest.fixture(scope="module")
def made() -> None: ...


def test_nothing() -> None: ...
