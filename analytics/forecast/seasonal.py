"""For long series of large loads: seasons, holidays and temperature by time of day, then what is left by its own past.

Two ridge regressions of the log load for every slot, learned with the slots beside it. The second is of the first one's
residuals, so that yesterday's weather is not taken for yesterday's habit.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analytics.forecast.history import back, running, week_back
from analytics.forecast.words import Floats, Known, Numbers, Panel

LEAST_DAYS: Final = 150
_WHOLE_YEAR: Final = 330
_HALF_LIFE: Final = 400.0
_PENALTY: Final = 3.0
_LEAST_SIZE: Final = 0.05
_ODD: Final = 4
"""Deviations beyond so many usual ones are those of a day that was none of its kind: the next ones do not follow."""
_CUTS: Final = (8, 12, 15, 18, 21, 24, 28, 32)
"""Degrees Celsius at which the response to temperature may bend."""
_HOURS: Final = (0, 3, 12, 24, 48, 96)
"""Over how many past hours the temperature is averaged: buildings remember."""

Doubles = NDArray[np.float64]


class _Ridge(NamedTuple):
    middle: Doubles
    size: Doubles
    level: float
    beta: Doubles

    def of(self, features: Doubles) -> Doubles:
        found: Doubles = self.level + ((features - self.middle) / self.size) @ self.beta
        return found


def forecast(panel: Panel, row: Floats, known: Known, origin: int, days: Numbers) -> Doubles:
    """(day, slot) of one filled series, learned from what is before `origin`. NaN where the load is not above 0."""
    learn = np.arange(origin)
    load = np.log(np.where(row > 0, row, np.nan)).astype(np.float64)
    outer = _calendar(panel, origin)
    if panel.temperature is not None:
        outer = np.concatenate([outer, _weather(panel)], axis=-1)
    age = 0.5 ** ((origin - learn) / _HALF_LIFE)
    last = int(days.max()) + 1
    usual = np.full(load.shape, np.nan)
    for slot in range(panel.slots):
        model = _learned(outer, load, learn, slot, age)
        if model is not None:
            usual[:last, slot] = model.of(outer[:last, slot])
    residual = load - usual
    inner = _past(panel, residual, known)
    made = np.full((len(days), panel.slots), np.nan)
    for slot in range(panel.slots):
        model = _learned(inner, residual, learn, slot, age)
        if model is not None:
            made[:, slot] = usual[days, slot] + model.of(inner[days, slot])
    found: Doubles = np.exp(np.minimum(made, 100))
    return found


def _learned(features: Doubles, target: Doubles, learn: Numbers, slot: int, age: Doubles) -> _Ridge | None:
    near = [s for s in (slot - 1, slot, slot + 1) if 0 <= s < target.shape[1]]
    rows = np.concatenate([features[learn, s] for s in near])
    y = np.concatenate([target[learn, s] for s in near])
    weight = np.tile(age, len(near))
    good = np.isfinite(y) & np.isfinite(rows).all(axis=1)
    if good.sum() < 2 * rows.shape[1]:
        return None
    rows, y, weight = rows[good], y[good], weight[good]
    middle = np.average(rows, axis=0, weights=weight)
    size = np.maximum(rows.std(axis=0), _LEAST_SIZE)  # what hardly ever happened is not blown up when it does
    scaled = (rows - middle) / size
    now = weight
    level, beta = 0.0, np.zeros(rows.shape[1])
    for turn in range(3):
        level = float(np.average(y, weights=now))
        normal = scaled.T @ (scaled * now[:, None]) + _PENALTY * np.eye(len(beta))
        beta = np.linalg.solve(normal, scaled.T @ (now * (y - level)))
        off = np.abs(y - level - scaled @ beta)
        if turn < 2:
            now = weight * np.minimum(1, 1.5 * np.median(off) / np.maximum(off, 1e-9))
    return _Ridge(middle, size, level, beta)


def _calendar(panel: Panel, origin: int) -> Doubles:
    """(day, slot, feature)."""
    holiday = panel.holiday.astype(np.float64)
    free = panel.kind > 0
    columns = [(panel.weekday == k) * (1 - holiday) for k in range(6)]
    columns += [holiday, np.append(0, holiday[:-1]) * ~free, np.append(holiday[1:], 0) * ~free]
    date = panel.first_day.astype("datetime64[D]") + np.arange(panel.days)
    year = (date - date.astype("datetime64[Y]").astype("datetime64[D]")).astype(np.int64)
    columns.append(((year >= 354) | (year <= 11)).astype(np.float64))
    if origin >= _WHOLE_YEAR:
        for k in (1, 2, 3):
            angle = 2 * np.pi * k * year / 365.25
            columns += [np.cos(angle), np.sin(angle)]
    by_day = np.stack(columns, axis=-1)
    return np.repeat(by_day[:, None], panel.slots, axis=1)


def _weather(panel: Panel) -> Doubles:
    assert panel.temperature is not None
    temperature = panel.temperature.astype(np.float64)
    flat = temperature.ravel()
    total = np.append(0.0, np.cumsum(flat))
    columns = []
    for hours in _HOURS:
        count = max(hours * 3600 // panel.step_s, 1)
        at = np.arange(1, len(flat) + 1)
        since = np.maximum(at - count, 0)
        mean = ((total[at] - total[since]) / (at - since)).reshape(temperature.shape)
        columns += _response(mean)
    whole = np.repeat(temperature.mean(axis=1, keepdims=True), panel.slots, axis=1)
    columns += _response(whole)
    free = (panel.kind > 0)[:, None]
    columns += [column * free for column in _response(temperature)]
    for extreme in (temperature.max(axis=1, keepdims=True), temperature.min(axis=1, keepdims=True)):
        columns.append(np.repeat(extreme / 10, panel.slots, axis=1))
    return np.stack(columns, axis=-1)


def _response(temperature: Doubles) -> list[Doubles]:
    return [temperature / 10, *(np.maximum(temperature - cut, 0) / 10 for cut in _CUTS)]


def _past(panel: Panel, residual: Doubles, known: Known) -> Doubles:
    """What was left of earlier days, by slot and by day."""
    behind, week = known.behind, week_back(known.behind)
    usual = 1.4826 * np.median(np.abs(residual[np.isfinite(residual)])) if np.isfinite(residual).any() else 0.0
    bound = _ODD * usual
    held = np.nan_to_num(np.clip(residual, -bound, bound)).astype(np.float32)[None]
    everyday = np.zeros(panel.days, np.int64)
    short, long = running(held, everyday, 2, behind), running(held, everyday, 10, behind)
    tail = max(panel.slots // 8, 1)
    last = back(held, behind)

    def day(column: Floats) -> Floats:
        return np.broadcast_to(column.mean(axis=2, keepdims=True), held.shape)

    columns = [
        last, short, long, back(held, week), day(last), day(last[..., -tail:]), day(last[..., -1:]), day(short),
        day(long), back(held, behind + 1), day(back(held, week)), day(back(held, week + 7)), back(held, week + 7),
    ]  # fmt: skip
    columns += [column * (panel.kind > 0)[None, :, None] for column in columns[:8]]
    if known.early:
        morning = back(held, behind - 1)
        columns.append(day(morning[..., : known.early]))
        columns.append(np.where(np.arange(panel.slots) < known.early, morning, 0))
    return np.stack([column[0] for column in columns], axis=-1).astype(np.float64)
