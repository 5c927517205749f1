"""The configuration's table `[vee]`."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

import msgspec

from analytics import day_types
from analytics.day_types import Calendar, CalendarTable
from analytics.errors import AnalyticsError
from analytics.vee import parameters as rules
from analytics.vee.parameters import Parameters
from headend.duration import seconds
from headend.errors import UsageFault
from protocols.errors import ModelError
from protocols.model import Kind, Quantity
from protocols.quantities import quantity

_STEPS: Final = (15, 30, 60)
_OF_ALL_WEEKS: Final = Calendar("none", frozenset({5, 6}), None, {})


class VeeTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """`parameters` and `calendar` are files, relative to the configuration; a calendar may also be a shipped one.

    `near`: how far from a boundary a register may have been read and still count as the boundary's. `voltage`: of a
    phase, for what a rated current can carry.
    """

    step: str = "15min"
    quantities: tuple[str, ...] = ("active_energy_import", "active_energy_export")
    parameters: str = ""
    calendar: str = "cn"
    near: str = "1m"
    voltage: int = 220


@dataclass(frozen=True, slots=True)
class Rules:
    """What is validated, and by which rules. The first of `quantities` is expected of every point."""

    step_minutes: int
    quantities: tuple[Quantity, ...]
    parameters: Parameters
    contents: Mapping[str, object]
    calendar: Calendar
    near: timedelta
    voltage: int

    @property
    def step_s(self) -> int:
        return self.step_minutes * 60


def rules_of(table: VeeTable, folder: Path) -> Rules:
    """Raises `UsageFault` naming key or file and what was expected."""
    own = rules.shipped()
    if table.parameters:
        try:
            own = rules.parse((folder / table.parameters).read_text(encoding="utf-8"), table.parameters)
        except (OSError, UnicodeDecodeError, AnalyticsError) as error:
            raise UsageFault(f"vee.parameters: {error}") from error
    return Rules(
        step_minutes=step_minutes(table.step),
        quantities=tuple(_quantity(name) for name in table.quantities),
        parameters=own,
        contents=msgspec.to_builtins(own),
        calendar=_calendar(table.calendar, folder),
        near=timedelta(seconds=seconds(table.near)),
        voltage=table.voltage,
    )


def problems(table: VeeTable) -> list[tuple[str, str]]:
    """What types cannot say: (key, what was expected)."""
    found = []
    for key, check in (("step", step_minutes), ("near", seconds)):
        try:
            check(getattr(table, key))
        except ValueError as error:
            found.append((key, str(error)))
    if table.voltage < 1:
        found.append(("voltage", "expected volts of a phase, above 0"))
    for name in table.quantities:
        try:
            _quantity(name)
        except UsageFault as error:
            found.append(("quantities", str(error)))
    if not table.quantities:
        found.append(("quantities", "expected at least one, such as active_energy_import"))
    return found


def step_minutes(text: str) -> int:
    """``15min`` as 15. Raises `ValueError`."""
    for minutes in _STEPS:
        if text in (f"{minutes}min", f"{minutes}m"):
            return minutes
    raise ValueError(f"{text!r}, expected 15min, 30min or 60min")


def _quantity(name: str) -> Quantity:
    try:
        found = quantity(name)
    except ModelError as error:
        raise UsageFault(str(error)) from error
    if found.kind is not Kind.CUMULATIVE:
        raise UsageFault(f"{name} is no cumulative register: it is {found.kind}")
    return found


def _calendar(name: str, folder: Path) -> Calendar:
    """A file, a shipped one, or with an empty name workdays and weekends only."""
    if not name:
        return _OF_ALL_WEEKS
    try:
        if name.endswith(".toml"):
            tables = tomllib.loads((folder / name).read_text(encoding="utf-8"))
            return day_types.calendar(name, msgspec.convert(tables, CalendarTable))
        return day_types.shipped(name)
    except (OSError, ValueError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise UsageFault(f"vee.calendar: {error}") from error
