"""Labels from files, or from the database and into it."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from os import cpu_count
from pathlib import Path
from typing import Any

import numpy as np

from analytics.labels import Further, Labelled, Outage, Rules, label, rules
from analytics.theft.words import Frame
from headend.errors import UsageFault
from headend.forecasting.given import Given, calendar, from_store, holidays
from headend.theft import files
from storage.labels import LabelRun, Labels, NewLabel


@dataclass(frozen=True, slots=True)
class Asked:
    """`at`: from when on the labels hold."""

    at: datetime
    calendar: str | None = None
    holidays: str | None = None
    rules: str | None = None


def read_rules(path: str | None) -> Rules | None:
    """Raises `UsageFault`."""
    if path is None:
        return None
    try:
        return rules(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageFault(f"{path}: {error.strerror}") from None
    except ValueError as error:
        raise UsageFault(f"{path}: {error}") from None


def labelled(given: Given, further: Further, asked: Asked) -> Labelled:
    """Raises `FrameUnusable`, `UsageFault`."""
    own = read_rules(asked.rules)
    if asked.holidays:
        further = Further(
            exports=further.exports, outages=further.outages, supplied=further.supplied, category=further.category,
            holidays=holidays(asked.holidays, given.zone),
        )  # fmt: skip
    days = calendar(asked.calendar, given.zone)
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        return label(given.energies, given.wh, asked.at, days, further, own, pool)


def from_files(given: Given, exports: str | None, outages: str | None) -> Further:
    """`outages`: CSV meter_id,start,end (end may be empty), ISO 8601. Raises `UsageFault` that names file and row."""
    fed: Frame | None = None
    if exports:
        fed, _ = files.frame(exports)
    if not outages:
        return Further(exports=fed)
    spans = []
    for number, row in enumerate(files.rows(outages, ("meter_id", "start", "end")), 2):
        try:
            start = _moment(row["start"])
            end = _moment(row["end"]) if row["end"] else None
        except ValueError:
            raise UsageFault(f"{outages}, row {number}: expected times in ISO 8601 such as 2026-01-31T10:00Z") from None
        spans.append(Outage(row["meter_id"], start, end))
    return Further(exports=fed, outages=spans, supplied=tuple(given.energies.names))


def _moment(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


async def from_database(
    config: Any, conninfo: str, days: tuple[date, date], areas: list[str] | None, step: int | None, at: datetime
) -> tuple[Given, Further]:
    """Usage points with what they fed in, their categories and outages. Raises `UsageFault`, storage errors."""
    from headend.series.stored import EXPORT, frame
    from storage.outages import OutageStore
    from storage.registers import Of
    from storage.registry import Registry

    given = await from_store(config, conninfo, days, areas, step)
    names = list(given.energies.names)
    fed = await frame(conninfo, Of.POINT, names, days, config.zone, step_minutes=60, quantity=EXPORT)
    known = np.asarray(np.isfinite(fed.values).any(axis=0))
    exports = None
    if known.any():
        kept = [name for name, there in zip(fed.names, known, strict=True) if there]
        exports = Frame(kept, fed.times, fed.values[:, known])
    async with Registry(conninfo) as registry, OutageStore(conninfo) as store:
        category = {point.name: point.category for point in await registry.usage_points() if point.category}
        stays = await registry.installations(names)
        outages = await store.outages(since=at - timedelta(days=3660))
    spans = [
        Outage(stay.point, max(outage.start, stay.start), outage.restored)
        for outage in outages
        for meters in (frozenset(outage.meters),)
        for stay in stays
        if stay.meter in meters
        and stay.start < (outage.restored or at)
        and (stay.end is None or stay.end > outage.start)
    ]
    return given, Further(exports=exports, outages=spans, supplied=names, category=category)


async def keep(conninfo: str, found: Labelled, asked: Asked, version: str, source: dict[str, Any], actor: str) -> int:
    """The run's id."""
    async with Labels(conninfo) as labels:
        return await labels.keep(
            LabelRun(
                valid_from=asked.at,
                version=version,
                actor=actor,
                source=source,
                judged=found.judged,
                labels=_new(found),
            )
        )


def _new(found: Labelled) -> Sequence[NewLabel]:
    return [
        NewLabel(
            point=one.name, label=one.label, value=one.value, rule=one.rule, version=one.version,
            evidence=one.evidence, expires=one.expires,
        )
        for one in found.labels
    ]  # fmt: skip
