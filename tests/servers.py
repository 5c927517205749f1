"""Real servers for tests: PostgreSQL (embedded, and with TimescaleDB in a chroot) and mosquitto.

`.ci/services.sh` provides what the machine lacks. A missing server skips its tests with the reason; with
CI=true they fail.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final, NoReturn

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from storage.embedded import Server
from storage.errors import ServerError
from storage.migrate import migrate
from storage.roles import provide
from tests.place import DISK, quick
from tests.ports import free_port

_TEMPLATE = "headend_template"
_PATIENCE_S = 120.0
_QUICK: Final[Mapping[str, str]] = MappingProxyType({"fsync": "off", "max_wal_size": "256MB"})
"""Server settings for tests that lose nothing when the machine goes down; benchmarks give others."""


def missing(reason: str) -> NoReturn:
    """Skip, or fail where CI=true: there nothing may be skipped silently."""
    if os.environ.get("CI") == "true":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = _PATIENCE_S) -> None:
    """Poll for something that another process does; fails when it does not come."""
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.01)


@contextmanager
def open_directory(place: Path | None = None) -> Iterator[Path]:
    """A directory that another user can walk to (pytest's own are closed to all but us); removed with what is in it."""
    path = Path(tempfile.mkdtemp(prefix="headend-test-", dir=place or quick()))
    path.chmod(0o755)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@dataclass
class PostgresServer:
    """A running server; `conninfo` reaches its maintenance database."""

    conninfo: str
    _has_template: bool = False

    def database(self, name: str) -> str:
        return make_conninfo(self.conninfo, dbname=name)

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute(statement.encode())

    async def template(self) -> str:
        """The name of a migrated database to copy from."""
        if not self._has_template:
            self.execute(f"CREATE DATABASE {_TEMPLATE}")
            await migrate(self.database(_TEMPLATE))
            await provide(self.database(_TEMPLATE))
            # Nobody connects any more, TimescaleDB's launcher neither: a database in use cannot be copied.
            self.execute(f"ALTER DATABASE {_TEMPLATE} ALLOW_CONNECTIONS false")
            self.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{_TEMPLATE}'")
            self._has_template = True
        return _TEMPLATE

    @contextmanager
    def fresh(self, template: str = "template0") -> Iterator[str]:
        """A database of one test, as conninfo. Not from template1: TimescaleDB's launcher looks into it at times."""
        name = f"test_{secrets.token_hex(6)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        try:
            yield self.database(name)
        finally:
            self.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def plain_server(settings: Mapping[str, str] = _QUICK, place: Path = DISK) -> Iterator[PostgresServer]:
    """PostgreSQL without extensions, from a local package or the wheel. `settings`: such that a reload takes up.

    `place`: where its data lies, on the disk unless somebody asks for another.
    """
    with open_directory(place) as directory:
        try:
            server = Server(directory / "postgres")
            server.start()
        except ServerError as error:
            missing(f"no embedded PostgreSQL: {error}")
        try:
            running = PostgresServer(server.conninfo_for("postgres"))
            for name, value in settings.items():
                running.execute(f"ALTER SYSTEM SET {name} = '{value}'")
            running.execute("SELECT pg_reload_conf()")
            yield running
        finally:
            server.stop(even_if_used=True)


def timescale_root() -> Path:
    """The chroot that `.ci/services.sh` built; skips or fails where there is none."""
    cache = Path(os.environ.get("HEADEND_SERVICES", "/var/cache/headend-services"))
    root = cache / "postgresql-17-timescaledb"
    if not (root / ".headend-recipe").exists():
        missing(f"no TimescaleDB in {root}: run .ci/services.sh as root on Debian 12")
    if os.geteuid() != 0:
        missing("TimescaleDB stands in a chroot, which only root may enter")
    return root


@contextmanager
def timescale_server(settings: Mapping[str, str] = _QUICK, place: Path = DISK) -> Iterator[PostgresServer]:
    """PostgreSQL 17 with TimescaleDB (Apache edition), a server of our own on a loopback port.

    `place`: where its data lies; it is seen in the chroot where we may mount, else the data lies on the disk.
    """
    root = timescale_root()
    inside = f"/var/lib/postgresql/test-{secrets.token_hex(6)}"
    data_dir = root / inside.lstrip("/")
    port = free_port()
    enter = ["chroot", "--userspec=postgres:postgres", str(root), "env", "-i", "LANG=C.UTF-8", "HOME=/tmp",
             "PATH=/usr/lib/postgresql/17/bin:/usr/bin:/bin"]  # fmt: skip
    all_settings = {
        "listen_addresses": "127.0.0.1", "port": str(port), "unix_socket_directories": "",
        "shared_preload_libraries": "timescaledb", "timescaledb.telemetry_level": "off", "jit": "off",
        "shared_buffers": "128MB", "dynamic_shared_memory_type": "mmap",  # no /dev/shm in the chroot
        **settings,
    }  # fmt: skip
    options = [word for name, value in all_settings.items() for word in ("-c", f"{name}={value}")]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, data_dir, ignore_errors=True)
        if place != DISK:
            source, owner = stack.enter_context(open_directory(place)), data_dir.parent.stat()
            data_dir.mkdir()
            for path in (source, data_dir):
                os.chown(path, owner.st_uid, owner.st_gid)
            enter = [*_with_mounted(source, data_dir), *enter]
        # initdb tries the settings that it will write down: it too must do without /dev/shm
        made = subprocess.run(
            [*enter, "initdb", "-D", inside, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C",
             "--no-sync", "-c", "dynamic_shared_memory_type=mmap"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode != 0:
            missing(f"initdb in {root}: {made.stderr}")
        log = stack.enter_context((root / "tmp" / f"{data_dir.name}.log").open("w+"))
        stack.callback(Path(log.name).unlink)
        process = subprocess.Popen([*enter, "postgres", "-D", inside, *options], stdout=log, stderr=log)
        stack.callback(_end, process, signal.SIGINT)
        conninfo = make_conninfo(host="127.0.0.1", port=port, user="postgres", dbname="postgres")
        with suppress(TimeoutError):
            wait_until(lambda: process.poll() is not None or _answers(conninfo), "TimescaleDB does not answer")
        if not _answers(conninfo):
            log.seek(0)
            missing(f"TimescaleDB in {root} does not run: {log.read()[-2000:]}")
        yield PostgresServer(conninfo)


def _with_mounted(source: Path, target: Path) -> list[str]:
    """The beginning of a command that sees `source` at `target`, it and its children alone: nothing stays mounted when
    they have ended. Empty where we may not mount."""
    mount = 'mount --bind "$0" "$1" && shift && exec "$@"'
    command = ["unshare", "--mount", "sh", "-c", mount, str(source), str(target)]
    return command if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0 else []


@dataclass
class Mosquitto:
    """A broker with a persistent store of its own; `stop`, `kill` and `start` keep the port and the store."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] | None = None

    host = "127.0.0.1"

    @property
    def url(self) -> str:
        return f"mqtt://{self.host}:{self.port}"

    def start(self, extra: str = "") -> None:
        """`extra`: further lines of configuration."""
        program = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if program is None:
            missing("no mosquitto: run .ci/services.sh as root on Debian 12")
        config = self.directory / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} {self.host}\nallow_anonymous true\nuser {pwd.getpwuid(os.geteuid()).pw_name}\n"
            f"persistence true\npersistence_location {self.directory}/\nmax_queued_messages 0\n"
            f"log_dest file {self.directory}/mosquitto.log\n{extra}\n"
        )
        process = subprocess.Popen([program, "-c", config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.process = process
        wait_until(lambda: process.poll() is not None or self._listens(), "mosquitto does not listen")
        if process.poll() is not None:
            missing(f"mosquitto does not run: {(self.directory / 'mosquitto.log').read_text()[-2000:]}")

    def stop(self) -> None:
        """End it in good order: it saves its store."""
        if self.process is not None:
            _end(self.process, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            _end(self.process, signal.SIGKILL)

    def _listens(self) -> bool:
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
        except OSError:
            return False
        return True


def _answers(conninfo: str) -> bool:
    try:
        with psycopg.connect(conninfo, connect_timeout=5) as connection:
            return connection.execute("SELECT 1").fetchone() == (1,)
    except psycopg.OperationalError:
        return False


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    if process.poll() is None:
        process.send_signal(number)
        try:
            process.wait(_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
