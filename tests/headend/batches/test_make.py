"""Batches from a database: once, the same again, corrected with a reason, never by half."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.headend.batches.stored import registered, validated
from tests.headend.command import Headend

PERIOD = ("--from", "2026-05-01", "--to", "2026-05-04")
REPORTS = {
    "csv": {
        "points": 2, "expected": 864, "present": 850, "estimated": 4, "missing": 10, "left_out": 0, "complete": "98.84",
    },
    "nem12": {
        "points": 2, "expected": 864, "present": 768, "estimated": 0, "missing": 96, "left_out": 86,
        "complete": "88.88",
    },
}  # fmt: skip
"""Of NEM12 a day that lacks an interval is left out."""


@pytest.fixture
def filled(conninfo: str, site: Path) -> Path:
    """Three days of two points."""
    asyncio.run(registered(conninfo))
    asyncio.run(validated(conninfo))
    return site


@pytest.mark.parametrize("form", ["csv", "parquet", "nem12", "espi"])
def test_a_batch_and_the_same_again(headend: Headend, filled: Path, tmp_path: Path, form: str) -> None:
    ran = headend("export", form, *PERIOD, "-o", tmp_path / "a", "--json", "--config", filled)
    assert (ran.code, ran.err) == (0, "")
    told = ran.document
    assert (told["batch"], told["sequence"], told["again"]) == ("B000001", 1, False)
    report = told["completeness"]
    assert report == REPORTS.get(form, REPORTS["csv"])
    assert headend("export", "--verify", tmp_path / "a" / "B000001", "--config", filled).code == 0
    again = headend("export", form, *PERIOD, "-o", tmp_path / "b", "--json", "--config", filled)
    assert (again.document["batch"], again.document["again"]) == ("B000001", True)
    for file in (tmp_path / "a" / "B000001").iterdir():
        assert file.read_bytes() == (tmp_path / "b" / "B000001" / file.name).read_bytes()
    assert [entry.name for entry in (tmp_path / "b").iterdir()] == ["B000001"]
