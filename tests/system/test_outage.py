"""The database goes away for a while: what was received is kept, memory stays bounded, the daemon recovers itself."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.embedded import Server
from storage.migrate import migrate
from tests.ports import free_port
from tests.servers import open_directory
from tests.system.plant import Plant, wait_until
from tests.system.truth_check import judge

pytestmark = pytest.mark.postgres

OUTAGE_S = 10
BOUND = 60


@pytest.fixture
def server() -> Iterator[Server]:
    with open_directory() as folder, Server(folder / "database") as running:
        yield running


def metric(address: str, name: str) -> float:
    """The sum of one metric over its labels."""
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=60) as answer:
        text = answer.read().decode()
    return sum(float(value) for value in re.findall(rf"^{name}(?:{{.*}})? (\S+)$", text, re.MULTILINE))


async def test_a_database_that_is_away_for_a_while_costs_nothing_received(server: Server, tmp_path: Path) -> None:
    await migrate(server.conninfo)
    address = f"127.0.0.1:{free_port()}"
    plant = Plant(tmp_path, f"dsn = {json.dumps(server.conninfo)}", captures=BOUND, metrics=address)
    started = datetime.now(UTC)
    with plant.simulate(), plant.daemon() as daemon:
        wait_until(lambda: plant.values() > 200, "the first readings")
        assert server.pid
        os.kill(server.pid, signal.SIGKILL)
        gone = time.monotonic()
        most = 0.0
        while time.monotonic() - gone < OUTAGE_S:
            most = max(most, metric(address, "headend_pending_records"))
            assert daemon.alive
            await asyncio.sleep(0.5)
        assert 0 < most <= BOUND
        before = metric(address, "headend_poller_readings_total")
        server.start()
        wait_until(lambda: metric(address, "headend_poller_readings_total") > before + 200, "readings after the outage")
        assert daemon.stop() == 0
        counters = daemon.line()
        ended = datetime.now(UTC)
        verdict = await judge(server.conninfo, tmp_path / "truth.csv", started, ended)
    assert counters["recorder"]["unreachable"] > 0
    assert counters["poller"]["readings"] == verdict.readings  # all that was ever received is stored
    assert counters["pending"] == 0
    assert verdict.wrong == []
    assert verdict.unknown == []
    assert verdict.twice == 0


async def test_the_daemon_starts_its_own_embedded_database_again(tmp_path: Path) -> None:
    with open_directory() as folder:
        plant = Plant(tmp_path, f"directory = {json.dumps(str(folder / 'database'))}")
        plant.headend("init")
        started = datetime.now(UTC)
        with plant.simulate(), plant.daemon() as daemon:
            wait_until(lambda: plant.values() > 100, "the first readings")
            running = Server(folder / "database")
            assert running.pid
            os.kill(running.pid, signal.SIGKILL)
            wait_until(lambda: "database back" in daemon.log.read_text(), "the daemon's word that the database is back")
            before = plant.values()
            wait_until(lambda: plant.values() > before, "readings after the database was started again")
            assert daemon.stop() == 0
            ended = datetime.now(UTC)
            with Server(folder / "database") as again:
                verdict = await judge(again.conninfo, tmp_path / "truth.csv", started, ended)
        assert verdict.wrong == []
        assert verdict.unknown == []
