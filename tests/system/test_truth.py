"""The truth test: noise, late answers, duplicates and a killed daemon, and not one wrong reading."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from tests.servers import Mosquitto
from tests.system.plant import EVERY_S, Plant, wait_until
from tests.system.truth_check import judge

LINES = 7


def _lines(plant: Plant) -> int:
    """Lines whose meters have given something, as `headend status` says."""
    (status,) = plant.headend("status", expect=None)
    return max((daemon["counters"]["lines_open"] for daemon in status["daemons"]), default=0)


@pytest.mark.mosquitto
async def test_every_reading_is_true_and_every_missing_one_is_known(
    database: str, mosquitto: Mosquitto, tmp_path: Path
) -> None:
    plant = Plant(tmp_path, f"dsn = {json.dumps(database)}")
    started = datetime.now(UTC)
    with plant.simulate(mosquitto.url) as meters:
        with plant.daemon() as daemon:
            wait_until(lambda: _lines(plant) == LINES and plant.values() > 500, "the first readings of every line")
            daemon.kill()
        before = plant.values()
        with plant.daemon() as daemon:
            wait_until(lambda: plant.values() > before + 500, "readings of the daemon that was started again")
            assert daemon.stop() == 0
        ended = datetime.now(UTC)
        assert meters.alive
        verdict = await judge(database, tmp_path / "truth.csv", started, ended)
    assert verdict.wrong == []
    assert verdict.unknown == []
    assert verdict.twice == 0
    assert verdict.readings > 1000
    assert verdict.missing > 0  # the time between the daemons, at the least
    with psycopg.connect(database, autocommit=True) as connection:  # the test itself can fail
        connection.execute("UPDATE capture SET v1 = v1 + 1 WHERE ctid = (SELECT min(ctid) FROM capture WHERE v1 > 0)")
    spoilt = await judge(database, tmp_path / "truth.csv", started, ended)
    assert len(spoilt.wrong) >= 1
    assert (ended - started).total_seconds() > 2 * EVERY_S
