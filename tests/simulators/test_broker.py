"""The embedded broker: ordinary clients and links through it, and nothing left behind."""

from __future__ import annotations

import asyncio
import logging

import aiomqtt
import pytest

from protocols.links.open import open_link
from protocols.links.url import swapped
from simulators.broker import embedded_broker


def client(url: str) -> aiomqtt.Client:
    host, _, port = url.removeprefix("mqtt://").partition(":")
    return aiomqtt.Client(host, int(port))


async def test_two_clients_through_it() -> None:
    async with embedded_broker() as url, client(url) as subscriber, client(url) as publisher:
        await subscriber.subscribe("meters/+/reading", qos=1)
        for i in range(10):
            await publisher.publish(f"meters/{i}/reading", bytes([i]), qos=1)
        got = []
        async for message in subscriber.messages:
            got.append((message.topic.value, message.payload))
            if len(got) == 10:
                break
    assert got == [(f"meters/{i}/reading", bytes([i])) for i in range(10)]


async def test_a_pair_of_links_through_it() -> None:
    async with embedded_broker() as broker:
        url = f"{broker}/meter/1/up?down=meter/1/down&payload=json"
        line, meter = await open_link(url), await open_link(swapped(url))
        await line.send(b"\x68ask\x16")
        assert await meter.receive() == b"\x68ask\x16"
        await meter.send(b"\x68answer\x16")
        assert await line.receive() == b"\x68answer\x16"
        await line.close()
        await meter.close()


async def test_it_ends_without_leaving_tasks_even_with_clients_connected(caplog: pytest.LogCaptureFixture) -> None:
    level = logging.getLogger("amqtt").level
    link = None
    async with embedded_broker() as broker:
        link = await open_link(f"{broker}/up?down=down")
    await link.close()
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert caplog.records == []
    assert logging.getLogger("amqtt").level == level


async def test_it_starts_again_on_the_same_port() -> None:
    async with embedded_broker() as url:
        port = int(url.rpartition(":")[2])
    async with embedded_broker(port) as again:
        assert again == url
        async with client(again):
            pass
