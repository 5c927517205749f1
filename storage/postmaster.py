"""Who runs in a data directory: what `postmaster.pid` says, and whether it is true.

The number in that file proves nothing: after a kill or a reboot it may be a zombie's or belong to another program.
True is what answers `SELECT 1`, and a process whose working directory is the data directory (every PostgreSQL process
changes into it). Linux only: /proc.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class PidFile:
    """`postmaster.pid`: line 1 the process, 4 the port, 5 the socket's directory (empty while it starts)."""

    pid: int
    port: int
    socket_dir: str


def read_pid_file(data_dir: Path) -> PidFile | None:
    """None when there is none, or it is not written out yet."""
    try:
        lines = (data_dir / "postmaster.pid").read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return None
    try:
        return PidFile(int(lines[0]), int(lines[3]), lines[4].strip())
    except (IndexError, ValueError):
        return None


def start_ticks(pid: int) -> int | None:
    """When the process began (clock ticks since boot), which tells a re-used number; None: gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def processes_in(data_dir: Path) -> list[int]:
    """Living processes whose working directory is `data_dir`: the postmaster and its backends, orphans too."""
    wanted = str(data_dir.resolve())
    found = []
    for entry in os.scandir("/proc"):
        if not entry.name.isdigit():
            continue
        with suppress(OSError):  # gone meanwhile, or another user's: not ours
            if os.readlink(f"/proc/{entry.name}/cwd") == wanted and start_ticks(int(entry.name)) is not None:
                found.append(int(entry.name))
    return [pid for pid in found if pid != os.getpid()]


def remove_stale(data_dir: Path) -> None:
    """Remove lock files that a dead server left. Call only when `processes_in` is empty.

    PostgreSQL does so itself unless the number is in use again or a zombie's, when it refuses to start.
    """
    stale = read_pid_file(data_dir)
    (data_dir / "postmaster.pid").unlink(missing_ok=True)
    if stale is not None and stale.socket_dir:
        for name in (f".s.PGSQL.{stale.port}.lock", f".s.PGSQL.{stale.port}"):
            (Path(stale.socket_dir) / name).unlink(missing_ok=True)
