"""The registry as the collector and the command line see it: stored entries turned into lines, meters and plans."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import TypeAlias
from zoneinfo import ZoneInfo

import structlog

from headend.collection.line import LinePath
from headend.collection.survey import UTC, MeterPath
from headend.config import Config, load
from headend.errors import HeadendError
from headend.place import store
from headend.work.plan import Plan
from headend.work.schedule import Daily, Every, Monthly
from protocols import models
from protocols.errors import ModelError
from protocols.links.url import PUSH
from storage import entries
from storage.errors import NotFound

_log = structlog.get_logger("registry")


def line_path(line: entries.NewLine) -> LinePath:
    """A stored line as the collector works it."""
    return LinePath(
        line.name,
        line.url,
        line.protocol,
        str(line.options.get("framing", "")),
        bool(line.options.get("echo", False)),
        int(line.options.get("window", 1)),
    )


Places: TypeAlias = Mapping[int, tuple[frozenset[str], str | None]]
"""Meter to the names of its areas and its usage point's tariff."""


def meter_path_of(meter: entries.Meter, zone: ZoneInfo = UTC, places: Places = MappingProxyType({})) -> MeterPath:
    """A stored meter as the poller sees it, its clock in `zone`. Raises `HeadendError` where its model is gone or
    broken."""
    try:
        model = models.load(meter.model)
        return MeterPath(meter.id, meter.name, meter.address, model, zone, *places.get(meter.id, (frozenset(), None)))
    except ModelError as error:
        raise HeadendError(f"meter {meter.name}: {error}") from error


def by_line(
    lines: Iterable[entries.Line],
    meters: Iterable[entries.Meter],
    zone: ZoneInfo = UTC,
    places: Places = MappingProxyType({}),
) -> list[tuple[LinePath, Sequence[MeterPath]]]:
    """Every line that is polled with its active meters, in the order of their names.

    A meter whose model is gone is left out and told; it stays expected, so its readings are known to be missing.
    """
    standing: dict[int, list[MeterPath]] = {}
    for meter in meters:
        if meter.state is not entries.MeterState.ACTIVE:
            continue
        try:
            standing.setdefault(meter.line_id, []).append(meter_path_of(meter, zone, places))
        except HeadendError as error:
            _log.error("meter cannot be read", meter=meter.name, reason=str(error))
    return [(line_path(line), standing.get(line.id, [])) for line in lines if line.url != PUSH]


def plans_of(config: Config) -> list[Plan]:
    """The configured plans."""
    return [plan.plan(config.zone) for plan in config.plan]


def stored_plan(plan: Plan, zone: str, now: datetime) -> entries.NewPlan:
    """A plan as the ledger is told of it."""
    schedule, selection = plan.schedule, plan.selection
    chosen = (selection.models, selection.areas, selection.tariffs, selection.lines, selection.meters)
    models_, areas, tariffs, lines, meters = (tuple(sorted(names)) or None for names in chosen)
    return entries.NewPlan(
        name=plan.name,
        period_s=schedule.seconds if isinstance(schedule, Every) else None,
        quantities=plan.quantities,
        valid_from=now,
        kind=str(plan.kind),
        minute=schedule.minute if isinstance(schedule, Daily | Monthly) else None,
        days=schedule.days if isinstance(schedule, Monthly) else None,
        zone=zone if isinstance(schedule, Daily | Monthly) else None,
        models=models_,
        areas=areas,
        tariffs=tariffs,
        lines=lines,
        meters=meters,
        horizon=plan.horizon,
    )


async def meter_path(config_file: str, name: str) -> tuple[LinePath, MeterPath, list[str]]:
    """One meter of the registry: its line, itself, and the quantities that the plans want of it.

    Raises `UsageFault` for a bad configuration, `HeadendError` for an unknown meter.
    """
    config = load(config_file)
    async with store(config) as opened:
        known = opened.registry
        try:
            meter = await known.meter(name)
        except NotFound as error:
            raise HeadendError(f"{error} in the registry (see headend meter list)") from error
        line = next(line for line in await known.lines() if line.id == meter.line_id)
    path = meter_path_of(meter)
    wanted = dict.fromkeys(quantity for plan in config.plan for quantity in plan.wanted)
    return line_path(line), path, [q.name for q in wanted if q in path.model.quantities]
