"""`headend run` with pushed readings alone: check, status, metrics, and an orderly end."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from tests.headend.ingest.site import publish, publisher, register, stored
from tests.ports import free_port
from tests.servers import Mosquitto
from tests.system.plant import Plant, Process, wait_until
from tests.system.test_outage import metric

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

CONFIG = """\
[database]
dsn = {dsn}
[daemon]
metrics = "{metrics}"
heartbeat = "200ms"
[[push]]
name = "site"
broker = "{broker}"
topic = "hes/{{line}}/{{address}}/up"
payload = "json-base64"
unknown = "quarantine"
"""


async def test_a_daemon_that_is_only_pushed_to(plain_database: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    await register(plain_database, [1])
    address = f"127.0.0.1:{free_port()}"
    plant = Plant(tmp_path, "directory = 'unused'")
    plant.config.write_text(
        CONFIG.format(dsn=json.dumps(plain_database), broker=mosquitto.url, metrics=address), encoding="utf-8"
    )
    found = await asyncio.to_thread(plant.headend, "check")
    assert {"configuration", "push site", "database", "registry", "line dtu"} <= {f["subject"] for f in found}
    assert [f for f in found if not f["ok"]] == []
    with Process(tmp_path, "run", "run", "--json", "--config", str(plant.config)) as daemon:
        await asyncio.to_thread(wait_until, lambda: "subscribed" in daemon.log.read_text(), "the subscription")
        async with publisher(mosquitto) as client:
            await publish(client, 1, range(30))
            await publish(client, 2, range(3))
        await asyncio.to_thread(
            wait_until, lambda: metric(address, "headend_push_acknowledged_total") == 33, "the acknowledgements"
        )
        assert metric(address, "headend_push_stored_readings_total") == 30
        assert metric(address, "headend_push_dead_letters_total") == 3
        assert metric(address, "headend_push_connected") == 1

        def told() -> dict[str, Any]:
            (status,) = plant.headend("status")
            counters: dict[str, Any] = status["daemons"][0]["counters"]["push"]["site"]
            return counters

        await asyncio.to_thread(wait_until, lambda: told()["acknowledged"] == 33, "the sign of life")
        assert await asyncio.to_thread(daemon.stop) == 0
        counters = daemon.line()["push"]["site"]
    assert (counters["connected"], counters["held"], counters["intake"]["dead"]) == (False, 0, {"unknown_meter": 3})
    assert stored(plain_database) == [("m1", n, n) for n in range(30)]
