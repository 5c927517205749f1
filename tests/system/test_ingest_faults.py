"""Pushed readings under everything that happens to them: nothing that was acknowledged is lost, nothing is there twice.

Daemon and database are killed several times, the broker is restarted and the daemon's clock set, while a publisher
sends one message in ten again and none in its order. After each fault everything must be there, and in the end exactly
what was sent. A few faults in every run; under `make soak` nine and three kills a round, again and again.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

import psycopg
import pytest
from aiomqtt import MqttError

from storage.embedded import Server
from storage.migrate import migrate
from tests.headend.ingest.site import T0, address_of, answer, dead, publisher, register, rows
from tests.servers import Mosquitto, open_directory
from tests.soak import SECONDS, rounds
from tests.system import stepped_clock
from tests.system.plant import Process, wait_until

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto, pytest.mark.soak]

METERS: Final = range(1, 6)
EACH: Final = 40
"""Readings of a meter between two faults, a minute apart by the meter's clock."""
SHARE: Final = 20
"""Messages that the publisher mixes up, and sends again when the broker leaves it alone with them."""
DAY_S: Final = 86_400
_CLOCK: Final = ["clock ahead", "clock back", "clock right"]
FAULTS: Final = ["collector"] * (9 if SECONDS else 3) + ["database"] * (3 if SECONDS else 2) + ["broker", *_CLOCK]
"""Of one round. `test_push_kill` has the daemon killed nine times in every run."""

_CLOCK_WAS_SET: Final = """\
SELECT bool_or(received > now() + INTERVAL '12 hours'), bool_or(received < now() - INTERVAL '12 hours') FROM capture
"""
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
captures = 10
receive_maximum = 60
linger = "5ms"
"""


@pytest.fixture
def server() -> Iterator[Server]:
    with open_directory() as folder, Server(folder / "database") as running:
        yield running


class Site:
    """Daemon, database and broker, each of which can be struck."""

    def __init__(self, folder: Path, server: Server, broker: Mosquitto, stack: ExitStack) -> None:
        self._folder, self._server, self._broker, self._stack = folder, server, broker, stack
        self._clock = folder / "clock"
        self._clock.write_text("0")
        self._config = folder / "headend.toml"
        text = CONFIG.format(dsn=json.dumps(server.conninfo), broker=broker.url)
        self._config.write_text(text, encoding="utf-8")
        self._starts = 0
        self._start()

    def strike(self, fault: str) -> None:
        """And help up again."""
        if fault == "collector":
            self.daemon.kill()
            self._start()
        elif fault == "database":
            assert self._server.pid
            os.kill(self._server.pid, signal.SIGKILL)
            wait_until(lambda: self._server.pid is None, "the end of the database")
            self._server.start()
        elif fault == "broker":
            self._broker.stop()
            self._broker.start()
        else:
            self._clock.write_text(str({"clock ahead": DAY_S, "clock back": -DAY_S, "clock right": 0}[fault]))

    def _start(self) -> None:
        clocked = [sys.executable, str(Path(stepped_clock.__file__)), str(self._clock)]
        arguments = ["run", "--json", "--config", str(self._config)]
        self._starts += 1
        name = f"run{self._starts}"
        self.daemon = self._stack.enter_context(Process(self._folder, name, *arguments, within=clocked))
        wait_until(lambda: not self.daemon.alive or "subscribed" in self.daemon.log.read_text(), "the subscription")
        assert self.daemon.alive, self.daemon.log.read_text()[-2000:]

    async def stored(self, least: int) -> None:
        """Until so many captures are there; the database may be away meanwhile."""
        async with asyncio.timeout(120):
            while True:
                try:
                    (count,) = rows(self._server.conninfo, "SELECT count(*) FROM capture")[0]
                except psycopg.OperationalError:
                    count = 0
                if count >= least:
                    return
                assert self.daemon.alive, self.daemon.log.read_text()[-2000:]
                await asyncio.sleep(0.02)


def hundredths(meter: int, minute: int) -> int:
    """The truth: no two readings have the same."""
    return minute * 10 + meter


def payload(meter: int, minute: int) -> bytes:
    at = (T0 + timedelta(minutes=minute)).isoformat()
    return json.dumps({"time": at, "data": answer(address_of(meter), hundredths(meter, minute)).hex()}).encode()


async def send(broker: Mosquitto, minutes: range, chance: random.Random) -> None:
    """Mixed up, one in ten twice. Returns when the broker has acknowledged all, whatever becomes of it meanwhile."""
    messages = [(meter, minute) for minute in minutes for meter in METERS]
    messages += chance.sample(messages, len(messages) // 10)
    chance.shuffle(messages)
    while messages:
        try:
            async with publisher(broker) as client:
                while messages:
                    share = messages[:SHARE]
                    for meter, minute in share:
                        await client.publish(f"hes/dtu/{address_of(meter)}/up", payload(meter, minute), qos=1)
                    del messages[:SHARE]
        except MqttError:
            await asyncio.sleep(0.05)


async def test_nothing_acknowledged_is_lost_and_nothing_is_there_twice(
    server: Server, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    await migrate(server.conninfo)
    await register(server.conninfo, METERS)
    minute = 0
    with ExitStack() as stack:
        site = await asyncio.to_thread(Site, tmp_path, server, mosquitto, stack)
        for number in rounds(1):
            chance = random.Random(number)
            for fault in chance.sample(FAULTS, len(FAULTS)):
                before = minute * len(METERS)
                sending = asyncio.create_task(send(mosquitto, range(minute, minute + EACH), chance))
                minute += EACH
                await site.stored(before + EACH)
                await asyncio.to_thread(site.strike, fault)
                await sending
                await send(mosquitto, range(minute, minute + 1), chance)  # behind the fault, however late it came
                minute += 1
                await site.stored(minute * len(METERS))
        assert await asyncio.to_thread(site.daemon.stop) == 0
        counters = site.daemon.line()["push"]["site"]
    assert counters["unacknowledged"] == 0
    assert counters["held"] == 0
    assert dead(server.conninfo) == []
    assert rows(server.conninfo, _CLOCK_WAS_SET) == [(True, True)]
    found = rows(
        server.conninfo,
        "SELECT meter, time, value FROM reading_named WHERE quantity = 'active_energy_import' ORDER BY meter, time",
    )
    assert [(meter, time, int(value * 100)) for meter, time, value in found] == [
        (f"m{meter}", T0 + timedelta(minutes=n), hundredths(meter, n)) for meter in METERS for n in range(minute)
    ]
