"""MQTT links beyond the loopback: one connection for many lines, bad messages, brokers that go and come, TLS."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeAlias

import aiomqtt
import pytest

from protocols.errors import LinkClosed, LinkUnreachable
from protocols.links import broker as brokers
from protocols.links.mqtt import MqttLink, open_mqtt
from protocols.links.open import open_link
from protocols.links.url import parse_mqtt, swapped
from tests.links.mosquitto import mosquitto_broker
from tests.servers import Mosquitto

Talk: TypeAlias = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

pytestmark = pytest.mark.mosquitto


async def opened(url: str) -> MqttLink:
    return await open_mqtt(parse_mqtt(url))


def connections() -> int:
    return len(brokers._connections.get(asyncio.get_running_loop(), {}))


def client_of(mosquitto: Mosquitto) -> aiomqtt.Client:
    return aiomqtt.Client(mosquitto.host, mosquitto.port)


async def test_lines_share_one_connection_until_the_last_one_closes(mosquitto: Mosquitto) -> None:
    urls = [f"{mosquitto.url}/m/{i}/up?down=m/{i}/down" for i in range(30)]
    lines = await asyncio.gather(*(open_link(url) for url in urls))
    meters = await asyncio.gather(*(open_link(swapped(url)) for url in urls))
    assert connections() == 1
    await asyncio.gather(*(line.send(b"to %d" % i) for i, line in enumerate(lines)))
    assert [await meter.receive() for meter in meters] == [b"to %d" % i for i in range(30)]
    await asyncio.gather(*(link.close() for link in [*lines, *meters[1:]]))
    assert connections() == 1
    await meters[0].close()
    assert connections() == 0
    assert not [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]


async def test_a_topic_is_left_when_its_last_line_closes(mosquitto: Mosquitto) -> None:
    url = f"{mosquitto.url}/up?down=down&payload=hex"
    first, second = await opened(url), await opened(url)
    other = await opened(f"{mosquitto.url}/other?down=x")
    async with client_of(mosquitto) as client:
        await client.publish("up", b"0102", qos=1)
        assert [await first.receive(), await second.receive()] == [b"\1\2", b"\1\2"]
        await first.close()
        await client.publish("up", b"03", qos=1)
        assert await second.receive() == b"\3"
        await second.close()
        third = await opened(url)
        await client.publish("up", b"04", qos=1)
        assert await third.receive() == b"\4"
    await third.close()
    await other.close()


@pytest.mark.parametrize("payload", ["hex", "json"])
async def test_a_bad_message_is_counted_and_costs_nothing_else(mosquitto: Mosquitto, payload: str) -> None:
    link = await opened(f"{mosquitto.url}/up?down=down&payload={payload}")
    good = {"hex": b"68 16", "json": b'{"data": "aBY=", "time": 5}'}[payload]
    async with client_of(mosquitto) as client:
        for message in (b"no", b"\xff\x00", b"", b"[1]"):
            await client.publish("up", message, qos=1)
        await client.publish("up", good, qos=1)
    assert await link.receive() == b"\x68\x16"
    assert link.bad_payloads == (3 if payload == "hex" else 4)
    await link.close()


async def test_a_retained_answer_is_an_old_one(mosquitto: Mosquitto) -> None:
    async with client_of(mosquitto) as client:
        await client.publish("up", b"old", qos=1, retain=True)
        link = await opened(f"{mosquitto.url}/up?down=down")
        await client.publish("up", b"new", qos=1)
        assert await link.receive() == b"new"
    assert link.retained == 1
    await link.close()


async def test_a_lost_broker_ends_all_links_and_the_next_opening_connects_again(mosquitto: Mosquitto) -> None:
    urls = [f"{mosquitto.url}/m/{i}/up?down=m/{i}/down" for i in range(3)]
    links = [await opened(url) for url in urls]
    waiting = [asyncio.create_task(link.receive()) for link in links]
    await asyncio.sleep(0)
    mosquitto.kill()
    for task in waiting:
        with pytest.raises(LinkClosed, match=r"the connection to the broker mqtt://.* was lost"):
            await task
    with pytest.raises(LinkClosed):
        await links[0].send(b"x")
    with pytest.raises(LinkUnreachable, match="connection refused"):
        await opened(urls[0])
    mosquitto.start()
    again, meter = await opened(urls[0]), await opened(swapped(urls[0]))
    await links[0].close()
    await again.send(b"back")
    assert await meter.receive() == b"back"
    for link in [*links, again, meter]:
        await link.close()
    assert connections() == 0


async def test_a_message_waiting_for_its_acknowledgement_ends_with_the_broker() -> None:
    """A broker that takes the message and says nothing: the sender must not wait for a time-out when it dies."""
    published = asyncio.Event()
    hang_up = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(CONNACK)
        subscribe = await _packet(reader)
        writer.write(bytes.fromhex("9003") + subscribe[:2] + b"\x01")  # SUBACK, QoS 1
        await _packet(reader)
        published.set()
        await hang_up.wait()

    async with pretended_broker(talk) as url:
        link = await opened(f"{url}/up?down=down")
        sending = asyncio.create_task(link.send(b"x"))
        await published.wait()
        assert not sending.done()
        hang_up.set()
        with pytest.raises(LinkClosed, match="was lost"):
            await sending
        await link.close()


async def test_a_refused_subscription() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _packet(reader)
        writer.write(CONNACK)
        subscribe = await _packet(reader)
        writer.write(bytes.fromhex("9003") + subscribe[:2] + b"\x80")
        await reader.read()

    async with pretended_broker(talk) as url:
        with pytest.raises(LinkUnreachable, match="refuses the subscription to 'secret/up'"):
            await opened(f"{url}/secret/up?down=down")
        assert connections() == 0


async def test_a_broker_that_never_answers_and_a_cancelled_opening() -> None:
    gone = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()
        gone.set()

    async with pretended_broker(talk) as broker:
        url = f"{broker}/up?down=down&timeout=0.05"
        opening = asyncio.create_task(opened(url))
        await asyncio.sleep(0)
        opening.cancel()
        with pytest.raises(asyncio.CancelledError):
            await opening
        with pytest.raises(LinkUnreachable, match=r"does not answer within 0\.05 s"):
            await opened(url)
        assert connections() == 0
        async with asyncio.timeout(60):
            await gone.wait()


CONNACK = bytes.fromhex("20020000")


async def _packet(reader: asyncio.StreamReader) -> bytes:
    """The body of an MQTT packet shorter than 128 bytes."""
    header = await reader.readexactly(2)
    return await reader.readexactly(header[1])


@asynccontextmanager
async def pretended_broker(talk: Talk) -> AsyncIterator[str]:
    """A server that says what the test wants; ends when every client has gone."""
    talking: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        talking.add(task)
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()
    if talking:
        await asyncio.wait(talking)


def certificate(folder: Path) -> tuple[Path, Path]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("no openssl to make a certificate with")
    key, cert = folder / "key.pem", folder / "cert.pem"
    subject = ["-subj", "/CN=broker", "-addext", "subjectAltName=IP:127.0.0.1"]
    command = [program, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, "-keyout", key, "-out", cert, *subject], check=True, capture_output=True)
    return key, cert


@pytest.mark.filterwarnings("ignore:unclosed <ssl:ResourceWarning")  # paho drops the socket whose handshake failed
async def test_tls(tmp_path: Path) -> None:
    key, cert = certificate(tmp_path)
    with mosquitto_broker(tmp_path, f"certfile {cert}\nkeyfile {key}\n") as broker:
        url = broker.url.replace("mqtt:", "mqtts:") + "/up?down=down"
        line = await opened(f"{url}&cafile={cert}")
        meter = await opened(f"{swapped(url)}&cafile={cert}")
        await line.send(b"\x68\x16")
        assert await meter.receive() == b"\x68\x16"
        with pytest.raises(LinkUnreachable, match=r"TLS: .*certificate verify failed"):
            await opened(url)
        await line.close()
        await meter.close()
