"""Days that nobody validated are validated first: an export from captures."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from storage.registry import Registry
from storage.writer import Writer
from tests.headend.batches.stored import registered
from tests.headend.command import Headend
from tests.storage.captures import capture

START = datetime(2026, 4, 30, 16, tzinfo=UTC)
"""Midnight of 1 May in Shanghai."""
PERIOD = ("--from", "2026-05-01", "--to", "2026-05-03")


@pytest.fixture
def read(site: Path, conninfo: str) -> tuple[Path, list[int]]:
    """Registers of M1 at every quarter of two days, but for three of them; and what was used by interval, in Wh."""
    used = [int(n) * 10 for n in np.random.default_rng(3).integers(1, 30, 192)]

    async def fill() -> None:
        await registered(conninfo)
        async with Registry(conninfo) as registry, Writer(conninfo) as writer:
            meter = (await registry.meter("M1")).id
            register = 10_000_000 + np.concatenate(([0], np.cumsum(used))) * 10
            await writer.write([
                capture(meter, START + timedelta(minutes=15 * at), values=(int(steps),))
                for at, steps in enumerate(register)
                if at not in (50, 51, 52)
            ])  # fmt: skip

    asyncio.run(fill())
    return site, used


def test_what_was_not_validated_is_validated_first(
    headend: Headend, read: tuple[Path, list[int]], tmp_path: Path
) -> None:
    site, used = read
    ran = headend("export", "csv", *PERIOD, "--point", "P1", "-o", tmp_path, "--json", "--config", site)
    assert ran.code == 0, ran.err
    assert ran.document["completeness"] == {
        "points": 1, "expected": 192, "present": 188, "estimated": 4, "missing": 0, "left_out": 0, "complete": "100.00",
    }  # fmt: skip
    assert ran.document["counts"]["by_quality"] == {"A": 188, "S": 4}
    (series,) = json.loads((tmp_path / "B000001" / "manifest.json").read_text())["series"]
    assert series["total"] == f"{sum(used) * 20 / 1000:.4f}"  # the registers say how much, times CT and PT
    again = headend("export", "csv", *PERIOD, "--point", "P1", "-o", tmp_path / "b", "--json", "--config", site)
    assert (again.document["again"], again.document["as_of"]) == (True, ran.document["as_of"])
    assert headend("export", "--verify", tmp_path / "B000001").code == 0


def test_what_nobody_read_is_missing(headend: Headend, read: tuple[Path, list[int]], tmp_path: Path) -> None:
    site, _ = read
    ran = headend("export", "csv", *PERIOD, "--point", "P2", "-o", tmp_path, "--json", "--config", site)
    assert ran.code == 0
    assert ran.document["completeness"]["missing"] == 192
    assert ran.document["counts"] == {"reads": 0, "expected": 192, "missing": 192, "by_quality": {}}
