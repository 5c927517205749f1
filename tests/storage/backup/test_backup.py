"""Out of one database and into an empty one, of every level: every table is the same, and numbers go on."""

from __future__ import annotations

import asyncio
import errno
import os
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec
import psycopg
import pytest

from storage.backup.dump import backup
from storage.backup.manifest import Manifest, read, verify
from storage.backup.restore import restore
from storage.embedded import Server
from storage.errors import BackupFault, DatabaseUnreachable
from storage.migrate import birth, check, migrate
from storage.writer import Writer
from tests.conftest import LEVELS, Servers
from tests.ports import free_port
from tests.servers import open_directory
from tests.storage.backup.contents import contents, fill, next_numbers
from tests.storage.captures import T0, capture, slots


@pytest.fixture
def empty(servers: Servers) -> Iterator[str]:
    with servers("plain").fresh() as conninfo:
        yield conninfo


@pytest.mark.parametrize("into", LEVELS)
async def test_every_table_is_the_same_again(database: str, servers: Servers, into: str, tmp_path: Path) -> None:
    """From each level into each."""
    await fill(database)
    told: list[tuple[str, int, int]] = []
    before = contents(database)
    made = await backup(database, tmp_path / "backup", lambda *word: told.append(word))
    assert contents(database) == before
    assert made == read(tmp_path / "backup")
    assert made.rows == sum(count for table, (count, _) in before.items() if table != "migration") > 200
    assert [file.rows for table in made.tables if table.name == "capture" for file in table.files] == [72, 72, 1, 72]
    assert {table for table, _, _ in told} == before.keys() - {"migration"}
    with servers(into).fresh() as target:
        await restore(target, tmp_path / "backup")
        assert contents(target) == before
        assert next_numbers(target) == next_numbers(database)
        assert await birth(target) == await birth(database)
        assert str(await check(target)).startswith(into)
        async with Writer(target) as writer:  # it is a database like any other
            written = await writer.write([*slots(9, 8), capture(1, T0 + timedelta(days=3))])
            assert (written.stored, written.duplicates) == (1, 72)
        again = await backup(target, tmp_path / "again")
        assert {table.name: table.rows for table in again.tables}["capture"] == 72 * 3 + 1 + 1


@pytest.mark.postgres
async def test_into_and_out_of_an_embedded_server(plain_database: str, tmp_path: Path) -> None:
    await fill(plain_database)
    await backup(plain_database, tmp_path / "backup")
    with open_directory() as folder, Server(folder / "database") as server:
        await restore(server.conninfo, tmp_path / "backup")
        assert contents(server.conninfo) == contents(plain_database)
        await backup(server.conninfo, tmp_path / "again")
    assert read(tmp_path / "again").tables == read(tmp_path / "backup").tables


@pytest.mark.postgres
async def test_a_backup_is_one_moment(plain_database: str, tmp_path: Path) -> None:
    """What is committed while it runs is in none of its files."""
    await fill(plain_database)
    before = contents(plain_database)

    def meanwhile(table: str, rows: int, size: int) -> None:
        with psycopg.connect(plain_database, autocommit=True) as other:
            other.execute("INSERT INTO line (name, url, protocol) VALUES (%s, 'x', 'x')", (f"late {os.urandom(8)!r}",))
            other.execute("UPDATE miss SET reason = 'late'")

    await backup(plain_database, tmp_path / "backup", meanwhile)
    with psycopg.connect(plain_database) as connection:
        late = connection.execute("SELECT max(id) FROM line").fetchone()
    assert late
    made = read(tmp_path / "backup")
    assert {table.name: table.rows for table in made.tables}["line"] == before["line"][0]
    (line,) = [one for one in made.sequences if one.table == "line"]
    assert before["line"][0] < line.last <= late[0], "no number is given twice"


@pytest.mark.postgres
async def test_into_a_database_that_was_only_set_up(plain_database: str, empty: str, tmp_path: Path) -> None:
    await fill(plain_database)
    await backup(plain_database, tmp_path / "backup")
    await migrate(empty)
    await restore(empty, tmp_path / "backup")
    assert contents(empty) == contents(plain_database)


@pytest.mark.postgres
async def test_what_is_there_is_never_touched(plain_database: str, tmp_path: Path) -> None:
    await fill(plain_database)
    await backup(plain_database, tmp_path / "backup")
    before = contents(plain_database)
    with pytest.raises(BackupFault, match="the database is not empty: there are rows in"):
        await restore(plain_database, tmp_path / "backup")
    assert contents(plain_database) == before
    with pytest.raises(BackupFault, match="is there already and not empty"):
        await backup(plain_database, tmp_path / "backup")
    verify(tmp_path / "backup", read(tmp_path / "backup"))


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


DAMAGE: Final[dict[str, tuple[Callable[[Path], object], str]]] = {
    "no manifest": (lambda d: (d / "manifest.json").unlink(), "no manifest.json: this is no backup"),
    "manifest altered": (lambda d: flip(d / "manifest.json"), "manifest.json: altered"),
    "manifest cut": (lambda d: (d / "manifest.json").write_bytes(b"{"), "manifest.json: altered"),
    "file missing": (lambda d: (d / "line.copy.gz").unlink(), "line.copy.gz: missing"),
    "file altered": (lambda d: flip(d / "capture" / "2026-03-01.copy.gz"), "2026-03-01.copy.gz: altered"),
    "file cut": (lambda d: os.truncate(d / "miss.copy.gz", 10), "miss.copy.gz: 10 bytes, expected"),
}


@pytest.mark.postgres
@pytest.mark.parametrize("kind", DAMAGE)
async def test_a_damaged_backup_is_refused_before_anything_is_changed(
    plain_database: str, empty: str, tmp_path: Path, kind: str
) -> None:
    await fill(plain_database)
    await backup(plain_database, tmp_path / "backup")
    damage, said = DAMAGE[kind]
    damage(tmp_path / "backup")
    with pytest.raises(BackupFault, match=said):
        await restore(empty, tmp_path / "backup")
    assert contents(empty) == {}


@pytest.mark.postgres
async def test_versions(plain_database: str, empty: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a later program, of other contents, of another format: refused. Of an earlier program: brought up to date."""
    made = await backup(plain_database, tmp_path / "backup")

    async def refusal(changed: Manifest) -> str:
        monkeypatch.setattr("storage.backup.restore.read", lambda _: changed)
        with pytest.raises(BackupFault) as caught:
            await restore(empty, tmp_path / "backup")
        return str(caught.value)

    last = made.migrations[-1]
    later = msgspec.structs.replace(last, version=9999, name="flying_cars")
    assert "does not know" in await refusal(msgspec.structs.replace(made, migrations=[*made.migrations, later]))
    other = msgspec.structs.replace(last, checksum="0")
    assert "other than ours" in await refusal(msgspec.structs.replace(made, migrations=[*made.migrations[:-1], other]))
    assert contents(empty) == {}
    with psycopg.connect(plain_database) as connection:
        assert connection.execute("SELECT count(*) FROM migration").fetchone() == (len(made.migrations),)


@pytest.mark.postgres
async def test_a_backup_of_an_earlier_program(
    servers: Servers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unchecked(conninfo: str) -> None:
        """The earlier program's own check would have passed."""

    with servers("plain").fresh() as earlier, servers("plain").fresh() as target:
        await migrate(earlier, upto=5)
        with psycopg.connect(earlier, autocommit=True) as connection:
            connection.execute("INSERT INTO line (name, url, protocol) VALUES ('old', 'x', 'dlt645')")
        monkeypatch.setattr("storage.backup.dump.check", unchecked)
        await backup(earlier, tmp_path / "backup")
        await restore(target, tmp_path / "backup")
        await check(target)
        with psycopg.connect(target) as connection:
            assert connection.execute("SELECT name FROM line").fetchall() == [("old",)]


@pytest.mark.postgres
async def test_a_disk_without_room_leaves_nothing(
    plain_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(plain_database)

    def full(number: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("storage.backup.dump.os.fsync", full)
    with pytest.raises(OSError, match="No space left"):
        await backup(plain_database, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()


@pytest.mark.postgres
async def test_a_restore_that_is_cut_off_leaves_no_row(plain_database: str, empty: str, tmp_path: Path) -> None:
    await fill(plain_database)
    await backup(plain_database, tmp_path / "backup")

    def end(table: str, rows: int, size: int) -> None:
        if table == "capture":
            raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        await restore(empty, tmp_path / "backup", end)
    with psycopg.connect(empty) as connection:
        assert connection.execute("SELECT count(*) FROM capture").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM meter").fetchone() == (0,)
    await restore(empty, tmp_path / "backup")
    assert contents(empty) == contents(plain_database)


async def test_a_database_that_is_away(tmp_path: Path) -> None:
    conninfo = f"host=127.0.0.1 port={free_port()} user=nobody dbname=none"
    with pytest.raises(DatabaseUnreachable):
        await backup(conninfo, tmp_path / "backup")
    assert not (tmp_path / "backup").exists()
