"""One side of the Modbus TCP benchmark, in a process of its own: connections that ask as fast as they are answered.

    python -m benchmarks.peers.modbus_clients ours|pymodbus|bare PORT CONNECTIONS WINDOW

Prints the bytes of memory that a connection costs, open and after a read on all at once; then for each line on its
standard input, a number of reads a connection, the seconds that they took by the clock and in work of this process.
Every read is checked: 20 input registers from 100, which hold their addresses.
"""

from __future__ import annotations

import asyncio
import gc
import os
import resource
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from struct import Struct
from time import perf_counter, process_time
from typing import Any, Final, Protocol

from protocols.driver import Driver
from protocols.links.base import Link
from protocols.links.tcp import open_tcp
from protocols.links.url import TcpSettings
from protocols.modbus.pdu import READ_INPUT, ReadRegisters
from protocols.modbus.wire import TcpWire, transact
from protocols.timing import Timing

FIRST: Final = 100
COUNT: Final = 20
_WORDS: Final = Struct(f">{COUNT}H")
_EXPECTED: Final = tuple(range(FIRST, FIRST + COUNT))
COLLECT: Final = (20_000, 20, 20)
"""Python's garbage collector, for all sides alike, as `headend run` sets it: by default (700, 10, 10) it looks through
everything that lives about once for each 5,000 reads that wait at the same time."""
_AT_ONCE: Final = 200
"""Connections that are opened at the same time."""


class Client(Protocol):
    """One connection."""

    async def reads(self, count: int, window: int) -> None:
        """`count` reads, `window` of them in flight."""

    async def close(self) -> None: ...


class Wrong(Exception):
    """An answer that is not what the server holds."""


def _check(registers: Sequence[int]) -> None:
    if tuple(registers) != _EXPECTED:
        raise Wrong(f"got {registers}")


async def _side_by_side(read: Callable[[], Awaitable[Sequence[int]]], count: int, window: int) -> None:
    async def worker(share: int) -> None:
        for _ in range(share):
            _check(await read())

    if window == 1:
        await worker(count)
    else:
        await asyncio.gather(*(worker(count // window) for _ in range(window)))


class Ours:
    """The way of every read of the head-end: a conversation, run by the driver of an open link."""

    __slots__ = ("_driver", "_wire")

    _REQUEST: Final = ReadRegisters(READ_INPUT, FIRST, COUNT)
    _TIMING: Final = Timing(response=30.0, pause=0.0)

    def __init__(self, link: Link, window: int) -> None:
        self._wire = TcpWire()
        self._driver: Driver[Any] = Driver(link, self._wire.reader(), self._TIMING, window=window)

    async def read(self) -> Sequence[int]:
        return _WORDS.unpack(await self._driver.run(transact(1, self._REQUEST, self._wire)))

    async def reads(self, count: int, window: int) -> None:
        await _side_by_side(self.read, count, window)

    async def close(self) -> None:
        await self._driver.link.close()


async def ours(port: int, window: int) -> Client:
    return Ours(await open_tcp(TcpSettings("", "127.0.0.1", port, 30.0)), window)


class Pymodbus:
    """pymodbus' own asyncio client. It takes one request a connection at a time, whatever is asked side by side."""

    __slots__ = ("_client",)

    def __init__(self, client: Any) -> None:
        self._client = client

    async def read(self) -> Sequence[int]:
        answer = await self._client.read_input_registers(FIRST, count=COUNT, device_id=1)
        registers: Sequence[int] = answer.registers
        return registers

    async def reads(self, count: int, window: int) -> None:
        await _side_by_side(self.read, count, window)

    async def close(self) -> None:
        self._client.close()


async def pymodbus(port: int, window: int) -> Client:
    from pymodbus.client import AsyncModbusTcpClient

    client = AsyncModbusTcpClient("127.0.0.1", port=port, timeout=30)
    if not await client.connect():
        raise Wrong("no connection")
    return Pymodbus(client)


class Bare(asyncio.Protocol):
    """The least that asyncio does for the same bytes: no time-outs, no conversations, frames of a known length only."""

    __slots__ = ("_buffer", "_done", "_left", "_transport", "_unsent")

    _REQUEST: Final = Struct(">HHHBBHH")
    _SIZE: Final = 9 + 2 * COUNT

    def __init__(self) -> None:
        self._buffer = b""
        self._left = self._unsent = 0

    async def reads(self, count: int, window: int) -> None:
        self._left = count
        self._unsent = count - window
        self._done = asyncio.get_running_loop().create_future()
        self._ask(window)
        await self._done

    async def close(self) -> None:
        self._transport.close()

    def _ask(self, count: int) -> None:
        left = self._left
        requests = [self._REQUEST.pack((left + n) & 0xFFFF, 0, 6, 1, 4, FIRST, COUNT) for n in range(count)]
        self._transport.write(b"".join(requests))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        at = 0
        while at + self._SIZE <= len(self._buffer):
            _check(_WORDS.unpack_from(self._buffer, at + 9))
            at += self._SIZE
        self._buffer = self._buffer[at:]
        answered = at // self._SIZE
        self._left -= answered
        again = min(answered, self._unsent)
        if again:
            self._unsent -= again
            self._ask(again)
        elif not self._left:
            self._done.set_result(None)


async def bare(port: int, window: int) -> Client:
    """An `asyncio.Protocol` and nothing else."""
    _, protocol = await asyncio.get_running_loop().create_connection(Bare, "127.0.0.1", port)
    return protocol


OPENERS: Final[dict[str, Callable[[int, int], Awaitable[Client]]]] = {"ours": ours, "pymodbus": pymodbus, "bare": bare}


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _allow_files(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < count:
        raise SystemExit(f"{count} open files are needed, and {hard} are allowed: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, count), hard))


async def _round(clients: Sequence[Client], count: int, window: int) -> tuple[float, float]:
    """Seconds by the clock and of this process's work."""
    began, worked = perf_counter(), process_time()
    await asyncio.gather(*(client.reads(count, window) for client in clients))
    return perf_counter() - began, process_time() - worked


async def main(side: str, port: int, connections: int, window: int) -> None:
    _allow_files(connections + 64)
    gc.set_threshold(*COLLECT)
    opener = OPENERS[side]
    first = await opener(port, window)
    await first.reads(10 * window, window)
    before = resident()
    clients = [first]
    while len(clients) < connections:
        share = min(_AT_ONCE, connections - len(clients))
        clients += await asyncio.gather(*(opener(port, window) for _ in range(share)))
    others = max(1, connections - 1)
    idle = (resident() - before) // others
    await _round(clients, window, window)
    print(idle, (resident() - before) // others, flush=True)
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(*await _round(clients, int(line), window), flush=True)
    for client in clients:
        await client.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])))
