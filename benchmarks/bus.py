"""Reads a second on a serial line, beside what the line itself allows.

One meter on a pseudo-terminal that takes the time of a real line (`paced_meter`, a process of its own), read one item
after the other: DL/T 645 total energy (`bus_2400`, `bus_9600`), and 20 Modbus input registers (`..._modbus`). The limit
is paper: 11 bits a byte of request and answer, 20 ms of the meter's turnaround, and for Modbus 3.5 characters of
silence before the next request. Ours is the whole way: serial link, driver, conversation, values checked. The peer is a
loop that writes, blocks and sleeps: how near this machine comes to the paper when nothing is computed at all.

    python -m benchmarks.bus [--json]
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from statistics import median
from time import perf_counter, sleep
from typing import Any, Final

from benchmarks.peers.paced_meter import ADDRESS, COUNT, FIRST, ITEM, NUMBER, UNIT, cycle_s, reply
from benchmarks.report import Row, show
from headend.dialect import pause
from protocols.dlt645.items import item
from protocols.dlt645.services.read import read_item
from protocols.dlt645.wire import Wire
from protocols.driver import Driver
from protocols.exchange import Exchange
from protocols.links.open import open_link
from protocols.modbus.pdu import READ_INPUT, ReadRegisters
from protocols.modbus.wire import RtuWire, transact
from protocols.timing import Timing

_SECONDS: Final = 3.0
"""Of reading in a turn."""
_ROUNDS: Final = 5
_BETWEEN_S: Final = 0.05
_PEER: Final = "blocking loop: write, read, sleep"
_LIMIT: Final = "the line on paper: bits, turnaround, silence"
_REGISTERS: Final = b"".join(number.to_bytes(2, "big") for number in range(FIRST, FIRST + COUNT))


def _dlt645() -> tuple[Any, Callable[[], Exchange[Any, bool]]]:
    found = item(ITEM)

    def read() -> Exchange[Any, bool]:
        (value,) = yield from read_item(ADDRESS, found)
        return value.number == NUMBER

    return Wire(), read


def _modbus() -> tuple[Any, Callable[[], Exchange[Any, bool]]]:
    wire = RtuWire()
    request = ReadRegisters(READ_INPUT, FIRST, COUNT)

    def read() -> Exchange[Any, bool]:
        return (yield from transact(UNIT, request, wire)) == _REGISTERS

    return wire, read


_SIDES: Final = {"dlt645": _dlt645, "modbus": _modbus}
_FRAMINGS: Final = {"dlt645": "", "modbus": "rtu"}


@contextmanager
def meter(protocol: str, bits_per_second: int) -> Iterator[str]:
    """The path of a meter's terminal."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.peers.paced_meter", protocol, str(bits_per_second)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait(timeout=10)
        process.stdout.close()


async def ours(protocol: str, bits_per_second: int, path: str, reads: int) -> float:
    """Seconds for `reads`."""
    wire, read = _SIDES[protocol]()
    link = await open_link(f"serial://{path}?baudrate={bits_per_second}")
    timing = Timing(pause=pause(_FRAMINGS[protocol], bits_per_second), bits_per_second=bits_per_second)
    driver: Driver[Any] = Driver(link, wire.reader(), timing)
    began = perf_counter()
    for _ in range(reads):
        if not await driver.run(read()):
            raise SystemExit(f"a wrong value on the {protocol} line")
    seconds = perf_counter() - began
    if driver.counters.timeouts or driver.counters.noise or driver.counters.strays:
        raise SystemExit(f"the {protocol} line was not clean: {driver.counters}")
    await link.close()
    return seconds


def blocking(protocol: str, bits_per_second: int, path: str, reads: int) -> float:
    """Seconds for `reads` of a loop that only writes, reads and sleeps: what this machine makes of the paper."""
    _, read = _SIDES[protocol]()
    request, size = next(read()).data, len(reply(protocol))
    silence = pause(_FRAMINGS[protocol], bits_per_second)
    fd = os.open(path, os.O_RDWR | os.O_NOCTTY)
    tty.setraw(fd)  # a read waits for a byte
    began = perf_counter()
    for _ in range(reads):
        os.write(fd, request)
        held = b""
        while len(held) < size:
            held += os.read(fd, 4096)
        if held != reply(protocol):
            raise SystemExit(f"wrong bytes on the {protocol} line")
        sleep(silence)
    seconds = perf_counter() - began
    os.close(fd)
    return seconds


def measured(name: str, protocol: str, bits_per_second: int) -> Row:
    """Ours and the blocking loop take turns on one line."""
    limit = 1 / cycle_s(protocol, bits_per_second)
    reads = max(5, round(_SECONDS * limit))
    rates: dict[str, list[float]] = {"ours": [], "blocking": []}
    with meter(protocol, bits_per_second) as path:
        for _ in range(_ROUNDS):
            rates["ours"].append(reads / asyncio.run(ours(protocol, bits_per_second, path, reads)))
            sleep(_BETWEEN_S)
            rates["blocking"].append(reads / blocking(protocol, bits_per_second, path, reads))
            sleep(_BETWEEN_S)
    for who, found in rates.items():
        print(f"{name} {who}: {min(found):.3f} .. {median(found):.3f} .. {max(found):.3f} reads/s", file=sys.stderr)
    return Row(name, "reads/s", median(rates["ours"]), median(rates["blocking"]), _PEER, limit, _LIMIT)


def rows() -> list[Row]:
    """Measure."""
    return [
        measured(f"bus_{bits_per_second}{suffix}", protocol, bits_per_second)
        for protocol, suffix in (("dlt645", ""), ("modbus", "_modbus"))
        for bits_per_second in (2400, 9600)
    ]


if __name__ == "__main__":
    show(rows(), sys.argv)
