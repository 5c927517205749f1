"""`[[plan]]` of the configuration: what is collected of which meters, and when.

[[plan]]
name = "curve"
kind = "registers"                     # registers (default), records, events, clock
every = "15m"                          # or daily = "00:05", or monthly = "1 00:00"
quantities = ["active_energy_import", "voltage_l1"]
meters = { model = ["dlt645_2007"], area = [], tariff = [], line = [], meter = [] }    # all where left out
collect = "4h"                         # records: asked for so often, many moments together
priority = "today"                     # or event, recovery
delay = "0s"                           # behind the slot
expires = "1h"                         # behind that
tries = 2
horizon = "30d"                        # how far back gaps are filled
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from headend.duration import seconds
from headend.work.plan import Kind, Plan, Priority, Selection
from headend.work.schedule import Every, Schedule, daily, monthly
from protocols.errors import ModelError
from protocols.model import Quantity
from protocols.quantities import quantity

_PRIORITIES: Final = {"event": Priority.EVENT, "today": Priority.TODAY, "recovery": Priority.RECOVERY}


class SelectionTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    model: list[str] = []
    area: list[str] = []
    tariff: list[str] = []
    line: list[str] = []
    meter: list[str] = []

    @property
    def selection(self) -> Selection:
        return Selection(*(frozenset(names) for names in (self.model, self.area, self.tariff, self.line, self.meter)))


class PlanTable(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One of every, daily and monthly; slots of `every` are its multiples since 1970-01-01T00:00Z."""

    name: str
    every: str = ""
    daily: str = ""
    monthly: str = ""
    quantities: list[str] = []
    kind: Kind = Kind.REGISTERS
    meters: SelectionTable = SelectionTable()
    collect: str = ""
    priority: str = "today"
    delay: str = "0s"
    expires: str = ""
    tries: int = 2
    horizon: str = "30d"

    @property
    def wanted(self) -> tuple[Quantity, ...]:
        return tuple(quantity(name) for name in self.quantities)

    def schedule(self, zone: ZoneInfo) -> Schedule:
        """Raises `ValueError`."""
        if self.daily:
            return daily(self.daily, zone)
        return monthly(self.monthly, zone) if self.monthly else Every(_whole(self.every))

    def plan(self, zone: ZoneInfo) -> Plan:
        """What the table says, checked before."""
        return Plan(
            self.name,
            self.schedule(zone),
            self.wanted,
            self.kind,
            self.meters.selection,
            _PRIORITIES[self.priority],
            Every(_whole(self.collect)) if self.collect else None,
            timedelta(seconds=seconds(self.delay)),
            timedelta(seconds=seconds(self.expires)) if self.expires else None,
            self.tries,
            timedelta(seconds=seconds(self.horizon)),
        )


def _whole(text: str) -> int:
    """Raises `ValueError`."""
    given = seconds(text)
    if given < 1 or given != round(given):
        raise ValueError(f"{text!r}, expected whole seconds, at least 1s")
    return round(given)


def plan_problems(plan: PlanTable, earlier: set[str]) -> list[tuple[str, str]]:
    """What is wrong with a table: (key, what was expected). `earlier`: names of the tables before it."""
    found: list[tuple[str, str]] = []
    stated = [key for key in ("every", "daily", "monthly") if getattr(plan, key)]
    if len(stated) != 1:
        found.append(("every", "expected exactly one of every, daily and monthly"))
    else:
        found += _problem(stated[0], lambda: plan.schedule(ZoneInfo("UTC")))
    for key in ("delay", "expires", "horizon"):
        if text := getattr(plan, key):
            found += _problem(key, partial(seconds, text))
    if plan.collect:
        found += _problem("collect", lambda: _whole(plan.collect))
        if plan.kind is not Kind.RECORDS:
            found.append(("collect", "is for records alone"))
    if plan.kind in (Kind.REQUEST, Kind.COMMAND):
        found.append(("kind", "request is no plan's: expected registers, records, events or clock"))
    if plan.priority not in _PRIORITIES:
        found.append(("priority", f"{plan.priority!r}, expected one of {', '.join(_PRIORITIES)}"))
    if not 1 <= plan.tries <= 100:
        found.append(("tries", f"{plan.tries}, expected 1 to 100"))
    found += _quantity_problems(plan)
    if not plan.name:
        found.append(("name", "is empty"))
    if plan.name in earlier:
        found.append(("name", f"{plan.name!r} stands twice"))
    if not found and plan.kind is Kind.REGISTERS and (job := plan.plan(ZoneInfo("UTC"))).delay >= job.open_for:
        found.append(("delay", f"{plan.delay!r}, expected less than registers may take to be read"))
    return found


def _quantity_problems(plan: PlanTable) -> list[tuple[str, str]]:
    if not plan.kind.is_expected:
        return [("quantities", f"{plan.kind} reads none")] if plan.quantities else []
    try:
        wanted = [one.name for one in plan.wanted]
    except ModelError as error:
        return [("quantities", str(error))]
    if not wanted:
        return [("quantities", "is empty, expected at least one quantity")]
    return [("quantities", f"{name} stands twice") for name in dict.fromkeys(wanted) if wanted.count(name) > 1]


def _problem(key: str, check: Callable[[], object]) -> list[tuple[str, str]]:
    try:
        check()
    except ValueError as error:
        return [(key, str(error))]
    return []
