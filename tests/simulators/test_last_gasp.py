"""A meter that loses its supply says so over MQTT, and again when it is back."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import aiomqtt
import pytest

from headend.events.push import pushed_events
from protocols.events import EventSource
from simulators.fleet import Fleet
from simulators.scenario import ScenarioError
from tests.servers import Mosquitto
from tests.simulators.meters import EVENING
from tests.simulators.reading import bus, scenario

SHANGHAI = ZoneInfo("Asia/Shanghai")


@pytest.mark.mosquitto
async def test_a_last_gasp_becomes_an_event(mosquitto: Mosquitto) -> None:
    now = EVENING
    text = bus("dlt645", "tcp://127.0.0.1:0", f'tell = "{mosquitto.url}/gasps/{{bus}}/{{meter}}"')
    async with aiomqtt.Client(mosquitto.host, mosquitto.port) as client:
        await client.subscribe("gasps/#", qos=1)
        async with Fleet(scenario(text), lambda: now) as fleet:
            meter = fleet.meters[1]
            fleet.happen(meter.name, "power_down", 20)
            now += timedelta(seconds=60)
            fleet.clock()
            async with asyncio.timeout(60):
                heard = [await anext(client.messages) for _ in range(2)]
    assert {message.topic.value for message in heard} == {f"gasps/{meter.name.rpartition('-')[0]}/{meter.name}"}
    payloads = [message.payload for message in heard]
    assert all(isinstance(payload, bytes) for payload in payloads)
    told = pushed_events(
        [payload for payload in payloads if isinstance(payload, bytes)],
        lambda one: [7] if one.meter == meter.name else [],
        now,
        SHANGHAI,
    )
    assert [(event.meter_id, event.kind.code, event.start, event.source) for event in told.events] == [
        (7, "last_gasp", EVENING, EventSource.LAST_GASP),
        (7, "power_restored", EVENING + timedelta(seconds=20), EventSource.LAST_GASP),
    ]


def test_a_bad_address_of_a_broker_is_told() -> None:
    with pytest.raises(ScenarioError, match="tell"):
        scenario(bus("dlt645", "tcp://127.0.0.1:0", 'tell = "http://host/x"'))


def test_what_cannot_be_taken_is_rejected_with_its_reason() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    good = b'{"address": "000000000001", "event": "last_gasp", "rssi": -97}'
    messages = [
        good, b"", b"\xff", b"[1]", b'{"event": "last_gasp"}', b'{"meter": "m", "event": "gremlins"}',
        b'{"meter": "m", "event": "last_gasp", "time": "soon"}', b'{"meter": "x", "event": "last_gasp"}',
        b'{"meter": "twice", "event": "last_gasp"}', b'[' + good + b']',
    ]  # fmt: skip
    found = pushed_events(messages, lambda one: {"x": [], "twice": [1, 2]}.get(one.meter or "", [3]), now, SHANGHAI)
    assert [(event.meter_id, event.start, event.values) for event in found.events] == [(3, now, {"rssi": "-97"})] * 2
    assert [message for message, _ in found.rejected] == messages[1:9]
    assert [reason.split()[0] for _, reason in found.rejected][-2:] == ["no", "more"]


def test_a_time_without_offset_is_of_the_zone() -> None:
    now = datetime(2026, 11, 22, tzinfo=UTC)
    message = b'{"meter": "m", "event": "last_gasp", "time": "2026-11-22T08:00:00"}'
    (event,) = pushed_events([message], lambda _: [1], now, SHANGHAI).events
    assert event.start == now
