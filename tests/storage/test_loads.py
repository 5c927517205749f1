"""What meters are thought to draw comes from what they drew at most; on both levels of server."""

from __future__ import annotations

from datetime import timedelta

import psycopg

from storage.loads import Loads
from tests.storage.captures import capture
from tests.storage.test_rollups import MIDNIGHT, roll, store

POWER = 5
"""The layout in which active power stands first, in millionths of a kW."""


async def test_the_highest_power_of_late_counts(database: str) -> None:
    with psycopg.connect(database, autocommit=True) as connection:
        connection.execute("INSERT INTO line (name, url, protocol) VALUES ('l', 'tcp://192.0.2.1:1', 'dlt645')")
        for name, multiplier in (("m1", 1), ("m2", 40), ("m3", 1), ("told", 1)):
            connection.execute(
                "INSERT INTO meter (name, address, model, line_id, multiplier, created)"
                " SELECT %s, %s, 'dlt645_2007', id, %s, '2026-01-01' FROM line",
                (name, name, multiplier),
            )
        ids: dict[str, int] = dict(connection.execute("SELECT name, id FROM meter").fetchall())
        connection.execute("INSERT INTO meter_load VALUES ('told', 7, 'ada', %s)", (MIDNIGHT,))
    rows = [
        capture(ids[name], MIDNIGHT + timedelta(minutes=15 * slot), POWER, [1_000_000 * slot + 500_001])
        for name in ("m1", "m2", "told")
        for slot in range(4)
    ]
    await store(database, rows)
    await roll(database)
    async with Loads(database) as loads:
        assert await loads.estimate(MIDNIGHT + timedelta(hours=6)) == 2
        assert await loads.estimate(MIDNIGHT + timedelta(hours=7)) == 2
    with psycopg.connect(database) as connection:
        found: dict[str, int] = dict(connection.execute("SELECT meter, watts FROM meter_load").fetchall())
    assert found == {"m1": 3501, "m2": 140_001, "told": 7}
