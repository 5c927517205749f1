"""Modbus TCP reads of 20 input registers a second, one process, on 1 to 5,000 connections and pipelined on one.

Ours is the way of every read of the head-end: a conversation run by the driver over an open link, with time-outs,
retries and counters. The peer, pymodbus' asyncio client, reads the same registers from the same server. The limit is
a bare `asyncio.Protocol` that only cuts the bytes into answers of a known length. Each is a process of its own; they
take turns. The server is one epoll loop in C (`peers/modbus_server.c`), compiled at the start: libmodbus waits with
select, which ends at 1,024 descriptors.

Both get 20 integers out of each answer, and check them. The pipelined row has 16 requests in flight on one connection;
pymodbus is given the same 16 at once, and sends them one by one.

The spread and the work of each side (its own processor time, which a busy machine hurts less than the clock) go to
stderr.

    python -m benchmarks.modbus [--json]        needs a C compiler (cc)
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.peers.modbus_clients import OPENERS
from benchmarks.report import Row, rate, show

_PEER: Final = f"pymodbus {version('pymodbus')}, asyncio client"
_LIMIT: Final = "bare asyncio.Protocol"


@dataclass(frozen=True, slots=True)
class Case:
    """`reads` in one turn, over all connections."""

    name: str
    connections: int
    window: int
    reads: int
    rounds: int


CASES: Final = (
    Case("modbus_tcp_1", 1, 1, 3_000, 15),
    Case("modbus_tcp_100", 100, 1, 6_000, 15),
    Case("modbus_tcp_1000", 1_000, 1, 10_000, 15),
    Case("modbus_tcp_5000", 5_000, 1, 50_000, 7),
    Case("modbus_tcp_pipelined", 1, 16, 8_000, 15),
)


class Side:
    """One client process; `idle_bytes` and `busy_bytes` of memory a connection, before and after its first reads."""

    def __init__(self, name: str, port: int, case: Case) -> None:
        arguments = (name, str(port), str(case.connections), str(case.window))
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.peers.modbus_clients", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._share = case.reads // case.connections
        self.idle_bytes, self.busy_bytes = (float(word) for word in self._line().split())

    def turn(self) -> tuple[float, float]:
        """Seconds for all reads: by the clock, and of the client's work."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{self._share}\n")
        self._process.stdin.flush()
        taken, worked = self._line().split()
        return float(taken), float(worked)

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a client ended without an answer")
        return line


@contextmanager
def server() -> Iterator[int]:
    """The port of a fresh server in C."""
    with tempfile.TemporaryDirectory() as folder:
        program = str(Path(folder, "modbus_server"))
        source = str(Path(__file__).with_name("peers") / "modbus_server.c")
        subprocess.run(["cc", "-O2", "-o", program, source], check=True)
        process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield int(process.stdout.readline())
        finally:
            process.stdin.close()
            process.wait(timeout=60)
            process.stdout.close()


def measured(case: Case) -> list[Row]:
    """The case's rate, and where there are many connections the memory of one."""
    with ExitStack() as stack:
        port = stack.enter_context(server())
        sides = {}
        for name in OPENERS:
            sides[name] = Side(name, port, case)
            stack.callback(sides[name].close)
        turns: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
        for _ in range(case.rounds):
            for name, side in sides.items():
                turns[name].append(side.turn())
    rates = {name: rate(case.reads, [taken for taken, _ in found]) for name, found in turns.items()}
    for name, found in turns.items():
        slow, fast = (case.reads / edge for edge in (max(found)[0], min(found)[0]))
        work = median(worked for _, worked in found) / case.reads * 1e6
        print(
            f"{case.name} {name}: {slow:,.0f} .. {rates[name]:,.0f} .. {fast:,.0f} reads/s, {work:.1f} us work a read",
            file=sys.stderr,
        )
    table = [Row(case.name, "reads/s", rates["ours"], rates["pymodbus"], _PEER, rates["bare"], _LIMIT)]
    if case.connections >= 1_000:
        table += [
            Row(
                f"{case.name}_memory_{state}",
                "bytes/connection",
                getattr(sides["ours"], f"{state}_bytes"),
                getattr(sides["pymodbus"], f"{state}_bytes"),
                _PEER,
                getattr(sides["bare"], f"{state}_bytes"),
                _LIMIT,
            )
            for state in ("idle", "busy")
        ]
    return table


def rows() -> list[Row]:
    """Measure. Ours, the peer and the limit take turns."""
    return [row for case in CASES for row in measured(case)]


if __name__ == "__main__":
    show(rows(), sys.argv)
