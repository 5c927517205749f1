"""`headend check`: what can be verified before anything is collected, one finding a row."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from headend.collection.survey import MeterPath, task_of
from headend.config import Config
from headend.dialect import dialect
from headend.errors import HeadendError
from headend.health import doctor
from headend.health.finding import Finding
from headend.health.host_clock import discipline
from headend.place import Store, daemon_conninfo, store
from headend.recording.spooling import directory_of as spool_directory
from headend.registry.known import line_path, meter_path_of
from protocols.errors import LinkError, ModelError
from protocols.links.open import open_link
from protocols.links.url import PUSH, parse_link, scheme_of
from storage import entries
from storage.errors import DatabaseUnreachable, SchemaMismatch, StorageError
from storage.migrate import check
from storage.roles import excess
from storage.spool.segment import ASIDE, segments_in


async def inspect(config: Config, *, links: bool = False) -> AsyncIterator[Finding]:
    """Clock, disks, database, schema, registry, brokers, spool, what has piled up; with `links` every line's link is
    opened."""
    yield doctor.clock(discipline())
    if spool := spool_directory(config):
        yield await asyncio.to_thread(_spool, spool, config.spool.bytes)
    async for finding in _pushed(config):
        yield finding
    try:
        async with store(config) as opened:
            level = await check(opened.conninfo)
            yield Finding("database", f"reachable, {level.value}, schema is this program's")
            yield await _role(config, opened)
            async for finding in doctor.examine(config, opened, datetime.now(UTC)):
                yield finding
            async for finding in _registry(config, opened, links):
                yield finding
    except DatabaseUnreachable as error:
        yield Finding("database", str(error), 3, "start the server, or correct [database]")
    except SchemaMismatch as error:
        yield Finding("database", str(error), 1, "see headend check --upgrade, and docs/deployment.md")
    except StorageError as error:
        yield Finding("database", str(error), 1)
    for finding in doctor.retention(config):
        yield finding


async def _role(config: Config, opened: Store) -> Finding:
    """Whether the daemon could change what is only to be added to."""
    try:
        found = await excess(daemon_conninfo(config, opened.conninfo))
    except DatabaseUnreachable as error:
        return Finding("daemon's role", str(error), 3, "headend init; then let the role log in: docs/deployment.md")
    if not found.found:
        return Finding("daemon's role", f"{found.role} can add to the audit and to commands, and change neither")
    tables = sorted({table for table, _ in found.found})
    told = f"{found.role} may change {', '.join(tables[:_NAMED])}{' and more' if len(tables) > _NAMED else ''}"
    return Finding("daemon's role", told, remedy="headend init, and [database] daemon_dsn: docs/deployment.md")


_NAMED: Final = 3


async def _pushed(config: Config) -> AsyncIterator[Finding]:
    for table in config.push:
        from headend.ingest.broker_check import check_broker

        for found in await check_broker(config, table):
            yield Finding(f"push {table.name}", found.detail, found.exit_code)


def _spool(directory: Path, limit: int) -> Finding:
    """Whether batches would be taken, and what is left in it."""
    if not directory.exists():
        return Finding("spool", f"{directory} will be made by the daemon")
    try:
        waiting = [path.stat().st_size for path in segments_in(directory)]
        kept = [path.stat().st_size for path in segments_in(directory / ASIDE)] if (directory / ASIDE).exists() else []
    except OSError as error:
        return Finding("spool", f"{directory}: {error.strerror}", 1)
    used = sum(waiting) + sum(kept)
    told = f"{directory}: {len(waiting)} segments wait, {used} of {limit} bytes are taken"
    told += f"; {len(kept)} segments in {ASIDE}: see docs/storage.md" if kept else ""
    room = shutil.disk_usage(directory).free
    if not os.access(directory, os.W_OK):
        return Finding("spool", f"{told}; it cannot be written to", 1)
    if used + _SPOOL_LEAST > limit:
        return Finding("spool", f"{told}: it is full", 1, "bring the database back, or raise spool.bytes")
    if room < limit - used:
        return Finding("spool", f"{told}, but its disk has room for {room} bytes only", 1, "make room")
    remedy = "look at them: docs/storage.md" if kept else ""
    return Finding("spool", told, remedy=remedy or ("start the daemon: it stores them" if waiting else ""))


_SPOOL_LEAST: Final = 100_000
"""Bytes: with less room the next batches would be refused."""


async def _registry(config: Config, opened: Store, links: bool) -> AsyncIterator[Finding]:
    lines = await opened.registry.lines()
    active = [m for m in await opened.registry.meters() if m.state is entries.MeterState.ACTIVE]
    yield Finding("registry", f"{len(lines)} lines, {len(active)} active meters")
    for line in lines:
        yield await _line(line, links or scheme_of(line.url).startswith("mqtt"))
    usable = []
    for meter in active:
        try:
            usable.append(meter_path_of(meter))
        except HeadendError as error:
            yield Finding(f"meter {meter.name}", str(error), 1)
    for finding in _plans(config, usable):
        yield finding


async def _line(line: entries.Line, try_it: bool) -> Finding:
    path = line_path(line)
    if path.url == PUSH:
        return Finding(f"line {line.name}", "its meters only push")
    try:
        defaults = dialect(path.protocol).link
        parse_link(path.url, defaults)
        if not try_it:
            return Finding(f"line {line.name}", "its URL is well formed")
        link = await open_link(path.url, defaults=defaults)
        await link.close()
    except (ModelError, HeadendError) as error:
        return Finding(f"line {line.name}", str(error), 2)
    except LinkError as error:
        return Finding(f"line {line.name}", str(error), 3 if scheme_of(path.url).startswith("mqtt") else 1)
    return Finding(f"line {line.name}", "can be opened")


def _plans(config: Config, meters: list[MeterPath]) -> list[Finding]:
    findings = []
    kinds = {meter.model.head.name: meter.model for meter in meters}
    for plan in config.plan:
        for name, model in kinds.items():
            task = task_of(model, plan.wanted, 0)
            lacking = [quantity.name for quantity in plan.wanted if quantity not in task.wanted]
            detail = f"{len(task.wanted)} quantities in {len(task.reads)} requests"
            detail += f"; the model does not give {', '.join(lacking)}" if lacking else ""
            findings.append(Finding(f"plan {plan.name}, model {name}", detail))
    if not config.plan and not config.push:
        findings.append(Finding("plan", "there is none, and no push: nothing would be collected", 2))
    return findings
