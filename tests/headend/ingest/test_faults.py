"""What goes wrong on both sides: nothing acknowledged is lost, nothing is stored twice, and memory stays bounded."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest

from headend.ingest.ingest import Source
from protocols.push.arrivals import Arrivals, Message
from storage.columns import CaptureColumns
from storage.errors import DatabaseUnreachable, Rejected
from storage.writer import Writer, Written
from tests.headend.ingest.site import (
    T0,
    address_of,
    dead,
    publish,
    publisher,
    register,
    running,
    stored,
    table,
    until,
)
from tests.links.mosquitto import mosquitto_broker
from tests.links.test_mqtt import certificate
from tests.servers import Mosquitto

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

Write = Callable[[Writer, CaptureColumns], Awaitable[Written]]


def instead(
    monkeypatch: pytest.MonkeyPatch, act: Callable[[Write, Writer, CaptureColumns], Awaitable[Written]]
) -> None:
    """Every commit of captures goes through `act`, which is given the real one."""
    real = Writer.write_columns

    async def write(self: Writer, columns: CaptureColumns) -> Written:
        return await act(real, self, columns)

    monkeypatch.setattr(Writer, "write_columns", write)


async def test_nothing_is_acknowledged_before_the_commit(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    committing, go_on = asyncio.Event(), asyncio.Event()

    async def held_up(real: Write, writer: Writer, columns: CaptureColumns) -> Written:
        committing.set()
        await go_on.wait()
        return await real(writer, columns)

    instead(monkeypatch, held_up)
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
        await publish(client, 1, range(10))
        await committing.wait()
        await until(lambda: source.subscriber.counters.messages == 10, "ten messages")
        assert source.subscriber.counters.acknowledged == 0
        assert source.subscriber.unacknowledged == 10
        go_on.set()
        await until(lambda: source.subscriber.counters.acknowledged == 10, "the acknowledgements")
    assert len(stored(plain_database)) == 10


async def test_a_connection_lost_between_commit_and_acknowledgement(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The late acknowledgements are for ids of a connection that is gone; the broker gives them to other messages."""
    sources: list[Source] = []

    async def cutting(real: Write, writer: Writer, columns: CaptureColumns) -> Written:
        written = await real(writer, columns)
        if sources:
            source = sources.pop()
            assert source.subscriber._connection
            source.subscriber._connection.abort("cut by the test")
            await until(lambda: source.subscriber.counters.connects > 1, "the next connection")
        return written

    instead(monkeypatch, cutting)
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
        sources.append(source)
        await publish(client, 1, range(50))
        await until(lambda: source.subscriber.counters.losses == 1, "the loss")
        await publish(client, 1, range(50, 100))
        await until(lambda: len(stored(plain_database)) == 100, "a hundred readings")
        await until(lambda: source.subscriber.unacknowledged == 0, "the acknowledgements")
        assert source.subscriber.counters.repeated > 0
    assert stored(plain_database) == [("m1", n, n) for n in range(100)]
    async with running(plain_database, table(mosquitto.url)) as again, publisher(mosquitto) as client:
        await publish(client, 1, [100])
        await until(lambda: again.intake.counters.messages == 1, "the one message that is new")
        assert again.subscriber.counters.messages == 1


async def test_the_database_goes_away_and_the_hold_stays_bounded(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = True

    async def gone(real: Write, writer: Writer, columns: CaptureColumns) -> Written:
        if away:
            raise DatabaseUnreachable("away for the test")
        return await real(writer, columns)

    instead(monkeypatch, gone)
    await register(plain_database, [1])
    bounded = table(mosquitto.url, messages=50, captures=10, keepalive="5s", receive_maximum=65535)
    async with running(plain_database, bounded) as source, publisher(mosquitto) as client:
        await publish(client, 1, range(500))
        await until(lambda: source.intake.waiting and source.subscriber.is_paused, "the pause")
        assert source.hold.messages == 50
        assert source.counters["database_away"] is True
        assert source.subscriber.counters.acknowledged == 0
        await asyncio.sleep(8)  # longer than the broker waits for a sign of life
        assert source.subscriber.counters.losses == 0
        assert source.hold.messages == 50
        away = False
        await until(lambda: source.subscriber.counters.acknowledged == 500, "the acknowledgements")
        assert not source.subscriber.is_paused
    assert stored(plain_database) == [("m1", n, n) for n in range(500)]
    assert source.intake.counters.unreachable > 0


async def test_stopped_while_the_database_is_away_it_leaves_the_messages_to_the_broker(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def gone(real: Write, writer: Writer, columns: CaptureColumns) -> Written:
        raise DatabaseUnreachable("away for the test")

    await register(plain_database, [1])
    with monkeypatch.context() as patched:
        instead(patched, gone)
        async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
            await publish(client, 1, range(20))
            await until(lambda: source.intake.waiting, "the wait")
    assert source.subscriber.counters.acknowledged == 0
    async with running(plain_database, table(mosquitto.url)) as source:
        await until(lambda: source.subscriber.counters.acknowledged == 20, "the same messages")
    assert stored(plain_database) == [("m1", n, n) for n in range(20)]


async def test_the_database_is_stopped_and_started(plain_database: str, mosquitto: Mosquitto) -> None:
    """Its connections are cut as by a restart of the server."""
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url)) as source, publisher(mosquitto) as client:
        for start in range(0, 100, 20):
            await publish(client, 1, range(start, start + 20))
            await until(lambda: source.subscriber.unacknowledged == 0, "the acknowledgements")
            with psycopg.connect(plain_database, autocommit=True) as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
        await publish(client, 1, [100])
        await until(lambda: source.subscriber.counters.acknowledged >= 101, "the acknowledgements")
    assert stored(plain_database) == [("m1", n, n) for n in range(101)]


@pytest.mark.parametrize("hard", [False, True])
async def test_the_broker_is_restarted(plain_database: str, mosquitto: Mosquitto, hard: bool) -> None:
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url)) as source:
        async with publisher(mosquitto) as client:
            await publish(client, 1, range(20))
        await until(lambda: source.subscriber.counters.acknowledged == 20, "the acknowledgements")
        await asyncio.to_thread(mosquitto.kill if hard else mosquitto.stop)
        await until(lambda: source.subscriber.counters.losses == 1, "the loss")
        await asyncio.to_thread(mosquitto.start)
        await until(lambda: source.subscriber.counters.connects == 2, "the next connection")
        async with publisher(mosquitto) as client:
            await publish(client, 1, range(20, 40))
        await until(lambda: source.subscriber.counters.acknowledged == 40, "the acknowledgements")
    assert stored(plain_database) == [("m1", n, n) for n in range(40)]


async def test_what_came_while_we_were_away_is_kept_by_the_broker(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url)):
        pass
    async with publisher(mosquitto) as client:
        await publish(client, 1, range(1500))
    async with running(plain_database, table(mosquitto.url)) as source:
        await until(lambda: source.subscriber.counters.acknowledged == 1500, "what was kept")
        assert source.subscriber.granted["session_present"] is True
    assert len(stored(plain_database)) == 1500


async def test_a_capture_that_the_database_refuses_costs_its_message_alone(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    poisoned = int((T0 + timedelta(minutes=7)).timestamp() * 1_000_000)

    async def choosy(real: Write, writer: Writer, columns: CaptureColumns) -> Written:
        if (columns.time_us == poisoned).any():
            raise Rejected("refused for the test")
        return await real(writer, columns)

    instead(monkeypatch, choosy)
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url, linger="200ms")) as source, publisher(mosquitto) as client:
        await publish(client, 1, range(20))
        await until(lambda: source.subscriber.counters.acknowledged == 20, "the acknowledgements")
        assert dict(source.intake.counters.dead) == {"refused_by_database": 1}
    assert stored(plain_database) == [("m1", n, n) for n in range(20) if n != 7]
    assert [row[:3] for row in dead(plain_database)] == [("refused_by_database", "dead", 1)]


async def test_a_message_that_the_decoder_fails_at_costs_itself_alone(
    plain_database: str, mosquitto: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    await register(plain_database, [1])
    async with running(plain_database, table(mosquitto.url, linger="200ms")) as source, publisher(mosquitto) as client:
        sorter = source.intake._sorter
        real = sorter._decoder.decode

        def fragile(messages: Sequence[Message]) -> Arrivals:
            if any(message.payload == b"poison" for message in messages):
                raise RuntimeError("a fault of ours")
            return real(messages)

        monkeypatch.setattr(sorter._decoder, "decode", fragile)
        await publish(client, 1, range(5))
        await client.publish(f"hes/dtu/{address_of(1)}/up", b"poison", qos=1)
        await publish(client, 1, range(5, 10))
        await until(lambda: source.subscriber.counters.acknowledged == 11, "the acknowledgements")
    assert stored(plain_database) == [("m1", n, n) for n in range(10)]
    assert [(row[0], bytes(row[4])) for row in dead(plain_database)] == [("decoder_failed", b"poison")]


async def test_two_daemons_of_a_group_share_the_messages(plain_database: str, mosquitto: Mosquitto) -> None:
    await register(plain_database, [1])
    shared = table(mosquitto.url, group="hes")
    async with (
        running(plain_database, shared, daemon="a") as one,
        running(plain_database, shared, daemon="b") as other,
        publisher(mosquitto) as client,
    ):
        await publish(client, 1, range(100))
        both = (one.subscriber.counters, other.subscriber.counters)
        await until(lambda: sum(c.acknowledged for c in both) == 100, "the acknowledgements")
        assert sum(c.messages for c in both) == 100
        assert all(c.messages for c in both)
    assert stored(plain_database) == [("m1", n, n) for n in range(100)]


async def test_a_message_larger_than_the_bound_and_the_buffer_is_taken(
    plain_database: str, mosquitto: Mosquitto
) -> None:
    await register(plain_database, [1])
    huge = b"[" + b" " * 400_000 + b"]"
    async with running(plain_database, table(mosquitto.url, bytes=100_000)) as source, publisher(mosquitto) as client:
        await client.publish(f"hes/dtu/{address_of(1)}/up", huge, qos=1)
        await publish(client, 1, range(3))
        await until(lambda: source.subscriber.counters.acknowledged == 4, "the acknowledgements")
    assert [bytes(row[4]) for row in dead(plain_database)] == [huge]
    assert len(stored(plain_database)) == 3


async def test_the_broker_tells_others_whether_we_are_there(plain_database: str, mosquitto: Mosquitto) -> None:
    told: list[Any] = []
    source = table(mosquitto.url, status_topic="hes/status")
    async with publisher(mosquitto) as client:
        await client.subscribe("hes/status", qos=1)
        async with running(plain_database, source):
            told.append((await anext(aiter(client.messages))).payload)
        told.append((await anext(aiter(client.messages))).payload)
        async with running(plain_database, source) as again:
            told.append((await anext(aiter(client.messages))).payload)
            assert again.subscriber._connection
            again.subscriber._connection.abort("killed")
            told.append((await anext(aiter(client.messages))).payload)
    assert told == [b"online", b"offline", b"online", b"offline"]


async def test_a_user_with_a_password_from_a_file(plain_database: str, tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        "mosquitto_passwd", "-c", "-b", str(tmp_path / "users"), "hes", "secret"
    )
    assert await process.wait() == 0
    (tmp_path / "password").write_text("secret\n")
    await register(plain_database, [1])
    with mosquitto_broker(tmp_path, f"allow_anonymous false\npassword_file {tmp_path}/users") as broker:
        url = broker.url.replace("//", "//hes@")
        with_password = table(url, password_file="password")
        async with running(plain_database, with_password, folder=tmp_path) as source:
            assert source.subscriber.is_connected
            assert "secret" not in repr(source.subscriber._terms)
        wrong = Source(
            table(url.replace("@", ":wrong@")),
            daemon="d",
            folder=tmp_path,
            zone=ZoneInfo("UTC"),
            conninfo=plain_database,
        )
        task = asyncio.create_task(wrong.run())
        await until(lambda: wrong.subscriber.counters.refusals > 0, "the refusal")
        wrong.stop()
        await task


async def test_tls_with_a_client_s_certificate(plain_database: str, tmp_path: Path) -> None:
    for who in ("broker", "client"):
        (tmp_path / who).mkdir()
        await asyncio.to_thread(certificate, tmp_path / who)
    settings = (
        f"certfile {tmp_path}/broker/cert.pem\nkeyfile {tmp_path}/broker/key.pem\n"
        f"cafile {tmp_path}/client/cert.pem\nrequire_certificate true\n"
    )
    await register(plain_database, [1])
    with mosquitto_broker(tmp_path, settings) as broker:
        url = broker.url.replace("mqtt:", "mqtts:") + "?cafile=broker/cert.pem"
        ours = f"{url}&certfile=client/cert.pem&keyfile=client/key.pem"
        async with running(plain_database, table(ours, messages=5, captures=2), folder=tmp_path) as source:
            context = await asyncio.to_thread(ssl.create_default_context, cafile=tmp_path / "broker" / "cert.pem")
            await asyncio.to_thread(
                context.load_cert_chain, tmp_path / "client" / "cert.pem", tmp_path / "client" / "key.pem"
            )
            async with publisher(broker, tls_context=context) as client:
                await publish(client, 1, range(50))
            await until(lambda: source.subscriber.counters.acknowledged == 50, "the acknowledgements")
        without = Source(table(url), daemon="d", folder=tmp_path, zone=ZoneInfo("UTC"), conninfo=plain_database)
        task = asyncio.create_task(without.run())
        await until(lambda: without.subscriber.counters.refusals > 0, "the refusal")
        without.stop()
        await task
    assert stored(plain_database) == [("m1", n, n) for n in range(50)]
