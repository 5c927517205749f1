"""`headend simulate` with thieves in a fleet that pushes, `headend run`, `headend lineloss report`: three processes.

The loss is what was stolen, and what the lines lose.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from simulators.fleet import Fleet
from simulators.push.values import PushTruth
from simulators.scenario import load
from simulators.truth import STOLEN
from tests.ports import free_port
from tests.servers import Mosquitto
from tests.system.plant import Plant, Process, wait_until
from tests.system.test_outage import metric

pytestmark = [pytest.mark.postgres, pytest.mark.mosquitto]

BEGIN = datetime(2026, 3, 1, 16, tzinfo=UTC)
"""Midnight in Shanghai."""
DAYS = 14
THEFT = BEGIN + timedelta(days=7)
CONFIG = """\
timezone = "Asia/Shanghai"
[database]
dsn = {dsn}
[api]
listen = ""
[daemon]
metrics = "{metrics}"
heartbeat = "200ms"
[[push]]
name = "site"
broker = "{broker}"
topic = "hes/{{line}}/up"
payload = "batch"
"""
SCENARIO = f"""\
seed = 4
conduct = "conduct.csv"
hung = {BEGIN.isoformat()}

[[push]]
name = "block"
broker = "BROKER"
meters = 16
per_gateway = 8
quantities = ["active_energy_import"]
start = {BEGIN.isoformat()}
slots = {DAYS * 96 + 1}
paced = false
feeder = "F1"
totals = {{ ratio = 1, loss_w = 60, loss_share = 0.02 }}

[[theft]]
kind = "bypass"
area = "block-g000002"
meters = 2
share = 0.7
from = {THEFT.isoformat()}
"""


def test_the_loss_is_what_was_stolen(plain_database: str, mosquitto: Mosquitto, tmp_path: Path) -> None:
    metrics = f"127.0.0.1:{free_port()}"
    plant = Plant(tmp_path, "directory = 'unused'")
    text = CONFIG.format(dsn=json.dumps(plain_database), metrics=metrics, broker=mosquitto.url)
    plant.config.write_text(text, encoding="utf-8")
    lab = tmp_path / "lab.toml"
    lab.write_text(SCENARIO.replace("BROKER", mosquitto.url), encoding="utf-8")
    plant.headend("simulate", str(lab), "--registry", str(tmp_path / "registry"), "--seconds", "0.1")
    plant.headend("meter", "import", str(tmp_path / "registry"))
    messages = 2 * (DAYS * 96 + 1)
    with Process(tmp_path, "run", "run", "--json", "--config", str(plant.config)) as daemon:
        wait_until(lambda: "subscribed" in daemon.log.read_text(), "the subscription")
        *_, told = plant.headend("simulate", str(lab))
        assert (told["acknowledged"], told["missing"]) == (messages, 0)
        wait_until(lambda: metric(metrics, "headend_push_acknowledged_total") == messages, "all to be stored")
        assert daemon.stop() == 0
    (report,) = plant.headend("lineloss", "report", "--from", "2026-03-02", "--to", "2026-03-16")
    truth = PushTruth(Fleet(load(str(lab))).values_of("block"))
    thieves = [row.split(",")[0] for row in (tmp_path / "conduct.csv").read_text().splitlines()[1:]]
    assert len(thieves) == 2
    end = BEGIN + timedelta(days=DAYS)
    stolen = sum(float(truth.at(name, STOLEN, end) or 0) for name in thieves)
    places = {place["name"]: place for place in report["places"]}
    for name, missing in (("block-g000001", 0.0), ("block-g000002", stolen)):
        place = places[name]
        used = place["metered_kwh"] + missing
        assert place["loss_kwh"] - missing == pytest.approx(0.02 * used + 0.06 * 24 * DAYS, abs=0.2)
    rises = {(place["name"], one["since"]) for place in places.values() for one in place["anomalies"]}
    assert ("block-g000002", "2026-03-09") in rises
