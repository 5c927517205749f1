"""Who receives in `benchmarks.ingest`: the product, and what stands beside it, each with a broker of its own.

A turn publishes a stream, by the same program for all sides, and ends when the last message has done its way:
acknowledged after the commit, or received, or stored.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psycopg

from benchmarks.ingest_streams import Stream
from benchmarks.ingest_work import parent, seconds
from tests.links.mosquitto import mosquitto_broker
from tests.servers import Mosquitto, wait_until

BROKER: Final = "max_inflight_messages 1000\nset_tcp_nodelay true"
"""Besides persistence and `max_queued_messages 0`, as `tests.servers` sets them."""
WINDOW: Final = 1000
"""Messages that the publisher has under way."""
PATIENCE_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Turn:
    """`work`: CPU seconds by process."""

    seconds: float
    work: dict[str, float]


class Publisher:
    """`mqtt_publisher.c`, compiled."""

    def __init__(self, folder: Path) -> None:
        self._program = folder / "mqtt_publisher"
        source = Path(__file__).with_name("peers") / "mqtt_publisher.c"
        subprocess.run(["cc", "-O2", "-o", self._program, source], check=True)

    def start(self, broker: Mosquitto, stream: Stream) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [self._program, str(broker.port), str(WINDOW), stream.file], stdout=subprocess.PIPE, text=True
        )

    def turn(self, broker: Mosquitto, stream: Stream, processes: Mapping[str, int], ended: Callable[[], float]) -> Turn:
        """`ended` waits, and says when it was (CLOCK_MONOTONIC)."""
        assert broker.process
        pids = {"broker": broker.process.pid, **processes}
        before = {name: seconds(pid) for name, pid in pids.items()}
        with self.start(broker, stream) as publishing:
            end = ended()
            output, _ = publishing.communicate(timeout=PATIENCE_S)
        if publishing.returncode:
            raise SystemExit("the publisher failed")
        began, _, cpu = (float(word) for word in output.split())
        work = {"publisher": cpu} | {name: seconds(pid) - before[name] for name, pid in pids.items()}
        return Turn(end - began, work)


def postmaster(conninfo: str) -> int:
    """The server's first process, on this machine."""
    with psycopg.connect(conninfo) as connection:
        row = connection.execute("SELECT pg_backend_pid()").fetchone()
        assert row is not None
        return parent(int(row[0]))


class Asked:
    """A process that is told what to wait for, line by line, and says when it is so. Its first line is `ready`."""

    def __init__(self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None) -> None:
        self._log = (folder / "log").open("w")
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=os.environ | dict(environment or {}),
        )
        word = self.line().strip()
        if word != "ready":
            raise SystemExit(f"{command[0]} is not ready: {word}")

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, line: str) -> Any:
        assert self._process.stdin
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()
        return json.loads(self.line())

    def line(self) -> str:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self._process.args!r} ended: {Path(self._log.name).read_text()[-2000:]}")
        return line

    def close(self) -> None:
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._log.close()


class Product:
    """The product's `Ingest`, with a push for each topic."""

    def __init__(self, folder: Path, broker: Mosquitto, conninfo: str, publisher: Publisher, config: str) -> None:
        file = folder / "headend.toml"
        file.write_text(config.format(dsn=json.dumps(conninfo), broker=broker.url), encoding="utf-8")
        self._asked = Asked([sys.executable, "-m", "benchmarks.ingest_receiver", str(file)], folder)
        self._broker, self._publisher, self._conninfo = broker, publisher, conninfo
        self._postmaster = postmaster(conninfo)
        self._sent: dict[str, int] = {}
        self.counters: dict[str, Any] = {}

    @property
    def pid(self) -> int:
        return self._asked.pid

    def turn(self, push: str, stream: Stream) -> Turn:
        self._sent[push] = self._sent.get(push, 0) + stream.messages

        def ended() -> float:
            self.counters = self._asked.ask(f"{push} {self._sent[push]}")
            return float(self.counters["at"])

        return self._publisher.turn(
            self._broker, stream, {"collector": self._asked.pid, "database": self._postmaster}, ended
        )

    def close(self) -> None:
        self._asked.close()


class Listener:
    """`mosquitto_sub -q 1`, as MQTT 3.1.1, what it receives thrown away."""

    def __init__(self, folder: Path, broker: Mosquitto, publisher: Publisher, topic: str) -> None:
        self._broker, self._publisher = broker, publisher
        self._log = folder / "mosquitto.log"
        program = shutil.which("mosquitto_sub")
        if program is None:
            raise SystemExit("no mosquitto_sub")
        self._command = [
            program, "-h", broker.host, "-p", str(broker.port), "-q", "1", "-c", "-i", "listener", "-t", topic,
        ]  # fmt: skip
        subprocess.run([*self._command, "-E"], check=True)  # a session that the broker keeps

    def turn(self, stream: Stream) -> Turn:
        times = self._connected()
        with subprocess.Popen([*self._command, "-C", str(stream.messages)], stdout=subprocess.DEVNULL) as listening:
            wait_until(lambda: self._connected() > times, "mosquitto_sub does not connect")
            taken = [0.0]

            def ended() -> float:
                _, status, usage = os.wait4(listening.pid, 0)
                listening.returncode = os.waitstatus_to_exitcode(status)
                if status:
                    raise SystemExit("mosquitto_sub failed")
                taken[0] = usage.ru_utime + usage.ru_stime
                return time.monotonic()

            turn = self._publisher.turn(self._broker, stream, {}, ended)
        turn.work["listener"] = taken[0]
        return turn

    def _connected(self) -> int:
        return self._log.read_text().count("as listener")


@contextmanager
def broker(folder: Path, name: str) -> Iterator[tuple[Path, Mosquitto]]:
    """A broker in a folder of its own, with the settings of all sides."""
    own = folder / name
    own.mkdir()
    with mosquitto_broker(own, BROKER) as running:
        yield own, running
