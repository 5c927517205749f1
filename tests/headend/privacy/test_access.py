"""Who is given readings is written down before they are given; and points that are forgotten."""

from __future__ import annotations

import asyncio
import os
import pwd
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from headend.registry.files import one_meter
from storage.entries import Additions, NewInstallation, NewUsagePoint
from storage.registry import Registry
from storage.writer import Writer
from tests.headend.command import Headend
from tests.ports import free_port
from tests.storage.captures import capture

T0 = datetime(2026, 3, 1, 4, 0, tzinfo=UTC)  # noon in Shanghai
OURSELVES = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def watched(site: Path, conninfo: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A site with access_log, a meter at a point, and four captures of it."""

    async def store() -> None:
        cells = {
            "address": "1",
            "model": "dlt645_2007",
            "line": "bus",
            "link": f"tcp://127.0.0.1:{free_port()}",
            "framing": "",
        }
        async with Registry(conninfo) as known, Writer(conninfo) as writer:
            await known.add(one_meter(Additions(), "m1", cells))
            point = NewUsagePoint(name="p1", address="1 Long Lane", options={"customer": "Wang"})
            stay = NewInstallation(point="p1", meter="m1", start=T0 - timedelta(days=1))
            await known.add(Additions(points=(point,), installations=(stay,)))
            number = (await known.meter("m1")).id
            await writer.write([capture(number, T0 + n * timedelta(hours=1)) for n in range(4)])

    asyncio.run(store())
    monkeypatch.setenv("HEADEND_ACTOR", "li")
    site.write_text(site.read_text() + "[privacy]\naccess_log = true\n")
    return site


def test_every_way_to_readings_is_written_down(headend: Headend, watched: Path, tmp_path: Path) -> None:
    config = ("--config", watched)
    span = ("--from", T0.isoformat(), "--to", (T0 + timedelta(hours=3)).isoformat())
    assert headend("readings", "m1", *span, *config, "--format", "csv", "-o", tmp_path / "r.csv").code == 0
    assert headend("readings", "m1", *span, *config, "--level", "hour").code == 0
    assert headend("point", "use", "p1", *span, *config).code == 0
    assert headend("meter", "show", "m1", *config).code == 0
    assert headend("read", "--direct", *config, "m1", "active_energy_import").code == 1, "nobody answers"
    assert headend("backup", tmp_path / "b", *config).code == 0
    ran = headend("access", "list", *config, "--json")
    told = [(d["action"], d["meters"], d["by"], d["os_user"]) for d in ran.documents]
    assert told == [
        ("backup", None, "li", OURSELVES),
        *[(action, ["m1"], "li", OURSELVES) for action in ("read", "meter show", "point use", "readings", "readings")],
    ]
    first = ran.documents[-1]
    assert first["detail"] == {"format": "csv", "file": str(tmp_path / "r.csv")}
    assert (first["from"], first["to"]) == ("2026-03-01T04:00:00+00:00", "2026-03-01T07:00:00+00:00")
    assert [d["action"] for d in headend("access", "list", *config, "--json", "--most", "1").documents] == ["backup"]
    assert headend("access", "list", *config, "--by", "nobody", "--json").documents == []
    assert headend("access", "list", *config, "--to", T0.isoformat(), "--json").documents == []
    table = headend("access", "list", *config, "--meter", "m1").out
    assert table.count("m1") == 5
    assert "are not written down" not in table
    assert headend("access", "list", *config, "--meter", "m9").code == 1


def test_the_operating_system_s_user_stands_for_who_says_nothing(
    headend: Headend, watched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HEADEND_ACTOR")
    monkeypatch.setenv("LOGNAME", "somebody-else")
    assert headend("readings", "m1", "--config", watched).code == 0
    (told,) = headend("access", "list", "--config", watched, "--json").documents
    assert (told["by"], told["os_user"]) == (OURSELVES, OURSELVES)


def test_what_cannot_be_written_down_is_not_shown(headend: Headend, watched: Path, conninfo: str) -> None:
    with psycopg.connect(conninfo) as connection:
        connection.execute("ALTER TABLE access_log ADD CONSTRAINT full_disk CHECK (actor <> 'li')")
    ran = headend(
        "readings", "m1", "--from", T0.isoformat(), "--to", T0.replace(day=2).isoformat(), "--config", watched
    )
    assert (ran.code, ran.out) == (1, "")
    assert "full_disk" in ran.err


@pytest.mark.parametrize("name", ["a\nb", "x" * 201])
def test_an_actor_that_is_none(headend: Headend, watched: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv("HEADEND_ACTOR", name)
    ran = headend("readings", "m1", "--config", watched)
    assert (ran.code, "HEADEND_ACTOR: expected a name" in ran.err) == (2, True)


def test_nothing_is_written_down_unless_it_is_asked_for(headend: Headend, watched: Path) -> None:
    watched.write_text(watched.read_text().replace("access_log = true", "access_log = false"))
    assert headend("readings", "m1", "--config", watched).code == 0
    assert headend("access", "list", "--config", watched, "--json").documents == []
    assert "privacy.access_log is false" in headend("access", "list", "--config", watched).out


def test_retention_of_the_log(headend: Headend, watched: Path) -> None:
    assert headend("readings", "m1", "--config", watched).code == 0
    watched.write_text(watched.read_text() + "[retention]\naccess = '1ms'\n")
    assert headend("store", "retention", "--config", watched).code == 0
    assert headend("access", "list", "--config", watched, "--json").documents == []


def test_a_point_is_forgotten(headend: Headend, watched: Path) -> None:
    config = ("--config", watched)
    forget = ("point", "forget", "p1", *config)
    assert headend(*forget, "--reason", "moved out").code == 2, "whether readings are kept has to be said"
    assert headend(*forget, "--readings", "keep", "--reason", " ").code == 2
    assert headend(*forget, "--readings", "keep", "--reason", "x", "--until", T0.isoformat()).code == 2
    until = (T0 + timedelta(hours=2)).isoformat()
    ran = headend(
        *forget, "--readings", "delete", "--until", until, "--rename", "p-1", "--reason", "moved out", "--json"
    )
    assert ran.document == {"point": "p-1", "readings": "delete", "until": "2026-03-01T06:00:00+00:00", "captures": 2}
    shown = headend("point", "show", "p-1", *config, "--json").document
    assert (shown["address"], shown["options"], [m["name"] for m in shown["meters"]]) == (None, {}, ["m1"])
    assert headend(*forget, "--readings", "keep", "--reason", "again").code == 1
    (told,) = headend("access", "forgotten", *config, "--json").documents
    assert (told["point"], told["by"], told["reason"], told["captures"]) == ("p-1", "li", "moved out", 2)
    assert "moved out" in headend("access", "forgotten", *config).out
