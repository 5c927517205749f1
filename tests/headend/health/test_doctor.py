"""`headend check` as a doctor: what is wrong is found, and told with what to do."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from headend.config import parse
from headend.health import doctor
from headend.health.finding import Finding
from headend.health.host_clock import Discipline
from storage.entries import Daemon
from storage.health import Unrolled
from storage.leases import Tenure
from storage.migrate import migrate, migrations, pending
from storage.registry import Registry
from storage.retention import Part
from storage.writer import Writer
from tests.conftest import Servers
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.storage.captures import capture

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
GOOD = {
    "synchronous_commit": "on", "fsync": "on", "full_page_writes": "on", "max_connections": "100",
    "superuser_reserved_connections": "3", "TimeZone": "Asia/Shanghai", "server_version": "17.2",
}  # fmt: skip


def part(start: datetime) -> Part:
    return Part("captures", f"capture_{start:%Y%m%d}", start, start + DAY, 8192)


def daemon(seen: datetime, **counters: object) -> Daemon:
    return Daemon(name="d", pid=7, host="h", started=NOW - DAY, seen=seen, counters=counters)


SEVERITIES: dict[str, tuple[Callable[[], Finding], str, str]] = {
    "clock in order": (lambda: doctor.clock(Discipline(True, 0.002)), "ok", "0.002 s"),
    "clock that nobody sets": (lambda: doctor.clock(Discipline(False, 16.0)), "warning", "not synchronised"),
    "clock far off": (lambda: doctor.clock(Discipline(True, 9.0)), "warning", "may be wrong by 9.0 s"),
    "clock not told": (lambda: doctor.clock(Discipline(None)), "ok", "does not tell"),
    "room": (lambda: doctor.room("d", "x", 50 * 10**9, 100 * 10**9), "ok", "50.0 of 100.0 GB"),
    "little room": (lambda: doctor.room("d", "x", 4 * 10**9, 100 * 10**9), "warning", "4.0 of"),
    "no room": (lambda: doctor.room("d", "x", 10**7, 100 * 10**9), "error", "it is full"),
    "no captures": (lambda: doctor.captures([], NOW), "ok", "none yet"),
    "captures": (lambda: doctor.captures([part(NOW - DAY), part(NOW)], NOW), "ok", "2 partitions, from 2026-02-28"),
    "a clock ahead": (lambda: doctor.captures([part(NOW), part(NOW + 9 * DAY)], NOW), "warning", "1 of them in the"),
    "rolled": (lambda: doctor.rollups(Unrolled(None, 0)), "ok", "all that is over"),
    "not rolled": (lambda: doctor.rollups(Unrolled(NOW, 5)), "warning", "5 hours wait"),
    "no letters": (lambda: doctor.letters({}), "ok", "none"),
    "letters": (lambda: doctor.letters({"quarantined": 2, "dead": 1}), "warning", "1 dead, 2 quarantined"),
    "lives": (lambda: doctor.daemons([daemon(NOW - timedelta(seconds=3))], NOW)[0], "ok", "process 7 of h"),
    "ended": (lambda: doctor.daemons([daemon(NOW - DAY, stopped=True)], NOW)[0], "ok", "ended in order"),
    "stale": (lambda: doctor.daemons([daemon(NOW - DAY)], NOW)[0], "warning", "did not end in order"),
    "never": (lambda: doctor.daemons([], NOW)[0], "ok", "none has run"),
    "held": (lambda: doctor.leases([Tenure("a", "d", 1)]), "ok", "1 of 1"),
    "not held": (lambda: doctor.leases([Tenure("a", "d", 1), Tenure("b", None, None)]), "warning", "nobody holds b"),
    "durable": (lambda: doctor.settings(GOOD, 5)[0], "ok", "commits are durable"),
    "not durable": (lambda: doctor.settings(GOOD | {"fsync": "off"}, 5)[0], "warning", "off: fsync"),
    "local": (lambda: doctor.settings(GOOD | {"synchronous_commit": "local"}, 5)[0], "warning", "standbys"),
    "connections": (lambda: doctor.settings(GOOD, 77)[1], "ok", "77 of 97"),
    "few connections": (lambda: doctor.settings(GOOD, 78)[1], "warning", "78 of 97"),
}


@pytest.mark.parametrize("case", SEVERITIES)
def test_how_grave_it_is(case: str) -> None:
    make, severity, said = SEVERITIES[case]
    found = make()
    assert (found.severity, said in found.detail) == (severity, True), found
    assert bool(found.remedy) == (severity != "ok"), "whatever is not in order has something to do"


def test_a_disk_that_will_stand_there_later(tmp_path: Path) -> None:
    found = doctor.disk("disk", tmp_path / "not" / "yet")
    assert str(tmp_path / "not" / "yet") in found.detail
    assert " GB are free" in found.detail


def test_retention_shorter_than_the_horizon() -> None:
    text = configuration("dbname=nowhere") + "[retention]\ncaptures = '20d'\nmisses = '40d'\n"
    (found,) = doctor.retention(parse(text, "x.toml"))
    assert (found.subject, found.severity) == ("retention, plan curve", "warning")
    assert "30d back, but captures are kept for less" in found.detail
    assert doctor.retention(parse(text.replace("20d", "30d"), "x.toml")) == []


def test_all_of_it_through_the_command(headend: Headend, site: Path, conninfo: str) -> None:
    async def prepare() -> None:
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            await known.beat(daemon(NOW))
            await writer.write([capture(1, NOW), capture(1, datetime.now(UTC) + 30 * DAY)])

    asyncio.run(prepare())
    with psycopg.connect(conninfo, autocommit=True) as connection:
        name = connection.info.dbname
        connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off'.encode())
        connection.execute(
            "INSERT INTO dead_letter (digest, push, topic, fields, payload, repeated, reason, detail, meters, state,"
            " received, last) VALUES ('x', 'p', 't', '{}', '', false, 'r', '', '{}', 'dead', now(), now())"
        )
    ran = headend("check", "--config", site, "--json")
    told = {d["subject"]: d for d in ran.documents}
    warned = {subject for subject, d in told.items() if d["severity"] == "warning"} - {"clock", "connections"}
    assert warned == {
            "database settings", "dead letters", "rollups", "captures", "daemon d", "daemon's role",
        }  # fmt: skip
    assert (ran.code, all(d["ok"] for d in ran.documents)) == (0, True), "a warning stops nobody"
    assert "what to do" in headend("check", "--config", site).out
    assert told["database"]["remedy"] is None


def test_what_an_upgrade_would_do(headend: Headend, servers: Servers, tmp_path: Path) -> None:
    steps = 0
    with servers("plain").fresh() as conninfo:
        site = tmp_path / "headend.toml"
        site.write_text(configuration(conninfo))
        empty = headend("check", "--upgrade", "--config", site, "--json").document
        steps = len(empty["pending"])
        assert (empty["level"], empty["applied"], empty["pending"][0]) == ("plain", 0, "0001_quantities")
        asyncio.run(migrate(conninfo, upto=9))
        ran = headend("check", "--upgrade", "--config", site, "--json")
        assert (ran.code, ran.document["applied"], ran.document["pending"][0]) == (0, 9, "0010_event")
        assert len(ran.document["pending"]) == steps - 9
        assert "pending: 0010_event" in headend("check", "--upgrade", "--config", site).out
        ran = headend("check", "--config", site, "--json")
        assert ran.code == 1, "nothing was changed"
        (lacking,) = [d for d in ran.documents if d["severity"] == "error"]
        assert (lacking["subject"], "--upgrade" in lacking["remedy"]) == ("database", True)
        asyncio.run(migrate(conninfo))
        found = asyncio.run(pending(conninfo))
        assert (found.applied, found.steps, found.vocabulary) == (len(migrations(found.level)), (), 0)
        assert "nothing is pending" in headend("check", "--upgrade", "--config", site).out
