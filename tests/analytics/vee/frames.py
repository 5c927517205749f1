"""Frames of a few meters to try the rules on."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import numpy as np

from analytics.day_types import CalendarTable, calendar
from analytics.intervals.grid import Grid, grid
from analytics.vee.frame import UNKNOWN, Frame, History, Totals, frame
from analytics.vee.parameters import Checks, Parameters, shipped

SHANGHAI = ZoneInfo("Asia/Shanghai")
BERLIN = ZoneInfo("Europe/Berlin")
PLAIN = calendar("plain", CalendarTable())
SHIPPED = shipped()


def days(first: date, count: int, zone: ZoneInfo = SHANGHAI, minutes: int = 60) -> Grid:
    return grid(first, first + timedelta(days=count), zone, minutes)


def full(on: Grid, value: int = 1000, rows: int = 1, **more: Any) -> Frame:
    """All present, every interval `value` steps and its slot, so that no two neighbours are equal."""
    steps = np.tile(value + on.slot, (rows, 1))
    return frame(tuple(f"m{row}" for row in range(rows)), on, steps, np.ones(steps.shape, np.bool_), **more)


def holed(of: Frame, *holes: tuple[int, int], totals: list[tuple[int, int, int, int]] | None = None) -> Frame:
    """Row 0 without the intervals [first, last) of each hole."""
    present, steps = of.present.copy(), of.steps.copy()
    for first, last in holes:
        present[0, first:last], steps[0, first:last] = False, 0
    return replace(of, present=present, steps=steps, totals=Totals.of(totals or []))


def history(on: Grid, value: int = 1000, rows: int = 1, last: int = UNKNOWN, year: int = UNKNOWN) -> History:
    steps = np.tile(value + on.slot, (rows, 1))
    return History(
        on, steps, np.ones(steps.shape, np.bool_), np.zeros((rows, len(on.days)), np.bool_),
        np.zeros((rows, len(on.days)), np.bool_),
        np.full(rows, last), np.full(rows, year), np.zeros(rows, np.int64),
    )  # fmt: skip


def only(*names: str, **changed: Any) -> Parameters:
    """The shipped parameters, with every other check off; `changed`: whole rules by name."""
    checks: dict[str, Any] = {}
    for name in Checks.__struct_fields__:
        rule = changed.get(name, getattr(SHIPPED.checks, name))
        checks[name] = rule if name in names else msgspec.structs.replace(rule, action="off")
    return msgspec.structs.replace(SHIPPED, checks=Checks(**checks))
