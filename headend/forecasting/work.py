"""What is forecast when: levels, the first day, what is known before it."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from os import cpu_count

import numpy as np

from analytics.forecast import Forecast, Known, Level, Panel, Scores, backtest, forward, grouped, panel, summed
from analytics.theft.words import Frame
from headend.errors import UsageFault
from headend.forecasting.given import Given, calendar, holidays, temperature


@dataclass(frozen=True, slots=True)
class Asked:
    """`until_s`: how far the day before is known, in seconds; None: to its end. `day` None: the day after the data."""

    levels: tuple[Level, ...]
    horizon: int = 1
    day: date | None = None
    until_s: int | None = None
    calendar: str | None = None
    holidays: str | None = None
    temperature: str | None = None
    utc: bool = False


def panels(given: Given, asked: Asked, more_days: int) -> tuple[dict[Level, Panel], list[str]]:
    """By level, and what was odd. Raises `FrameUnusable`, `UsageFault`."""
    warm: Frame | None = None
    if asked.temperature:
        warm = temperature(asked.temperature, given.zone, asked.utc)
    kept = holidays(asked.holidays, given.zone, asked.utc) if asked.holidays else frozenset()
    meters, notes = panel(given.energies, calendar(asked.calendar, given.zone), more_days, warm, kept)
    made: dict[Level, Panel] = {}
    for level in asked.levels:
        if level is Level.METER:
            made[level] = meters
        elif level is Level.AREA:
            groups = grouped(meters.names, given.membership, notes.append)
            if groups:
                made[level] = summed(meters, groups)
        else:
            made[level] = summed(meters, {"system": range(len(meters.names))})
    return made, notes


def origin(known: Panel, asked: Asked) -> tuple[int, Known]:
    """The place of the first day to forecast, and what is known before it. Raises `UsageFault`."""
    held = np.asarray(np.isfinite(known.cells).any(axis=0))
    days = np.nonzero(held.any(axis=1))[0]
    if not len(days):
        raise UsageFault("no reading at all")
    last = int(days[-1])
    first: date = known.first_day.astype(date)
    at = last + 1 if asked.day is None else (asked.day - first).days
    if at < 1:
        raise UsageFault(f"--day {asked.day}: expected a day after {first}, of which there is the first reading")
    last = min(last, at - 1)
    ends = int(np.nonzero(held[last])[0][-1]) + 1
    if asked.until_s is not None and last == at - 1:
        ends = min(ends, asked.until_s // known.step_s)
    if ends >= known.slots:
        return at, Known(at - last)
    return at, Known(at - last + 1, ends)


def forecasts(given: Given, asked: Asked, tell: list[str]) -> Iterator[tuple[Level, Panel, Forecast]]:
    """Level by level."""
    more = asked.horizon
    if asked.day is not None:
        given = _before(given, np.datetime64(asked.day) + asked.horizon)
        times = given.energies.times
        if len(times):
            last: date = times.max().astype("datetime64[D]").astype(date)
            more = max((asked.day - last).days + asked.horizon - 1, 0)
    if more > 400:
        raise UsageFault(f"--day {asked.day}: expected a day within a year of the readings")
    made, notes = panels(given, asked, more)
    tell += notes
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        for level, series in made.items():
            at, known = origin(series, asked)
            series = series.between(0, at + asked.horizon)
            yield level, series, forward(series, at, asked.horizon, level, known, pool)


def _before(given: Given, end: np.datetime64) -> Given:
    """What is later is nobody's business here; where all is later, `origin` says so."""
    energies = given.energies
    kept = np.asarray(energies.times < end)
    if not kept.any():
        return given
    return replace(given, energies=Frame(energies.names, energies.times[kept], energies.values[kept]))


def backtests(
    given: Given, asked: Asked, days: int | None, every: int | None, tell: list[str]
) -> Iterator[tuple[Level, Panel, Forecast, Scores]]:
    """The last `days`; None: the later half, at most a year. `every`: after how many days is learned anew."""
    made, notes = panels(given, asked, 0)
    tell += notes
    with ThreadPoolExecutor(cpu_count() or 1) as pool:
        for level, series in made.items():
            count = days or min(series.days // 2, 365)
            start = series.days - count
            known = Known()
            if asked.until_s is not None and asked.until_s < 86400:
                known = Known(2, asked.until_s // series.step_s)
            found, scored = backtest(series, level, start, every or (7 if series.days < 200 else 28), known, pool)
            yield level, series, found, scored
