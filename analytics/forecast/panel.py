"""Tables of energies onto the grid that forecasts work on; areas and the system as sums that bear gaps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.day_types import Calendar, DayType, YearUnknown
from analytics.errors import FrameUnusable
from analytics.forecast.words import Flags, Floats, Numbers, Panel
from analytics.theft.grid import gridded
from analytics.theft.words import Frame

_LEAST_SHARE: Final = 0.8
"""A sum of which less than this part was read is a gap."""


def panel(
    energies: Frame,
    calendar: Calendar | None,
    more_days: int,
    temperature: Frame | None = None,
    holidays: frozenset[date] = frozenset(),
) -> tuple[Panel, list[str]]:
    """With `more_days` empty days at its end; and what was odd in the input, in sentences. Raises `FrameUnusable`.

    Times that occur twice, mixed steps and negative values are treated as `analytics.theft.grid` says. Without a
    calendar Saturday and Sunday are the weekend. `holidays` count beside the calendar's.
    """
    placed = gridded(energies, "readings")
    notes = list(placed.notes)
    if placed.step_s > 86400:
        raise FrameUnusable(f"readings: a step of {placed.step_s} s, expected a day or less")
    known = placed.cells.shape[1]
    cells = np.full((len(placed.names), known + more_days, placed.cells.shape[2]), np.nan, np.float32)
    cells[:, :known] = placed.cells
    first = placed.first_day.astype(date)
    days = [first + timedelta(days=n) for n in range(cells.shape[1])]
    kinds, free = _kinds(days, calendar, holidays, notes)
    made = Panel(
        placed.names, placed.first_day, placed.step_s, cells, kinds, np.array([day.weekday() for day in days]), free
    )
    if temperature is None:
        return made, notes
    warm = _temperature(temperature, made, notes)
    return Panel(made.names, made.first_day, made.step_s, cells, kinds, made.weekday, free, warm), notes


def _kinds(
    days: Sequence[date], calendar: Calendar | None, holidays: frozenset[date], notes: list[str]
) -> tuple[Numbers, Flags]:
    weekend = frozenset({5, 6}) if calendar is None else calendar.weekend
    unknown: set[int] = set()

    def kind(day: date) -> tuple[int, bool]:
        if day in holidays:
            return 2, True
        found = DayType.WEEKEND if day.weekday() in weekend else DayType.WORKDAY
        if calendar is not None:
            try:
                found = calendar.day_type(day)
            except YearUnknown:
                unknown.add(day.year)
        if found is DayType.WEEKEND:
            return (2 if (day.weekday() - 1) % 7 in weekend else 1), False
        return (2, True) if found is DayType.HOLIDAY else (0, False)

    both = [kind(day) for day in days]
    if unknown and calendar is not None:
        years = ", ".join(map(str, sorted(unknown)))
        notes.append(f"calendar {calendar.name} lists no holidays of {years}: weekends alone are known there")
    return np.array([k for k, _ in both], np.int64), np.array([free for _, free in both], np.bool_)


def _temperature(given: Frame, like: Panel, notes: list[str]) -> Floats | None:
    """On the panel's grid; None where days at its end lack it."""
    good = ~np.isnat(given.times)
    if not good.any():
        notes.append("temperature: no row with a time, it is left out")
        return None
    times = given.times[good].astype("datetime64[s]").astype(np.int64)
    values = np.asarray(given.values, np.float64)[good, 0]
    held = np.isfinite(values)
    order = np.argsort(times[held], kind="stable")
    times, values = times[held][order], values[held][order]
    start = int(like.first_day.astype("datetime64[s]").astype(np.int64))
    moments = start + np.arange(like.days * like.slots) * like.step_s
    if not len(times) or times[-1] + 6 * 3600 < moments[-1] or times[0] - 86400 > moments[0]:
        notes.append("temperature: it does not cover the days from the first to the last forecast one, it is left out")
        return None
    gaps = np.diff(times)
    if len(gaps) and gaps.max() > 6 * 3600:
        notes.append(f"temperature: gaps of up to {gaps.max() // 3600} h are bridged")
    if like.step_s > 3600:
        step = np.searchsorted(times, np.append(moments, moments[-1] + like.step_s))
        means = [values[a:b].mean() if b > a else np.nan for a, b in pairwise(step)]
        filled = np.array(means)
        known = np.isfinite(filled)
        filled = np.interp(np.arange(len(filled)), np.nonzero(known)[0], filled[known])
    else:
        filled = np.interp(moments, times, values)
    made: Floats = filled.reshape(like.days, like.slots)
    return made


def summed(panel: Panel, members: Mapping[str, Sequence[int]]) -> Panel:
    """A series for each group of series. Where some are not read, the sum is told by what the others usually have in
    it; where the unread ones usually have more than a fifth, it is a gap."""
    held_cells = np.isfinite(panel.cells)
    read_of = np.maximum(held_cells.sum(axis=(1, 2)), 1)
    usual = np.where(held_cells, panel.cells, 0).sum(axis=(1, 2), dtype=np.float64) / read_of
    made = np.full((len(members), panel.days, panel.slots), np.nan, np.float32)
    for row, chosen in enumerate(members.values()):
        whole = float(sum(usual[k] for k in chosen))
        total = np.zeros((panel.days, panel.slots))
        read = np.zeros((panel.days, panel.slots))
        for k in chosen:
            held = np.isfinite(panel.cells[k])
            total += np.where(held, panel.cells[k], 0)
            read += held * float(usual[k])
        share = read / whole if whole > 0 else np.zeros_like(read)
        made[row] = np.where(share > _LEAST_SHARE, total / np.maximum(share, _LEAST_SHARE), np.nan)
    return Panel(
        tuple(members), panel.first_day, panel.step_s, made, panel.kind, panel.weekday, panel.holiday,
        panel.temperature,
    )  # fmt: skip


def grouped(
    names: Sequence[str], membership: Sequence[tuple[str, str]], tell: Callable[[str], None]
) -> dict[str, list[int]]:
    """Area to its series. Of a meter in two areas the first one in order of names counts."""
    place = {name: k for k, name in enumerate(names)}
    area_of: dict[str, str] = {}
    twice: set[str] = set()
    for meter, area in sorted(set(membership)):
        if meter in area_of:
            twice.add(meter)
        else:
            area_of[meter] = area
    if twice:
        tell(
            f"areas: {len(twice)} meters are in two areas, the first in order of names counts: "
            + ", ".join(sorted(twice)[:5])
        )
    absent = sorted(set(area_of) - set(place))
    if absent:
        tell(f"areas: {len(absent)} meters have no readings: {', '.join(absent[:5])}")
    made: dict[str, list[int]] = {}
    for meter in sorted(area_of):
        if meter in place:
            made.setdefault(area_of[meter], []).append(place[meter])
    return dict(sorted(made.items()))
