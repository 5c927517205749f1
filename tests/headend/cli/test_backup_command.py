"""`headend backup`, `headend restore`, `headend replay --spool`."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path

import psycopg

from storage.migrate import birth
from storage.spool.batch import Batch
from storage.spool.segment import segments_in
from storage.spool.spool import Spool
from storage.writer import Miss
from tests.conftest import Servers
from tests.headend.command import Headend
from tests.headend.conftest import configuration
from tests.storage.backup.contents import contents, fill
from tests.storage.captures import T0, capture


def test_there_and_back(headend: Headend, site: Path, conninfo: str, servers: Servers, tmp_path: Path) -> None:
    asyncio.run(fill(conninfo))
    directory = tmp_path / "backup"
    made = headend("--config", site, "--json", "backup", directory)
    assert made.code == 0
    assert (made.document["tables"]["meter"], made.document["level"]) == (9, "plain")
    assert headend("restore", "--check", directory, "--json").document["restored"] is False
    with servers("plain").fresh() as empty:
        other = tmp_path / "other.toml"
        other.write_text(configuration(empty))
        ran = headend("--config", other, "restore", directory, "--json")
        assert ran.code == 0
        assert ran.document == made.document | {"restored": True}
        assert contents(empty) == contents(conninfo)
        again = headend("--config", other, "restore", directory, "--json")
        assert (again.code, again.document["error"]["kind"]) == (1, "failed")
        assert "the database is not empty" in again.err
    people = headend("--config", site, "backup", tmp_path / "for people")
    assert f"{made.document['rows']} rows of" in people.out


def test_what_is_no_backup(headend: Headend, site: Path, conninfo: str, tmp_path: Path) -> None:
    for arguments in (["restore", tmp_path], ["restore", "--check", tmp_path / "none"]):
        ran = headend("--config", site, *arguments)
        assert ran.code == 1
        assert "no manifest.json: this is no backup" in ran.err
    ran = headend("--config", site, "backup", site)
    assert ran.code == 1
    assert "is there already and not empty" in ran.err


def batch(meter: int) -> Batch:
    captures = [capture(meter, T0 + timedelta(minutes=15 * n)) for n in range(10)]
    return Batch.of(captures, [Miss(meter, 5, T0, "no_answer", T0)])


def test_a_spool_by_hand(headend: Headend, site: Path, conninfo: str, tmp_path: Path) -> None:
    """Twice: the second time says nothing new. A damaged segment and one of another database are told."""
    database = asyncio.run(birth(conninfo))
    place = tmp_path / "disk" / "spool"
    spool = Spool(place, 1_000_000, database, lambda: 0)
    spool.append(batch(1))
    spool.append(batch(2))
    spool.close()
    for round_, stored in ((1, 20), (2, 0)):
        ran = headend("--config", site, "--json", "replay", "--spool", place)
        assert (ran.code, ran.document["captures"], ran.document["misses"]) == (0, 20, 2), round_
        assert (ran.document["stored"], ran.document["duplicates"]) == (stored, 20 - stored)
    assert len(segments_in(place)) == 1, "files stay"
    (path,) = segments_in(place)
    data = bytearray(path.read_bytes())
    data[100] ^= 1
    path.write_bytes(data)
    theirs = Spool(place, 1_000_000, 0, lambda: 0)
    theirs._database = database + 1
    theirs.append(batch(3))
    theirs.close()
    ran = headend("--config", site, "--json", "replay", "--spool", place)
    assert (ran.code, ran.document["segments"], ran.document["captures"], ran.document["damaged"]) == (1, 2, 10, 1)
    problems = sorted(ran.document["problems"].values())
    assert problems == ["1 stretches are damaged", "it belongs to another database"]
    ran = headend("--config", site, "--json", "replay", "--spool", place, "--any-database")
    assert (ran.document["captures"], ran.document["stored"]) == (20, 10)
    one = headend("--config", site, "replay", "--spool", path)
    assert one.code == 1
    assert "1 stretches are damaged" in one.out
    with psycopg.connect(conninfo) as connection:
        assert connection.execute("SELECT count(*) FROM capture").fetchone() == (30,)
        assert connection.execute("SELECT count(*) FROM miss").fetchone() == (3,)


def test_a_spool_that_is_in_use_or_not_there(headend: Headend, site: Path, conninfo: str, tmp_path: Path) -> None:
    ran = headend("--config", site, "replay", "--spool")
    assert (ran.code, "spool.directory: there is none" in ran.err) == (2, True)
    ran = headend("--config", site, "replay", "--spool", tmp_path / "none")
    assert (ran.code, "No such file" in ran.err) == (1, True)
    spool = Spool(tmp_path / "spool", 1_000_000, 1, lambda: 0)
    ran = headend("--config", site, "replay", "--spool", tmp_path / "spool")
    assert (ran.code, "another process has this spool" in ran.err) == (1, True)
    spool.close()
