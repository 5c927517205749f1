"""From a real broker to a real database: every reading once, acknowledged after the commit."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.headend.ingest.site import (
    address_of,
    answer,
    dead,
    publish,
    publisher,
    register,
    rows,
    running,
    stored,
    table,
    until,
)
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


async def test_readings_without_a_time_take_the_slot_in_which_they_came(
    plain_database: str, mosquitto: Mosquitto
) -> None:
    """What the broker had kept is a dead letter then: nobody knows when it was sent."""
    await register(plain_database, [1, 2])
    frames = table(mosquitto.url, payload="frames", time="received", slot="1h")
    async with publisher(mosquitto) as client:
        await client.publish(f"hes/dtu/{address_of(2)}/up", answer(address_of(2), 7), qos=1, retain=True)
        async with running(plain_database, frames) as source:
            await client.publish(f"hes/dtu/{address_of(1)}/up", answer(address_of(1), 123456), qos=1)
            await until(lambda: source.subscriber.counters.acknowledged == 2, "both messages")
    ((meter, off, value),) = rows(
        plain_database, "SELECT meter, extract(epoch FROM time)::bigint % 3600, value FROM reading_named"
    )
    assert (meter, off, value) == ("m1", 0, Decimal("1234.56"))
    assert [row[:2] for row in dead(plain_database)] == [("time_unknown", "dead")]
