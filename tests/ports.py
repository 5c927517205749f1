"""Loopback ports for tests, dealt out so that no two processes get the same one.

A port that was free a moment ago may be somebody's the next moment. So each process holds a block of ports, all below
the range from which the kernel serves connections and port 0, and gives its own away one after another. What holds a
block is its first port, bound and never listening: the kernel gives it back when the process is gone, however it ended.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from typing import Final

_LOWEST: Final = 10_000
_BLOCK: Final = 500
_KERNEL_RANGE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


def free_port() -> int:
    """A loopback port on which nobody listens; it comes round again after all others of this process's."""
    _, ports = _block()
    for port in islice(ports, _BLOCK):
        probe = _bound(port)
        if probe is not None:
            probe.close()
            return port
    raise RuntimeError("every port of this process's block is in use")


@cache
def _block() -> tuple[socket.socket, Iterator[int]]:
    """What holds the block, and its other ports round and round."""
    for first in range(_LOWEST, _highest() - _BLOCK, _BLOCK):
        held = _bound(first)
        if held is not None:
            return held, cycle(range(first + 1, first + _BLOCK))
    raise RuntimeError(f"every block of ports from {_LOWEST} to {_highest()} is held by another process")


def _highest() -> int:
    """Where the kernel's own range begins; where that leaves no room below, there is none to keep clear of."""
    begins = int(_KERNEL_RANGE.read_text(encoding="ascii").split()[0])
    return begins if begins > _LOWEST + 10 * _BLOCK else 2**16


def _bound(port: int) -> socket.socket | None:
    """Without SO_REUSEADDR: what lingers after a close is not free either."""
    probe = socket.socket()
    try:
        probe.bind(("127.0.0.1", port))
    except OSError:
        probe.close()
        return None
    return probe
