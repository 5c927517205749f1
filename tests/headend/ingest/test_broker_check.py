"""`headend check` at the broker of a source."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from headend.config import Config
from headend.ingest.broker_check import BrokerFinding, check_broker
from headend.ingest.settings import PushTable
from tests.headend.ingest.site import publish, publisher, register, running, table, until
from tests.links.mosquitto import mosquitto_broker
from tests.ports import free_port
from tests.servers import Mosquitto


async def found_of(source: PushTable) -> list[BrokerFinding]:
    return await check_broker(Config(push=[source], path="headend.toml"), source)


async def test_a_broker_in_order(mosquitto: Mosquitto) -> None:
    found = await found_of(table(mosquitto.url))
    assert [finding.exit_code for finding in found] == [0, 0, 0]
    assert "takes us: mosquitto version" in found[0].detail
    assert found[1].detail == "the broker has dropped no messages since its start"
    assert "max_queued_messages" in found[2].detail


async def test_a_broker_that_is_not_there() -> None:
    (found,) = await found_of(table(f"mqtt://127.0.0.1:{free_port()}"))
    assert (found.exit_code, "connection refused" in found.detail) == (3, True)


async def test_a_running_daemon_is_not_disturbed(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [1])
    shared = table(mosquitto.url, group="hes")
    async with running(plain_database, shared, daemon="headend") as source, publisher(mosquitto) as client:
        assert max(finding.exit_code for finding in await found_of(shared)) == 0
        await publish(client, 1, range(20))
        await until(lambda: source.subscriber.counters.acknowledged == 20, "all of the messages")
        assert source.subscriber.counters.losses == 0


async def test_what_the_broker_dropped_is_a_finding(plain_database: str, tmp_path: Path) -> None:
    with mosquitto_broker(tmp_path, "max_queued_messages 5\nsys_interval 1\n") as broker:
        async with running(plain_database, table(broker.url)):
            pass
        async with publisher(broker) as client:
            await publish(client, 1, range(20))
        told: list[Any] = []
        async with asyncio.timeout(60):
            while not any("has dropped 15 messages" in finding.detail for finding in told):
                told = await found_of(table(broker.url))
    assert max(finding.exit_code for finding in told) == 1


async def test_a_broker_that_lacks_what_the_source_needs(tmp_path: Path) -> None:
    with mosquitto_broker(tmp_path, "max_qos 0\n") as broker:
        found = await found_of(table(broker.url))
    assert max(finding.exit_code for finding in found) == 1
    assert any("QoS 0 only" in finding.detail for finding in found)
