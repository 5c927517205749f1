"""Findings about the surroundings: the host's clock and disks, the database's settings, what has piled up."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from headend.config import Config
from headend.duration import seconds
from headend.health.alive import has_ended, is_alive
from headend.health.finding import Finding
from headend.health.host_clock import Discipline
from headend.place import Store
from storage import entries
from storage.health import Health, Unrolled
from storage.leases import Leases, Tenure
from storage.retention import Part, Retention

CONNECTIONS: Final = 20
"""What one daemon may have open at most, with a person beside it."""
ROOM_LEAST: Final = 100_000_000
ROOM_SHARE: Final = 0.05
BEHIND: Final = timedelta(hours=1)
AHEAD: Final = timedelta(days=2)
_NAMED: Final = 5


def clock(found: Discipline) -> Finding:
    """Of the host."""
    if found.synchronised is None:
        return Finding("clock", "the kernel does not tell whether this machine's clock is synchronised")
    told = f"the kernel's bound of its error is {found.max_error_s or 0:.3f} s"
    if found.problem:
        return Finding("clock", f"{found.problem.partition(':')[0]}; {told}", remedy="run chrony, ntpd or timesyncd")
    return Finding("clock", f"synchronised; {told}")


def disk(subject: str, directory: Path) -> Finding:
    """Whether there is room where `directory` stands, or will stand."""
    there = next((folder for folder in (directory, *directory.parents) if folder.exists()), Path("/"))
    try:
        usage = shutil.disk_usage(there)
    except OSError as error:
        return Finding(subject, f"{there}: {error.strerror}", 1)
    return room(subject, str(directory), usage.free, usage.total)


def room(subject: str, where: str, free: int, total: int) -> Finding:
    told = f"{where}: {free / 1e9:.1f} of {total / 1e9:.1f} GB are free"
    if free < ROOM_LEAST:
        return Finding(subject, f"{told}: it is full", 1, "make room, or shorten [retention]")
    if free < ROOM_SHARE * total:
        return Finding(subject, told, remedy="make room, or shorten [retention]")
    return Finding(subject, told)


def settings(given: Mapping[str, str], used: int) -> list[Finding]:
    """Of the database's server."""
    found = []
    unsafe = [name for name in ("synchronous_commit", "fsync", "full_page_writes") if given.get(name) == "off"]
    if given.get("synchronous_commit") == "local":
        unsafe.append("synchronous_commit (local: standbys are not waited for)")
    told = f"PostgreSQL {given.get('server_version', '')}, time zone {given.get('TimeZone', '')}"
    if unsafe:
        found.append(
            Finding("database settings", f"{told}; off: {', '.join(unsafe)}", 0,
                    "set them on: what was acknowledged may be lost in a crash")
        )  # fmt: skip
    else:
        found.append(Finding("database settings", f"{told}, commits are durable"))
    limit = int(given["max_connections"]) - int(given.get("superuser_reserved_connections", 0))
    told = f"{used} of {limit} are in use"
    short = limit - used < CONNECTIONS
    found.append(Finding("connections", told, remedy="raise the server's max_connections" if short else ""))
    return found


def captures(parts: Sequence[Part], now: datetime) -> Finding:
    """Days that are stored; one in the future is a clock's that is wrong."""
    ours = [part for part in parts if part.kind == "captures"]
    if not ours:
        return Finding("captures", "there are none yet; a day's partition is made when it is first written")
    told = f"{len(ours)} partitions, from {ours[0].start:%Y-%m-%d} to {ours[-1].end:%Y-%m-%d}"
    late = [part for part in ours if part.start > now + AHEAD]
    if late:
        told += f", {len(late)} of them in the future"
        return Finding("captures", told, remedy="a meter's clock, or this machine's, is wrong: headend clock list")
    return Finding("captures", told)


def rollups(found: Unrolled) -> Finding:
    if found.since is None:
        return Finding("rollups", "all that is over is rolled up")
    told = f"{found.hours} hours wait to be rolled up, the oldest is of {found.since.isoformat()}"
    return Finding("rollups", told, remedy="start the daemon, or run headend store rollup")


def letters(found: Mapping[str, int]) -> Finding:
    if not found:
        return Finding("dead letters", "none wait")
    told = ", ".join(f"{count} {state}" for state, count in sorted(found.items()))
    return Finding("dead letters", told, remedy="headend dead-letters list --summary; then replay or drop them")


def daemons(known: Sequence[entries.Daemon], now: datetime) -> list[Finding]:
    """Those that were seen last alive and have gone silent."""
    found = []
    for daemon in known:
        subject = f"daemon {daemon.name}"
        if has_ended(daemon):
            found.append(Finding(subject, f"ended in order at {daemon.seen.isoformat()}"))
        elif is_alive(daemon, now):
            found.append(Finding(subject, f"lives, as process {daemon.pid} of {daemon.host}"))
        else:
            where = f"process {daemon.pid} of {daemon.host}"
            told = f"is silent since {daemon.seen.isoformat()} and did not end in order ({where})"
            found.append(Finding(subject, told, remedy="start it again; its log says why it ended"))
    return found or [Finding("daemon", "none has run yet")]


def leases(tenures: Sequence[Tenure]) -> Finding:
    """Of a cluster."""
    free = [tenure.line for tenure in tenures if tenure.holder is None]
    told = f"{len(tenures) - len(free)} of {len(tenures)} lines are held"
    if not free:
        return Finding("leases", told)
    more = f" and {len(free) - _NAMED} more" if len(free) > _NAMED else ""
    told += f"; nobody holds {', '.join(free[:_NAMED])}{more}"
    return Finding("leases", told, remedy="start a daemon that can reach them")


def retention(config: Config) -> list[Finding]:
    """What is dropped before gaps of it are no longer filled."""
    keep = config.retention.keep
    found = []
    for plan in config.plan:
        horizon = timedelta(seconds=seconds(plan.horizon))
        kept = {"captures": keep.captures, "misses": keep.misses}
        short = [kind for kind, span in kept.items() if span is not None and span < horizon]
        if short:
            told = f"gaps are filled {plan.horizon} back, but {' and '.join(short)} are kept for less"
            remedy = "shorten plan.horizon, or keep them longer: what is recovered goes again the same day"
            found.append(Finding(f"retention, plan {plan.name}", told, remedy=remedy))
    return found


async def examine(config: Config, opened: Store, now: datetime) -> AsyncIterator[Finding]:
    """All that the database can be asked. Raises `StorageError`."""
    if config.database_directory is not None:
        yield await asyncio.to_thread(disk, "disk of the database", config.database_directory)
    async with Health(opened.conninfo) as health:
        for finding in settings(await health.settings(), await health.connections()):
            yield finding
        yield letters(await health.letters())
        yield rollups(await health.unrolled(now - BEHIND))
    async with Retention(opened.conninfo) as kept:
        yield captures(await kept.parts(), now)
    for finding in daemons(await opened.registry.daemons(), now):
        yield finding
    if config.cluster.enabled:
        async with Leases(opened.conninfo) as table:
            yield leases(await table.tenures())
