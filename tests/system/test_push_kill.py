"""The daemon is killed nine times under a stream of pushed readings: none is lost, none is there twice."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest

from tests.headend.ingest.site import T0, publish, publisher, register, rows
from tests.servers import Mosquitto
from tests.system.plant import Process, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

KILLS: Final = 9
METERS: Final = range(1, 6)
EACH: Final = 60
"""Readings of a meter between two kills."""

CONFIG: Final = """\
[database]
dsn = {dsn}
[api]
listen = ""
[daemon]
metrics = ""
[[push]]
name = "site"
broker = "{broker}"
topic = "hes/{{line}}/{{address}}/up"
payload = "json-base64"
captures = 20
"""


async def test_killed_nine_times(plain_database: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    await register(plain_database, METERS)
    config = tmp_path / "headend.toml"
    config.write_text(CONFIG.format(dsn=json.dumps(plain_database), broker=mosquitto.url), encoding="utf-8")
    total = (KILLS + 1) * EACH * len(METERS)
    sent = 0
    async with publisher(mosquitto) as client:
        for turn in range(KILLS + 1):
            with Process(tmp_path, "run", "run", "--json", "--config", str(config)) as daemon:
                await asyncio.to_thread(subscribed, daemon, turn + 1)
                numbers = range(turn * EACH, (turn + 1) * EACH)
                stream = [asyncio.create_task(publish(client, meter, numbers)) for meter in METERS]
                sent += EACH * len(METERS)
                if turn < KILLS:
                    await at_least(plain_database, sent - EACH * len(METERS) // 2, daemon)
                    daemon.kill()
                    await asyncio.gather(*stream)
                    continue
                await asyncio.gather(*stream)
                await at_least(plain_database, total, daemon)
                assert await asyncio.to_thread(daemon.stop) == 0
                counters = daemon.line()["push"]["site"]
    assert counters["unacknowledged"] == 0
    assert counters["intake"]["dead"] == {}
    found = rows(
        plain_database,
        "SELECT meter, time, value FROM reading_named WHERE quantity = 'active_energy_import' ORDER BY meter, time",
    )
    numbers = range((KILLS + 1) * EACH)
    assert [(meter, time, int(value * 100)) for meter, time, value in found] == [
        (f"m{meter}", T0 + timedelta(minutes=n), n) for meter in METERS for n in numbers
    ]


def subscribed(daemon: Process, times: int) -> None:
    """Until the log says so for the so manieth time."""
    wait_until(lambda: not daemon.alive or daemon.log.read_text().count("subscribed") >= times, "the subscription")
    assert daemon.alive, daemon.log.read_text()[-2000:]


async def at_least(conninfo: str, captures: int, daemon: Process) -> None:
    async with asyncio.timeout(120), await psycopg.AsyncConnection.connect(conninfo, autocommit=True) as connection:
        while True:
            cursor = await connection.execute("SELECT count(*) FROM capture")
            row = await cursor.fetchone()
            assert row
            if row[0] >= captures:
                return
            assert daemon.alive, daemon.log.read_text()[-2000:]
            await asyncio.sleep(0.005)
