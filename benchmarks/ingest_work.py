"""CPU seconds of processes that are not ours to ask: read from /proc (proc(5), stat)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_TICKS: Final = os.sysconf("SC_CLK_TCK")
_PARENT, _USER, _SYSTEM, _WAITED_USER, _WAITED_SYSTEM = 1, 11, 12, 13, 14
"""Fields after the name."""


def parent(pid: int) -> int:
    return _stat(pid)[_PARENT]


def seconds(pid: int) -> float:
    """Of the process, and of its children: those that live, and those that ended and were waited for."""
    own = _stat(pid)
    total = own[_USER] + own[_SYSTEM] + own[_WAITED_USER] + own[_WAITED_SYSTEM]
    for other in Path("/proc").iterdir():
        if not other.name.isdecimal():
            continue
        try:
            found = _stat(int(other.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
        if found[_PARENT] == pid:
            total += found[_USER] + found[_SYSTEM]
    return total / _TICKS


def told(work: Mapping[str, float], readings: int) -> str:
    """Microseconds a reading, by process."""
    each = ", ".join(f"{name} {1e6 * taken / readings:.2f}" for name, taken in work.items())
    return f"CPU us/reading: {each}; together {1e6 * sum(work.values()) / readings:.2f}"


def _stat(pid: int) -> list[int]:
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return [0 if not word.lstrip("-").isdecimal() else int(word) for word in words[:15]]
