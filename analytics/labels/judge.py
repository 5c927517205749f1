"""The rules, one function each: days to a value and its evidence, for every customer that it fits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from analytics.labels.days import Days, Floats, mean
from analytics.labels.rules import BaseLoad, FlexibleLoad, LoadShape, PeakHour, PvOwner

Found: TypeAlias = dict[int, tuple[str, dict[str, str]]]
"""Row to value and evidence."""


def number(value: float, places: int = 0) -> str:
    """Without a point where there is none to show; never -0."""
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text


def base_load(days: Days, rule: BaseLoad) -> tuple[Floats, Found]:
    """(series,) in W, and the labels."""
    width = max(round(rule.hours * 3600 / days.step_s), 1)
    ordered = np.sort(np.where(days.full[:, :, None], days.w, np.nan), axis=2)[:, :, :width]  # NaN goes to the end
    lowest = mean(ordered, np.ones(ordered.shape, np.bool_), axis=2)
    base = np.full(len(days.names), np.nan)
    found: Found = {}
    for k in range(len(days.names)):
        known = lowest[k][np.isfinite(lowest[k])]
        if len(known):
            base[k] = np.quantile(known, rule.quantile)
            found[k] = number(base[k]), {"unit": "W", "days": str(len(known))}
    return base, found


def peak_hour(days: Days, rule: PeakHour) -> Found:
    """Of workdays; of all days where none was read at that time."""
    work, every = days.profile(~days.off), days.profile(np.ones(len(days.off), np.bool_))
    profile = np.where(np.isfinite(work), work, every)
    found: Found = {}
    per_hour = max(round(3600 / days.step_s), 1)
    for k, row in enumerate(profile):
        hours = row.reshape(-1, per_hour).mean(axis=1) if len(row) % per_hour == 0 else row
        if not np.isfinite(hours).any() or np.nanmax(hours) <= 0:
            continue
        at = int(np.nanargmax(hours))
        hour = at if per_hour > 1 or days.step_s == 3600 else int(days.hour[at])
        found[k] = str(hour), {"mean_w": number(float(hours[at])), "day_mean_w": number(float(np.nanmean(row)))}
    return found


def load_shape(days: Days, rule: LoadShape) -> Found:
    """business, or the window in which the load is highest, or flat."""
    every = days.profile(np.ones(len(days.off), np.bool_))
    work, off = days.profile(~days.off), days.profile(days.off)
    whole = mean(every, np.isfinite(every), axis=1)
    day = days.within(rule.day)
    windows = {name: days.within(getattr(rule, name)) for name in ("night", "morning", "day", "evening")}
    found: Found = {}
    for k in range(len(days.names)):
        if not np.isfinite(whole[k]) or whole[k] <= 0:
            continue
        ratio = {name: _mean(every[k], slots) / whole[k] for name, slots in windows.items() if slots.any()}
        evidence = {name: number(value, 2) for name, value in ratio.items() if np.isfinite(value)}
        free = _mean(off[k], np.ones(len(day), np.bool_))
        against = _mean(work[k], np.ones(len(day), np.bool_)) / free if free > 0 else np.nan
        if np.isfinite(against):
            evidence["workday_ratio"] = number(against, 2)
        if against >= rule.business_ratio and ratio.get("day", 0) >= rule.peak_ratio:
            value = "business"
        else:
            name = max(ratio, key=lambda each: np.nan_to_num(ratio[each]), default="")
            value = name if name and ratio[name] >= rule.peak_ratio else "flat"
        found[k] = value, evidence
    return found


def pv_owner(days: Days, rule: PvOwner, exported: Mapping[str, NDArray[np.float64]]) -> Found:
    """`exported`: kWh fed in, by day. Who imports less about noon than at rest in the dark makes something."""
    noon, dark = days.within(rule.dip_hours), days.within(rule.dark_hours)
    found: Found = {}
    for k, name in enumerate(days.names):
        fed = exported.get(name)
        if fed is not None:
            fed = fed[np.isfinite(fed)]
            lit = int((fed >= rule.export_kwh).sum())
            if lit >= rule.export_days:
                found[k] = "measured", {"export_kwh": number(float(fed.sum()), 1), "export_days": str(lit)}
                continue
        row = days.w[k][days.full[k]]
        if not len(row) or not noon.any() or not dark.any():
            continue
        ordered = np.sort(row[:, dark], axis=1)  # NaN goes to the end
        before = ordered[:, ordered.shape[1] // 4]
        bright = mean(row[:, noon], np.ones(1, np.bool_), axis=1)
        usable = np.isfinite(before) & np.isfinite(bright) & (before > 0)
        dips = bright[usable] <= rule.dip_ratio * before[usable]
        if usable.sum() >= 7 and dips.mean() >= rule.dip_share:
            found[k] = "likely", {"noon_dips": str(int(dips.sum())), "days": str(int(usable.sum()))}
    return found


def flexible_load(days: Days, rule: FlexibleLoad, base: Floats) -> Found:
    """kWh a day of runs that are long and high."""
    length = max(int(np.ceil(rule.least_hours * 3600 / days.step_s)), 1)
    found: Found = {}
    for k in range(len(days.names)):
        full = int(days.full[k].sum())
        if not full or not np.isfinite(base[k]):
            continue
        load = np.where(days.full[k][:, None], days.w[k], np.nan).ravel() - base[k]
        high = np.concatenate([[False], load >= rule.over_base_w, [False]])
        edges = np.flatnonzero(np.diff(high.astype(np.int8)))
        runs = [(a, b) for a, b in edges.reshape(-1, 2).tolist() if b - a >= length]
        kwh = sum(float(load[a:b].sum()) for a, b in runs) * days.step_s / 3.6e6 / full
        if kwh >= rule.least_kwh_a_day:
            top = max(float(load[a:b].mean()) for a, b in runs)
            found[k] = number(kwh, 1), {
                "unit": "kWh/d", "runs": str(len(runs)), "days": str(full), "highest_mean_w": number(top),
            }  # fmt: skip
    return found


def _mean(row: Floats, slots: NDArray[np.bool_]) -> float:
    return float(mean(row, slots, axis=0))
