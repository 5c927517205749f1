"""From a real broker to a real database: every reading once, acknowledged after the commit."""

from __future__ import annotations

import pytest

from tests.headend.ingest.site import dead, publish, publisher, register, running, stored, table, until
from tests.servers import Mosquitto

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]


@pytest.mark.parametrize("version", ["5", "3.1.1"])
async def test_readings_arrive_once(plain_database: str, mosquitto: Mosquitto, version: str) -> None:
    await register(plain_database, [1, 2])
    async with running(plain_database, table(mosquitto.url, version=version)) as source, publisher(mosquitto) as client:
        await publish(client, 1, range(20))
        await publish(client, 2, range(20))
        await publish(client, 1, range(10))
        await until(lambda: source.intake.counters.messages == 50, "fifty messages")
        await until(lambda: source.subscriber.unacknowledged == 0, "the acknowledgements")
        assert source.counters["acknowledged"] == 50
    assert stored(plain_database) == [(f"m{meter}", n, n) for meter in (1, 2) for n in range(20)]
    counters = source.intake.counters
    assert (counters.stored, counters.merged + counters.duplicates, dict(counters.dead)) == (40, 10, {})
    assert dead(plain_database) == []
