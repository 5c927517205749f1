"""NEM13 out of a database: registers at the bounds of a period, over an exchange, estimated ones told as such."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from protocols.quantities import BY_NAME, HOME
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.batches.stored import registered
from tests.headend.command import Headend
from tests.storage.captures import capture

PERIOD = ("--from", "2026-05-01", "--to", "2026-06-01")
BOUNDS = (datetime(2026, 4, 30, 14, tzinfo=UTC), datetime(2026, 5, 31, 14, tzinfo=UTC))


def read(conninfo: str, meter: str, time: datetime, imported: str, exported: str | None = None) -> None:
    async def store() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            places: list[int | None] = [None] * 7
            for name, value in (("active_energy_import", imported), ("active_energy_export", exported)):
                quantity = BY_NAME[name]
                places[HOME[quantity.id][1]] = None if value is None else quantity.steps(Decimal(value))
            await writer.write([capture((await known.meter(meter)).id, time, values=places)])

    asyncio.run(store())


@pytest.fixture
def filled(site: Path, conninfo: str) -> Path:
    options = {"nmi": "2001985732", "export_quantities": ["active_energy_import"]}
    asyncio.run(registered(conninfo, options))
    read(conninfo, "M1", BOUNDS[0], "000100.5")
    read(conninfo, "M1", BOUNDS[1], "000225.75")
    return site


def test_registers_of_a_month(headend: Headend, filled: Path, tmp_path: Path) -> None:
    words = ("export", "nem13", *PERIOD, "--point", "P1", "--participants", "MDP1,RET1", "--json", "--config", filled)
    ran = headend(*words, "-o", tmp_path)
    assert ran.code == 0, ran.err
    assert ran.document["completeness"]["complete"] == "100.00"
    (line,) = [one for one in (tmp_path / "B000001" / "B000001.nem13.csv").read_text().splitlines() if one[:3] == "250"]
    fields = line.split(",")
    assert fields[1:8] == ["2001985732", "E1", "E1", "E1", "", "M1", "E"]
    assert (fields[8], fields[9], fields[10]) == ("100.5000", "20260501000000", "A")
    assert (fields[13], fields[14]) == ("225.7500", "20260601000000")
    assert fields[18:20] == ["2505.000", "KWH"]  # times CT and PT
    assert headend("export", "--verify", tmp_path / "B000001").code == 0
    again = headend(*words, "-o", tmp_path / "again").document
    assert again["again"] is True
    file = "B000001.nem13.csv"
    assert (tmp_path / "again" / "B000001" / file).read_bytes() == (tmp_path / "B000001" / file).read_bytes()


def test_other_registers_are_another_batch(headend: Headend, filled: Path, conninfo: str, tmp_path: Path) -> None:
    words = ("export", "nem13", *PERIOD, "--json", "--config", filled, "-o", tmp_path)
    ran = headend(*words)
    assert ran.document["completeness"]["missing"] == 1  # M2 was not read
    assert headend(*words, "--require", "99").code == 0  # the same again is not judged again
    read(conninfo, "M2", BOUNDS[0], "7")
    read(conninfo, "M2", BOUNDS[1], "9")
    later = headend(*words)
    assert (later.code, "have changed since" in later.err) == (1, True)
    made = headend(*words, "--supersedes", "B000001", "--reason", "read late")
    assert made.document["completeness"]["missing"] == 0
    difference = headend("export", "show", "B000002", "--json", "--config", filled).document["difference"]
    assert [(one["point"], one["before"], one["after"]) for one in difference["days"]] == [("P2", None, "2.0000")]
    assert json.loads((tmp_path / "B000002" / "manifest.json").read_text())["counts"]["reads"] == 2
