"""What is on the spool is never lost and never twice: kill -9 of daemon and database, while spooling and draining."""

from __future__ import annotations

import json
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from protocols.model import POSITIONS, Capture, Quality, Source
from storage.columns import CaptureColumns, time_us
from storage.embedded import Server
from storage.migrate import birth, migrate
from storage.spool.batch import Batch
from storage.spool.segment import load, segments_in
from storage.spool.spool import Spool
from storage.writer import Miss
from tests.ports import free_port
from tests.servers import open_directory
from tests.small_disk import small_disk
from tests.soak import rounds
from tests.system.plant import Plant, wait_until
from tests.system.test_outage import metric
from tests.system.truth_check import judge

pytestmark = pytest.mark.postgres

T0 = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 300
_THOUSAND = CaptureColumns.from_captures(
    [
        Capture(meter, 1, T0, T0, Source.PULL, (meter * 7, *[None] * (POSITIONS - 1)), (Quality.GOOD,) * POSITIONS)
        for meter in range(1_000_000, 1_001_000)
    ]
)
Key = tuple[int, datetime, int]


@pytest.fixture
def server() -> Iterator[Server]:
    with open_directory() as folder, Server(folder / "database") as running:
        yield running


def plant_with_spool(folder: Path, server: Server, metrics: str, spool: Path | None = None) -> Plant:
    plant = Plant(folder, f"dsn = {json.dumps(server.conninfo)}", captures=200, metrics=metrics)
    text = plant.config.read_text()
    directory = json.dumps(str(spool or folder / "spool"))
    plant.config.write_text(f'{text}\n[spool]\ndirectory = {directory}\nbytes = 100000000\nafter = "500ms"\n')
    return plant


def kill(server: Server) -> None:
    assert server.pid
    os.kill(server.pid, signal.SIGKILL)
    wait_until(lambda: server.pid is None, "the end of the database")


def keys_in(spool: Path) -> set[Key]:
    """Every capture that stands whole in a segment."""
    found: set[Key] = set()
    for path in segments_in(spool):
        for one in load(path).batches:
            c = one.columns
            found |= {
                (int(m), datetime.fromtimestamp(int(t) // 10**6, UTC), int(lay))
                for m, t, lay in zip(c.meter_id, c.time_us, c.layout, strict=True)
            }
    return found


def stored(conninfo: str) -> dict[Key, int]:
    """How often each capture stands in the table."""
    with psycopg.connect(conninfo) as connection:
        connection.execute("SET timezone = 'UTC'")
        rows = connection.execute("SELECT meter_id, time, layout, count(*) FROM capture GROUP BY 1, 2, 3").fetchall()
    return {(meter, time, layout): count for meter, time, layout, count in rows}


async def test_an_end_in_order_while_the_database_is_away_keeps_everything(server: Server, tmp_path: Path) -> None:
    await migrate(server.conninfo)
    address = f"127.0.0.1:{free_port()}"
    plant = plant_with_spool(tmp_path, server, address)
    started = datetime.now(UTC)
    with plant.simulate():
        with plant.daemon() as first:
            wait_until(lambda: plant.values() > 100, "the first readings")
            kill(server)
            wait_until(lambda: metric(address, "headend_spool_captures_total") > 20, "captures on the disk")
            assert first.stop() == 0
            ended_first = first.line()
        assert ended_first["pending"] == 0
        assert ended_first["spool"]["captures"] >= len(keys_in(tmp_path / "spool")) > 20
        server.start()
        with plant.daemon() as second:
            wait_until(lambda: "collecting" in second.log.read_text(), "the second daemon")
            wait_until(lambda: not segments_in(tmp_path / "spool"), "the spool drained")
            before = plant.values()
            wait_until(lambda: plant.values() > before, "live readings besides")
            assert second.stop() == 0
            ended_second = second.line()
        ended = datetime.now(UTC)
        verdict = await judge(server.conninfo, tmp_path / "truth.csv", started, ended)
    assert ended_first["poller"]["readings"] + ended_second["poller"]["readings"] == verdict.readings
    assert (verdict.wrong, verdict.twice) == ([], 0)


@pytest.mark.soak
async def test_a_full_disk_is_seen_and_kill_9_costs_nothing_that_was_spooled(server: Server, tmp_path: Path) -> None:
    await migrate(server.conninfo)
    address = f"127.0.0.1:{free_port()}"
    with small_disk(tmp_path / "disk", 256) as disk:
        plant = plant_with_spool(tmp_path, server, address, disk / "spool")
        started = datetime.now(UTC)
        with plant.simulate():
            for _ in rounds(1):
                with plant.daemon() as daemon:
                    before = plant.values()
                    wait_until(lambda seen=before: plant.values() > seen, "readings")  # type: ignore[misc]
                    fill(disk, leaving=20_000)
                    kill(server)
                    wait_until(lambda: metric(address, "headend_spool_full") == 1, "the refusal")
                    assert "No space left on device" in daemon.log.read_text()
                    wait_until(lambda: metric(address, "headend_pending_records") > 20, "a queue that holds")
                    (disk / "ballast").unlink()
                    wait_until(lambda: metric(address, "headend_spool_full") == 0, "room again")
                    daemon.kill()
                safe = keys_in(disk / "spool")
                assert len(safe) > 20
                server.start()
                with plant.daemon() as daemon:
                    wait_until(lambda: not segments_in(disk / "spool"), "the spool drained")
                    assert daemon.stop() == 0
                there = stored(server.conninfo)
                assert safe - there.keys() == set(), "acknowledged by the spool, and lost"
                assert set(there.values()) == {1}
            verdict = await judge(server.conninfo, tmp_path / "truth.csv", started, datetime.now(UTC))
    assert (verdict.wrong, verdict.twice) == ([], 0)


@pytest.mark.soak
async def test_daemon_and_database_are_killed_while_they_drain(server: Server, tmp_path: Path) -> None:
    await migrate(server.conninfo)
    database = await birth(server.conninfo)
    address = f"127.0.0.1:{free_port()}"
    plant = plant_with_spool(tmp_path, server, address)
    number = 0
    with plant.simulate():
        for _ in rounds(1):
            first = number
            spool = Spool(tmp_path / "spool", 100_000_000, database, lambda: time.time_ns() // 1000)
            for number in range(first, first + SIZE):
                spool.append(thousand(number))
            spool.close()
            with plant.daemon() as daemon:
                wait_until(lambda: drained(address) > 0, "some of it drained")
                daemon.kill()
            with plant.daemon() as daemon:
                for _ in range(3):
                    seen = drained(address)
                    wait_until(lambda seen=seen: drained(address) > seen, "more of it drained")  # type: ignore[misc]
                    kill(server)
                    server.start()
                wait_until(lambda: not segments_in(tmp_path / "spool"), "the spool drained")
                assert daemon.stop() == 0
            number += 1
    there = {key: count for key, count in stored(server.conninfo).items() if key[1] < T0 + timedelta(days=100)}
    assert len(there) == number * 1000
    assert set(there.values()) == {1}
    with psycopg.connect(server.conninfo) as connection:
        wrong = connection.execute(
            "SELECT count(*) FROM capture WHERE time < %s AND (v1 <> meter_id * 7 OR v2 IS NOT NULL)",
            (T0 + timedelta(days=100),),
        ).fetchone()
        misses = connection.execute("SELECT count(*) FROM miss WHERE meter_id >= 1000000").fetchone()
    assert wrong == (0,)
    assert misses == (number,)


def fill(disk: Path, leaving: int) -> None:
    with (disk / "ballast").open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(disk).free - leaving)


def thousand(number: int) -> Batch:
    """Of meters that are nobody's: 1,000 at one moment, and a miss."""
    time = T0 + timedelta(minutes=15 * number)
    columns = replace(_THOUSAND, time_us=np.full(len(_THOUSAND), time_us(time)))
    return Batch(columns, (Miss(1_000_000, 4, time, "no_answer", time),))


def drained(address: str) -> float:
    """How many captures the daemon has drained; 0 while it does not answer yet."""
    try:
        return metric(address, "headend_spool_drained_captures_total")
    except OSError:
        return 0
