"""The daemon's housekeeping, its settings, and `headend store`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest
import structlog

from headend.config import parse
from headend.errors import UsageFault
from headend.upkeep.housekeeping import Housekeeping, housekeeping
from storage.buckets import Span
from storage.entries import Additions, NewLine, NewMeter
from storage.registry import Registry
from storage.retention import Retention
from storage.rollup_reader import Rollups
from tests.headend.command import Headend
from tests.storage.test_rollups import MIDNIGHT, SHANGHAI, quarters, store

NOW = MIDNIGHT + timedelta(days=10)
CONFIG = '[database]\ndsn = "{dsn}"\n[retention]\ncaptures = "{captures}"\n'


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ('[rollup]\nevery = "0s"', "rollup.every"),
        ('[rollup]\ndelay = "soon"', "rollup.delay"),
        ('[retention]\ncaptures = "0d"', "retention.captures"),
        ('[retention]\nhours = "3d"', "retention.hours: expected at least retention.captures"),
        ('[retention]\ncaptures = "9d"\nhours = "3d"', "retention.hours"),
        ('[retention]\ncaptures = "9d"\nhours = "9d"\nmonths = "9d"', "retention.months"),
        ("[retention]\ncaptures = 3", "retention.captures"),
    ],
)
def test_wrong_settings_are_told(table: str, problem: str) -> None:
    with pytest.raises(UsageFault, match=problem):
        parse(f'[database]\ndirectory = "d"\n{table}\n', "x.toml")


async def test_a_tick_rolls_up_and_retains_once_a_day(plain_database: str) -> None:
    await store(plain_database, quarters(1, MIDNIGHT, 97))
    config = parse(CONFIG.format(dsn=plain_database, captures="1d"), "x.toml")
    keeping = Housekeeping(config, plain_database)
    async with Rollups(plain_database, SHANGHAI) as rollups, Retention(plain_database) as retention:
        await keeping.tick(NOW)
        day = min(await rollups.energy([1], MIDNIGHT, NOW, Span.DAY), key=lambda energy: energy.start)
        assert day.steps == 960
        assert {part.kind for part in await retention.parts()} == {"hours", "days", "months"}
        await store(plain_database, quarters(1, MIDNIGHT + timedelta(days=5), 2))
        await keeping.tick(NOW + timedelta(hours=23))
        assert "captures" in {part.kind for part in await retention.parts()}
        await keeping.tick(NOW + timedelta(hours=24))
        assert "captures" not in {part.kind for part in await retention.parts()}
    await keeping.close()


async def test_a_database_that_is_away_is_waited_for() -> None:
    config = parse(CONFIG.format(dsn="host=127.0.0.1 port=1 dbname=x", captures=""), "x.toml")
    with structlog.testing.capture_logs() as logs:
        await Housekeeping(config, config.database.dsn).tick(NOW)
        async with housekeeping(config, config.database.dsn):
            pass
    assert [log["event"] for log in logs][:1] == ["housekeeping waits"]
    assert "housekeeping has ended" not in [log["event"] for log in logs]


@pytest.mark.postgres
def test_store_commands(conninfo: str, headend: Headend, tmp_path: Path) -> None:
    config = tmp_path / "headend.toml"
    config.write_text(CONFIG.format(dsn=conninfo, captures="1d"))

    async def prepare() -> None:
        async with Registry(conninfo) as registry:
            meter = NewMeter(name="m", address="1", model="dlt645_2007", line="l", created=MIDNIGHT)
            await registry.add(
                Additions(lines=(NewLine(name="l", url="tcp://x:1", protocol="dlt645"),), meters=(meter,))
            )
            (stored,) = await registry.meters()
        await store(conninfo, [*quarters(stored.id, MIDNIGHT, 97), *quarters(stored.id, MIDNIGHT, 97, layout=4)])

    asyncio.run(prepare())
    tool = ("--config", config, "--json", "store")
    refused = headend(*tool, "retention")
    assert (refused.code, refused.document["dropped"][0]["refused"]) == (1, "it is not rolled up yet")
    assert headend(*tool, "rollup").document == {"hours": 26, "days": 3, "months": 2, "frozen": 0}
    assert headend(*tool, "rollup", "--from", MIDNIGHT.isoformat()).document["hours"] == 26
    assert headend(*tool, "rollup", "--restart").document["days"] == 3
    assert headend(*tool, "rollup", "--to", MIDNIGHT.isoformat()).code == 2
    assert headend(*tool, "size").document["capture"] > 0
    asked = ("--config", config, "readings", "m", "--level", "day", "--from", MIDNIGHT.isoformat())
    rows = headend(*asked, "--json").documents
    energy = next(r for r in rows if r["quantity"] == "active_energy_import" and r["captures"] == 96)
    assert (energy["energy"], energy["unknown"], energy["first"], energy["low"]) == ("0.096", None, "0.1", None)
    volts = next(r for r in rows if r["quantity"] == "voltage_l1" and r["captures"] == 96)
    assert (volts["count"], volts["low"], volts["high"], volts["energy"]) == (96, "1", "1.95", None)
    assert "0.096" in headend(*asked).out
    assert headend(*asked, "--format", "csv").out.startswith("meter,quantity,obis,unit,start,end,captures,energy")
    assert headend(*asked, "--format", "parquet", "-o", tmp_path / "x").code == 2
    parts = headend(*tool, "partitions").document["partitions"]
    assert {part["kind"] for part in parts} == {"captures", "hours", "days", "months"}
    told = headend(*tool, "retention", "--dry-run").document
    assert (told["dry_run"], len(told["dropped"])) == (True, 2)
    assert [one["name"] for one in headend(*tool, "retention").document["dropped"]] == [
        one["name"] for one in told["dropped"]
    ]
    assert headend(*tool, "retention").document["dropped"] == []
