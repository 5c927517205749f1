"""Events that are pushed: a last gasp over a real broker becomes an event, once; what is none is a dead letter."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg
import pytest

from headend.config import parse
from headend.ingest.held import Held
from headend.ingest.news import events_in, says_event
from headend.ingest.replay import replay
from protocols.errors import ProtocolError
from protocols.push.arrivals import MeterKey
from storage.columns import time_us
from storage.dead_letters import Wanted
from tests.headend.ingest.site import address_of, dead, publisher, register, running, stamped, stored, table, until
from tests.servers import Mosquitto

ZONE = ZoneInfo("Asia/Shanghai")


class Nobody:
    def acknowledge(self, numbers: object) -> None:
        raise AssertionError("nobody waits")


def held(payload: bytes) -> Held:
    return Held("t", payload, time_us(datetime(2026, 11, 22, tzinfo=UTC)), False, 0, Nobody())


def gasp(who: dict[str, str], event: str = "last_gasp", **more: str) -> bytes:
    return json.dumps({**who, "event": event, **more}).encode()


def kept(conninfo: str) -> list[tuple[str, str, datetime]]:
    with psycopg.connect(conninfo) as connection:
        return connection.execute(
            "SELECT m.name, e.kind, e.start FROM meter_event e JOIN meter m ON m.id = e.meter_id ORDER BY 1, 3"
        ).fetchall()


async def nobody_known(keys: object) -> list[int | str]:
    return [1] if keys == [MeterKey(address="1", line="x")] else ["unknown_meter"]


@pytest.mark.parametrize(
    ("payload", "says"),
    [
        (gasp({"meter": "m"}), True),
        (b" \n[" + gasp({"meter": "m"}) + b"]", True),
        (b'{"meter": "m", "values": {"active_energy_import": 1}}', False),
        (b'{"meter": "m", "event": "x", "values": {"active_energy_import": 1}}', False),
        (b'{"meter": "m", "note": {"event": 1}}', False),
        (b'{"event": ', False),
        (b'[{"event": 1}, 2]', False),
        (b'68 "event"', False),
        (b"", False),
    ],
)
def test_a_message_that_says_an_event_is_known_by_a_look(payload: bytes, says: bool) -> None:
    assert says_event(payload) is says


@pytest.mark.parametrize(
    "more",
    [
        {"time": "1999-12-31T23:59:59+00:00"},
        {"time": "2026-11-23T00:00:01+00:00"},
        {"time": "0001-01-01T00:00:00+14:00"},
        {"note": "a\0b"},
        {"event": "gremlins"},
    ],
)
async def test_what_no_database_takes_is_no_event(more: dict[str, str]) -> None:
    message = held(json.dumps({"address": "1", "event": "last_gasp", **more}).encode())
    with pytest.raises(ProtocolError):
        await events_in(message, {}, ZONE, nobody_known)


async def test_the_topic_tells_the_line_of_an_address() -> None:
    (event,), lacking = await events_in(held(gasp({"address": "1"})), {"line": "x"}, ZONE, nobody_known)
    assert (event.meter_id, event.start, lacking) == (1, datetime(2026, 11, 22, tzinfo=UTC), [])
    events, lacking = await events_in(held(gasp({"address": "1"})), {"line": "y"}, ZONE, nobody_known)
    assert (events, lacking) == ([], [(MeterKey(address="1", line="y"), "unknown_meter")])


@pytest.mark.postgres
@pytest.mark.mosquitto
async def test_a_last_gasp_is_an_event_once(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [1, 2])
    now = datetime.now(UTC).replace(microsecond=0)
    source = table(mosquitto.url, unknown="quarantine")
    async with running(plain_database, source) as site, publisher(mosquitto) as client:
        topic = f"hes/dtu/{address_of(1)}/up"
        by_address = gasp({"address": address_of(2)}, "power_restored", time=(now + timedelta(seconds=5)).isoformat())
        for payload in (
            gasp({"meter": "m1"}, time=now.isoformat()),
            gasp({"meter": "m1"}, time=now.isoformat()),
            by_address,
            stamped(address_of(1), 7),
            gasp({"meter": "m9"}, time=now.isoformat()),
            gasp({"meter": "m1"}, "gremlins"),
        ):
            await client.publish(topic, payload, qos=1)
        await until(lambda: site.intake.counters.messages == 6, "six messages")
        await until(lambda: site.subscriber.unacknowledged == 0, "the acknowledgements")
        assert site.intake.counters.events == 3
        assert dict(site.intake.counters.dead) == {"unknown_meter": 1, "bad_event": 1}
    assert kept(plain_database) == [("m1", "last_gasp", now), ("m2", "power_restored", now + timedelta(seconds=5))]
    assert stored(plain_database) == [("m1", 7, 7)]
    assert len(dead(plain_database)) == 2

    await register(plain_database, [9])
    text = f"""
[database]
dsn = {json.dumps(plain_database)}
[[push]]
name = "site"
broker = {json.dumps(mosquitto.url)}
topic = "hes/{{line}}/{{address}}/up"
payload = "json-base64"
"""
    done = [page async for page in replay(parse(text, "x.toml"), plain_database, Wanted())]
    assert [(page.letters, page.replayed) for page in done] == [(2, 1)]
    assert ("m9", "last_gasp", now) in kept(plain_database)
