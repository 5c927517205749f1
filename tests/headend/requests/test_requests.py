"""While a daemon works a line, `headend read` asks it: the line is opened once, and a person overtakes the schedule."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog

from headend.collection.collector import Collector
from headend.config import load
from headend.daemon import prepare
from headend.place import store
from headend.requests.desk import Desk
from headend.work.plan import Kind
from tests.headend.bus import ENERGY, IMPORT, VOLTAGE, Bus, data
from tests.headend.command import Headend
from tests.headend.elsewhere import Elsewhere, elsewhere
from tests.servers import wait_until

ONE, TWO, NOBODY = "000000000001", "000000000002", "000000000003"


class Running:
    """A daemon's collector in a loop of its own."""

    def __init__(self, there: Elsewhere, site: Path) -> None:
        self._there = there
        self._site = site
        self.collector: Collector | None = None
        self._begun: Any = None

    async def _run(self) -> None:
        config = load(str(self._site))
        async with store(config) as opened:
            self.collector = await prepare(config, opened)
            await self.collector.run()

    def start(self, conninfo: str) -> None:
        self._begun = self._there.begin(self._run())

        def lives() -> bool:
            with psycopg.connect(conninfo) as db:
                row = db.execute("SELECT count(*) FROM daemon WHERE (counters->>'lines')::int > 0").fetchone()
            return row is not None and row[0] == 1

        wait_until(lives, "a sign of life")

    def stop(self) -> None:
        if self.collector is not None:
            self._there.call(self._stop())
        self._begun.result(30)

    async def _stop(self) -> None:
        assert self.collector is not None
        self.collector.stop()


@pytest.fixture
def bus() -> Bus:
    return Bus({ONE: {**ENERGY, VOLTAGE: data(VOLTAGE, 2301)}, TWO: {IMPORT: data(IMPORT, 5)}})


@pytest.fixture
def plant(headend: Headend, site: Path, bus: Bus, conninfo: str) -> Iterator[Running]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))  # put back by `headend`
    with bus.on_tcp() as url, elsewhere() as there:
        for number in (1, 2, 3):
            words = ["--address", f"{number:012}", "--model", "dlt645_2007", "--line", "l", "--link", url]
            assert headend("--config", site, "meter", "add", f"m{number}", *words).code == 0
        running = Running(there, site)
        running.start(conninfo)
        try:
            yield running
        finally:
            running.stop()


@contextmanager
def no_link(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is opened by the command itself."""
    with monkeypatch.context() as patched:
        patched.setattr("headend.cli.read.line_at", lambda *_: pytest.fail("the line was opened a second time"))
        yield


def test_a_running_daemon_reads_for_us(
    headend: Headend, site: Path, plant: Running, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    with no_link(monkeypatch):
        ran = headend("--config", site, "read", "m1", "voltage_l1", IMPORT, "--json")
        planned = headend("--config", site, "read", "m1", "--json")
        nothing = headend("--config", site, "read", "m2", "voltage_l1", IMPORT, "--json")
        bad = headend("--config", site, "read", "m1", "nonsense", "--json")
        silent = headend("--config", site, "read", "m3", IMPORT, "--json")
        table = headend("--config", site, "read", "m1", IMPORT)
    assert (ran.code, ran.err) == (0, "")
    assert ran.document["address"] == ONE
    assert [(v["name"], v["value"], v["unit"], v["quality"]) for v in ran.document["values"]] == [
        ("voltage_l1", "230.1", "V", "good"),
        ("active_energy_import", "123456.78", "kWh", "good"),
    ]
    taken = datetime.fromisoformat(ran.document["values"][0]["time"])
    assert abs(datetime.now(UTC) - taken) < timedelta(minutes=5)
    assert [v["name"] for v in planned.document["values"]] == [
        "active_energy_import", "active_energy_export", "voltage_l1",
    ]  # fmt: skip
    assert nothing.code == 1
    assert [v["value"] for v in nothing.document["values"]] == ["0.05"]
    assert [(e["item"], e["kind"], e["code"]) for e in nothing.document["errors"]] == [("voltage_l1", "refused", "02")]
    assert (bad.code, bad.document["error"]["kind"]) == (2, "usage")
    assert (silent.code, silent.document["error"]["kind"]) == (1, "no_answer")
    assert "123456.78" in table.out


def test_without_a_daemon_or_directly_the_line_is_opened_here(
    headend: Headend, site: Path, plant: Running, conninfo: str
) -> None:
    def asked() -> int:
        with psycopg.connect(conninfo) as db:
            row = db.execute("SELECT count(*) FROM request").fetchone()
        assert row is not None
        return int(row[0])

    direct = headend("--config", site, "read", "m1", IMPORT, "--direct", "--json")
    assert (direct.code, asked()) == (0, 0)
    plant.stop()
    alone = headend("--config", site, "read", "m1", IMPORT, "--json")
    assert (alone.code, asked()) == (0, 0)
    assert alone.document["values"][0]["value"] == "123456.78"


def test_a_request_that_nobody_takes_expires_and_says_so(
    headend: Headend, site: Path, plant: Running, conninfo: str
) -> None:
    plant.stop()
    with psycopg.connect(conninfo) as db:  # a daemon that lives, and works other lines
        db.execute("""UPDATE daemon SET seen = now(), counters = '{"lines": 1}'""")
    ran = headend("--config", site, "read", "m1", IMPORT, "--wait", "300ms", "--json")
    assert ran.code == 1
    assert "has expired" in ran.document["error"]["message"]
    assert "--direct" in ran.document["error"]["message"]
    with psycopg.connect(conninfo) as db:
        assert db.execute("SELECT state FROM request").fetchall() == [("expired",)]


def test_what_is_wanted_again_is_noticed(headend: Headend, site: Path, plant: Running, conninfo: str) -> None:
    with psycopg.connect(conninfo) as db:
        db.execute(
            """INSERT INTO miss (meter_id, layout, time, reason, received, final)
               SELECT e.meter_id, e.layout, e.time, 'not_kept', now(), true
               FROM expected(now() - interval '1 day', now() + interval '1 hour', NULL) e"""
        )
    ran = headend("--config", site, "recollect", "m1", "--from", "2020-01-01", "--to", "2020-01-02", "--json")
    assert (ran.code, ran.document["reopened"]) == (0, 0)
    collector = plant.collector
    assert collector is not None
    desk = collector._desks[Kind.REQUEST]
    assert isinstance(desk, Desk)
    wait_until(lambda: bool(desk.recollections), "the daemon hears of it")


def test_the_options_are_checked(headend: Headend, site: Path) -> None:
    assert headend("--config", site, "read", "m1", "--wait", "soon").code == 2
    assert headend("read", "--link", "tcp://x:1", "--protocol", "dlt645", "--address", "1", "--direct", "1").code == 2


def test_an_area_is_pinged_by_the_daemon(
    headend: Headend, site: Path, plant: Running, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(conninfo) as db:
        db.execute("INSERT INTO area (name) VALUES ('A')")
        db.execute("INSERT INTO usage_point (name) VALUES ('p1'), ('p2'), ('p3')")
        db.execute(
            """INSERT INTO meter_installation (usage_point_id, meter_id, "from")
               SELECT p.id, m.id, now() - interval '1 day' FROM usage_point p
               JOIN meter m ON substr(p.name, 2) = substr(m.name, 2)"""
        )
        db.execute(
            """INSERT INTO area_point (usage_point_id, area_id, "from")
               SELECT p.id, a.id, now() - interval '1 day' FROM usage_point p CROSS JOIN area a"""
        )
    ping = ["--config", site, "outages", "ping", "A", "--json"]
    with monkeypatch.context() as patched:
        patched.setattr("headend.events.ping.ping", lambda *_: pytest.fail("the line was opened a second time"))
        asked = headend(*ping).documents[0]
        bad = headend(*ping, "--wait", "long")
    direct = headend(*ping, "--direct").documents[0]
    assert asked == direct == {"ping": {"area": "A", "meters": 3, "answered": 2}}
    assert (bad.code, bad.document["error"]["kind"]) == (2, "usage")
    with psycopg.connect(conninfo) as db:
        rows = db.execute("SELECT kind, state, error->>'kind' FROM request ORDER BY id").fetchall()
    assert rows == [("ping", "done", None), ("ping", "done", None), ("ping", "failed", "no_answer")]
