"""A PostgreSQL server of our own, in a data directory of our own: no installation, no port, no password.

It listens on a Unix socket inside the data directory (mode 0700), so who may not read the
directory may not connect. It runs in a session of its own and outlives us when we are killed; the next `start` finds it
again.
"""

from __future__ import annotations

import fcntl
import logging
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, TextIO

import psycopg

from storage import binaries, cluster, postmaster
from storage.account import HOME, Account, account_for
from storage.errors import ServerError

log = logging.getLogger(__name__)

DATABASE: Final = "headend"
_PORT: Final = 5432  # only names the socket's file
_SOCKET_LIMIT: Final = 107  # bytes in sockaddr_un.sun_path
_LOG_LIMIT: Final = 16 * 1024 * 1024
_POLL: Final = 0.05


class Server:
    """One data directory and the server in it. Blocking: from asyncio call it through `asyncio.to_thread`.

    `start` may be called again at any time: it finds a running server or starts one. Several processes may use the same
    directory: the one that started the server stops it, unless others still use it, connected or between two
    connections; then the last one does.
    """

    def __init__(self, data_dir: Path, *, bindir: Path | None = None, wait_s: float = 60.0) -> None:
        """`bindir`: where `initdb` and `postgres` lie. `wait_s`: how long a start or crash recovery may take."""
        self.data_dir = data_dir.absolute()
        self._bindir = bindir
        self._wait_s = wait_s
        self._process: subprocess.Popen[bytes] | None = None
        self._use: TextIO | None = None
        self.started_here = False

    def __enter__(self) -> Server:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def conninfo(self) -> str:
        """How to reach database `headend` in it. Raises `ServerError` when it does not run."""
        return self.conninfo_for(DATABASE)

    def conninfo_for(self, database: str) -> str:
        """How to reach another database of this server. Raises `ServerError` when it does not run."""
        running = postmaster.read_pid_file(self._real)
        if running is None or not running.socket_dir:
            raise ServerError(f"no server runs in {self.data_dir}")
        return psycopg.conninfo.make_conninfo(
            host=running.socket_dir, port=running.port, user="postgres", dbname=database
        )

    @property
    def pid(self) -> int | None:
        """The postmaster's process; None when the server does not answer."""
        running = postmaster.read_pid_file(self._real)
        return running.pid if running is not None and self._answers() else None

    def start(self) -> str:
        """Find the running server or start one; returns `conninfo`. It has answered `SELECT 1` when this returns.

        Raises `ServerError` (`VersionMismatch`: the directory belongs to another major version).
        """
        with self._lock():
            found = self._wait_for_running()
            if self._process is not None and self._process.poll() is not None:
                self._forget()  # ours died; what answers now, if anything, is another's
            if not found:
                self._launch()
            self._ensure_database()
            if self._use is None:
                self._use = self._beside("use").open("a")
                fcntl.flock(self._use, fcntl.LOCK_SH)
        return self.conninfo

    def stop(self, *, even_if_used: bool = False) -> bool:
        """Stop the server if it is ours to stop: started here, or its starter is gone. Returns whether it is stopped.

        It is left running while other clients are connected, unless `even_if_used`. Close your own connections first.
        """
        with self._lock():
            if self._use is not None:
                self._use.close()
                self._use = None
            running = postmaster.read_pid_file(self._real)
            if running is None or running.pid not in postmaster.processes_in(self._real):
                self._reap(0.0)
                return True
            if not even_if_used and (not self._ours() or self._others_started() or self._others_connected()):
                log.info("embedded PostgreSQL in %s is left running: others use it", self.data_dir)
                self._forget()
                return False
            self._end(running.pid)
            return True

    # -- running or not ------------------------------------------------------------------------------------------

    @property
    def _real(self) -> Path:
        return self.data_dir.resolve()

    def _answers(self, database: str = "postgres") -> bool:
        """A real `SELECT 1`, from the server of this very directory."""
        try:
            with psycopg.connect(self.conninfo_for(database), connect_timeout=5, autocommit=True) as connection:
                row = connection.execute("SELECT current_setting('data_directory') WHERE 1 = (SELECT 1)").fetchone()
        except (psycopg.OperationalError, ServerError):
            return False
        return row is not None and Path(row[0]).resolve() == self._real

    def _wait_for_running(self) -> bool:
        """True once a server answers; False once nobody runs there, with what a dead one left removed."""
        deadline = time.monotonic() + self._wait_s
        while not self._answers():
            alive = postmaster.processes_in(self._real) if self._real.exists() else []
            if not alive:
                postmaster.remove_stale(self._real)
                return False
            if time.monotonic() > deadline:
                raise ServerError(f"{self.data_dir}: processes {alive} run there and do not answer")
            time.sleep(_POLL)
        return True

    def _launch(self) -> None:
        marker = self._real / "PG_VERSION"
        major = int(marker.read_text(encoding="ascii")) if marker.exists() else None
        found = binaries.find(major, self._bindir)
        account = account_for(self._real)
        found = binaries.reachable(found, account)
        if major is None:
            cluster.create(self.data_dir, found, account)
        closed = account.closed_directory(self._real)
        if closed is not None:
            raise ServerError(
                f"{self.data_dir}: user {account.name}, who runs the server, may not enter {closed}: "
                f"open it (chmod o+x) or choose a directory elsewhere, such as {HOME}"
            )
        log_file = self._real / "server.log"
        with log_file.open("ab") as output:
            account.own(log_file)
            if output.tell() > _LOG_LIMIT:
                output.truncate(0)
            began = output.tell()
            user, group, extra = account.ids
            self._process = subprocess.Popen(  # noqa: S603 -- found by `binaries`
                [found.bindir / "postgres", "-D", self._real, *self._options(account)],
                stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=cluster.environment(),
                user=user, group=group, extra_groups=extra, start_new_session=True,
            )  # fmt: skip
        self.started_here = True
        self._await_ready(log_file, began)
        ticks = postmaster.start_ticks(os.getpid())
        (self._real / "headend.owner").write_text(f"{os.getpid()} {ticks}\n", encoding="ascii")
        log.info("embedded PostgreSQL %s runs in %s as %s", found.major, self.data_dir, account.name)

    def _await_ready(self, log_file: Path, began: int) -> None:
        assert self._process is not None
        deadline = time.monotonic() + self._wait_s
        while not self._answers():
            status = self._process.poll()
            if status is not None or time.monotonic() > deadline:
                with log_file.open("rb") as lines:
                    lines.seek(began)
                    said = lines.read()[-2000:].decode(errors="replace").strip()
                if status is None:
                    self._end(self._process.pid)
                how = f"ended with {status}" if status is not None else f"did not answer within {self._wait_s:g} s"
                raise ServerError(f"PostgreSQL in {self.data_dir} {how}: {said or 'it said nothing'}")
            time.sleep(_POLL)

    def _options(self, account: Account) -> Iterator[str]:
        socket_dir = str(self._real)
        if len(os.fsencode(f"{socket_dir}/.s.PGSQL.{_PORT}")) > _SOCKET_LIMIT:
            short = Path(tempfile.mkdtemp(prefix="headend-", dir="/tmp"))  # mode 0700
            account.own(short)
            socket_dir = str(short)
        quoted = socket_dir.replace('"', '""')
        for setting in (
            "listen_addresses=", f'unix_socket_directories="{quoted}"', "unix_socket_permissions=0700",
            f"port={_PORT}", "logging_collector=off", "external_pid_file=",
        ):  # fmt: skip
            yield "-c"
            yield setting

    # -- the data directory --------------------------------------------------------------------------------------

    def _ensure_database(self) -> None:
        with psycopg.connect(self.conninfo_for("postgres"), connect_timeout=10, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (DATABASE,)).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    # -- who stops it --------------------------------------------------------------------------------------------

    def _ours(self) -> bool:
        if self.started_here:
            return True
        try:
            pid, ticks = (self._real / "headend.owner").read_text(encoding="ascii").split()
        except (FileNotFoundError, ValueError):
            return False  # started by other means
        return str(postmaster.start_ticks(int(pid))) != ticks

    def _others_started(self) -> bool:
        """Whether another `Server` of this directory has started and not stopped; the kernel forgets a killed one."""
        with self._beside("use").open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
        return False

    def _others_connected(self) -> bool:
        """Clients other than us, a second later too: a backend lives on for a moment after its client has closed."""
        return not _until(lambda: not self._clients(), 1.0)

    def _clients(self) -> bool:
        query = (
            "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        try:
            with psycopg.connect(self.conninfo_for("postgres"), connect_timeout=5, autocommit=True) as connection:
                return connection.execute(query).fetchone() != (0,)
        except psycopg.OperationalError:
            return False

    def _end(self, pid: int) -> None:
        """Fast shutdown (open transactions are rolled back); immediate if that takes too long."""
        running = postmaster.read_pid_file(self._real)
        for number, patience_s in ((signal.SIGINT, self._wait_s), (signal.SIGQUIT, 10.0), (signal.SIGKILL, 10.0)):
            os.kill(pid, number)
            if _until(lambda: self._reap(0.0) or pid not in postmaster.processes_in(self._real), patience_s):
                break
        self._reap(10.0)
        if running is not None and running.socket_dir and Path(running.socket_dir) != self._real:
            shutil.rmtree(running.socket_dir, ignore_errors=True)

    def _reap(self, timeout_s: float) -> bool:
        """Collect our child's exit status, so that no zombie stays. False while it runs (or is not our child)."""
        if self._process is None:
            return False
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return False
        self._forget()
        return True

    def _forget(self) -> None:
        """The server is no longer ours to wait for."""
        if self._process is not None and self._process.returncode is None:
            self._process.returncode = 0  # it goes on living without us; subprocess shall not warn
        self._process = None
        self.started_here = False

    @contextmanager
    def _lock(self) -> Iterator[None]:
        """Two processes (or threads) starting or stopping the same directory wait for each other."""
        with self._beside("lock").open("a") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _beside(self, kind: str) -> Path:
        path = self.data_dir.with_name(f".{self.data_dir.name}.{kind}")
        path.parent.mkdir(parents=True, exist_ok=True)
        return path


def _until(condition: Callable[[], bool], patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
