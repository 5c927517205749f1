"""A plant in one folder: simulated meters as one process, the daemon as another, both killable by their process id."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final

from tests.ports import free_port

PATIENCE_S: Final = 120.0
EVERY_S: Final = 2
"""The plan's period, and how often the meters refresh their registers: one exact value a slot."""

CONFIG: Final = """\
timezone = "Asia/Shanghai"

[database]
{database}

[api]
listen = ""

[daemon]
metrics = "{metrics}"
heartbeat = "500ms"

[queue]
captures = {captures}
linger = "50ms"

[timing.dlt645]
response = "150ms"
latency = "50ms"
gap = "60ms"
pause = "5ms"
late = "900ms"
retries = 2

[timing.modbus]
response = "150ms"
latency = "50ms"
gap = "60ms"
pause = "5ms"
late = "900ms"
retries = 2

[[plan]]
name = "truth"
every = "{every}s"
quantities = [
    "active_energy_import", "active_energy_import_t1", "active_energy_import_t2", "active_energy_import_t3",
    "active_energy_import_t4", "voltage_l1", "voltage_l2", "current_l1", "frequency", "active_power", "power_factor",
]
"""

# Lateness stays well under the slot; bits are turned only where a CRC finds them (DL/T 645 has a sum of 8 bits).
SCENARIO: Final = """\
seed = 20261122
tick_s = {every}
truth = "truth.csv"

[[bus]]
name = "gateway"
protocol = "dlt645"
carrier = "tcp://127.0.0.1:0"
meters = 4
faults = "seed:1,noise:0.1,drop:0.05,cut:0.05,half:0.1,duplicate:0.1,late:0.05,late_s:0.15-0.4"

[[bus]]
name = "follow"
protocol = "dlt645"
carrier = "pty://{folder}/follow"
meters = 3
phases = 1
faults = "seed:2,noise:0.1,duplicate:0.1,drop:0.03"
quirks = {{ fe = 1, most_data = 16, unavailable = "ff" }}

[[bus]]
name = "rail"
protocol = "modbus"
carrier = "pty://{folder}/rail"
meters = 4
faults = "seed:3,corrupt:0.1,noise:0.1,cut:0.05,duplicate:0.1,late:0.05,late_s:0.15-0.4"

[[bus]]
name = "board"
protocol = "modbus"
framing = "tcp"
carrier = "tcp://127.0.0.1:0"
meters = 3
faults = "seed:4,duplicate:0.2,late:0.05,late_s:0.15-0.4"

[[bus]]
name = "dtu"
protocol = "dlt645"
carrier = "dial://127.0.0.1:{dtu_port}?register=DTU-7&heartbeat=ping&every=1"
meters = 3
faults = "seed:5,noise:0.1,half:0.1,late:0.05,late_s:0.15-0.4"
"""

# Where a broker runs besides.
TUNNELS: Final = """
[[bus]]
name = "tunnel"
protocol = "dlt645"
carrier = "{broker}/plant/tunnel/up?down=plant/tunnel/down&payload=json"
meters = 3
faults = "seed:6,duplicate:0.1,drop:0.05"

[[bus]]
name = "radio"
protocol = "modbus"
carrier = "{broker}/plant/radio/up?down=plant/radio/down&payload=hex"
meters = 3
faults = "seed:7,corrupt:0.1,duplicate:0.1,late:0.05,late_s:0.15-0.4"
"""


class Process:
    """A `headend` command in the background. Its stderr goes to a file that a failing test shows.

    `within`: the beginning of a command that runs it, in the same process in the end.
    """

    def __init__(self, folder: Path, name: str, *arguments: str, within: Sequence[str] = ()) -> None:
        self._log = (folder / f"{name}.log").open("a", encoding="utf-8")
        self.log = folder / f"{name}.log"
        self._popen = subprocess.Popen(
            [*within, sys.executable, "-m", "headend", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=folder,
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )

    def __enter__(self) -> Process:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._popen.poll() is None:
            self.kill()
        if self._popen.stdout:
            self._popen.stdout.close()
        self._log.close()
        if error is not None:
            error.add_note(f"{self.log.name}:\n{self.log.read_text()[-4000:]}")

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def line(self) -> dict[str, Any]:
        """The next JSON object that it prints."""
        assert self._popen.stdout
        text = self._popen.stdout.readline()
        assert text, f"ended without a word, see {self.log}:\n{self.log.read_text()[-2000:]}"
        document: dict[str, Any] = json.loads(text)
        return document

    def kill(self) -> None:
        """SIGKILL: no farewell."""
        self._popen.kill()
        self._popen.wait(PATIENCE_S)

    def stop(self) -> int:
        """SIGTERM, and the exit code of an orderly end."""
        self._popen.send_signal(signal.SIGTERM)
        return self._popen.wait(PATIENCE_S)


class Plant:
    """Files and processes of one test. `database` is the TOML of the configuration's table."""

    def __init__(self, folder: Path, database: str, *, captures: int = 1000, metrics: str = "") -> None:
        self.folder = folder
        self.config = folder / "headend.toml"
        text = CONFIG.format(database=database, captures=captures, metrics=metrics, every=EVERY_S)
        self.config.write_text(text, encoding="utf-8")

    def simulate(self, broker: str = "") -> Process:
        """Start the meters, those behind `broker` (its URL) too, and bring them into the registry."""
        scenario = SCENARIO + (TUNNELS if broker else "")
        file = self.folder / "scenario.toml"
        text = scenario.format(folder=self.folder, every=EVERY_S, broker=broker, dtu_port=free_port())
        file.write_text(text, encoding="utf-8")
        buses = scenario.count("[[bus]]")
        process = Process(self.folder, "simulate", "simulate", str(file), "--registry", "registry", "--json")
        for _ in range(buses):
            process.line()
        self.headend("meter", "import", *(f"--{kind}=registry/{kind}.csv" for kind in ("lines", "meters", "points")))
        return process

    def daemon(self) -> Process:
        return Process(self.folder, "run", "run", "--json", "--config", str(self.config))

    def values(self) -> int:
        """How many values are stored, as `headend status` says; it exits with 1 while no daemon lives."""
        (status,) = self.headend("status", expect=None)
        return int(status["values"])

    def headend(self, *arguments: str, expect: int | None = 0) -> list[Any]:
        """Run a command to its end; the JSON objects that it printed."""
        done = subprocess.run(
            [sys.executable, "-m", "headend", "--config", str(self.config), "--json", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=self.folder,
            timeout=PATIENCE_S,
        )
        assert expect is None or done.returncode == expect, done.stderr
        assert "Traceback" not in done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Ask until it holds. After an answer that took long, as a command's does, comes as long a pause."""
    end = time.monotonic() + patience_s
    asked = time.monotonic()
    while not condition():
        answered = time.monotonic()
        assert answered < end, f"waited {patience_s} s for {what}"
        time.sleep(max(0.1, answered - asked))
        asked = time.monotonic()
