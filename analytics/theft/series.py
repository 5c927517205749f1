"""Properties of a meter's days: rows of one number a day (a week, for daily readings)."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]

SERIES: Final = (
    "level", "roughness", "spread", "night", "evening", "silence", "silent_at", "awake", "likeness", "mirror", "peak",
    "memory", "copy", "variety", "top", "base", "noise", "jitter", "calm", "skew", "noon", "cut", "restless",
    "floor", "hush",
)  # fmt: skip
"""level: log of the mean against the meter's median day. roughness, noise: first and second differences
against the mean. spread: deviation within the day. night, evening, noon: parts of the day against the mean. silence:
the longest run of nothing, silent_at: its middle (both in days), awake: the tenth percentile of what is not nothing.
likeness: to the usual day; mirror: likeness of the day read backwards to the population's, minus that of the day.
memory: of each interval on the one before. copy: the share that repeats the day or week before to the digit. variety:
the share of different values. top: the share at the day's maximum. base: the tenth percentile. jitter, calm: the
median and the lower quarter of the relative change from one interval to the next. skew: whether rises are steeper than
falls. cut: how high the load stands right before and after a long silence, against the rest of the day: clouds and
evenings fade, a switch cuts. restless: how far the mean moves from one day to the next. floor: log of the tenth
percentile against the median day: what never sleeps. hush: jitter in the quarter of the day in which others sleep."""


def series(days: Floats, by_slot: Floats, raw: Floats) -> tuple[dict[str, Floats], Floats]:
    """By name (meter, day), NaN where more than two fifths of a day are missing; and the days with their values in
    ascending order. `days` is `raw` freed of what moves all meters."""
    slots = days.shape[2]
    present = np.isfinite(days)
    enough = present.sum(axis=2) >= max(0.6 * slots, 1)
    held = np.maximum(present.sum(axis=2), 1)
    mean = np.where(present, days, 0).sum(axis=2) / held
    typical = middle(np.where(enough, mean, np.nan))
    floor = np.maximum(0.02 * typical, 1e-6)[:, None]
    safe = np.maximum(mean, floor)
    filled = np.where(present, days, mean[:, :, None])
    ordered = np.sort(filled, axis=2)
    made: dict[str, Floats] = {"level": np.log(np.maximum(mean, floor) / np.maximum(typical, 1e-6)[:, None])}
    base = ordered[:, :, slots // 10]
    made["floor"] = np.log(base / np.maximum(typical, 1e-6)[:, None] + 0.05)
    made["peak"] = ordered[:, :, -1] / safe
    made["base"] = base / safe
    made["spread"] = filled.std(axis=2) / safe
    made["top"] = (filled >= 0.99 * ordered[:, :, -1:]).mean(axis=2)
    gaps = np.diff(ordered, axis=2)
    made["variety"] = 1 - (gaps <= 1e-3 * safe[:, :, None]).sum(axis=2) / max(slots - 1, 1)
    _silences(made, days, present, typical, ordered, safe)
    _changes(made, filled, mean, safe, by_slot)
    made["restless"] = np.abs(np.diff(mean, axis=1, prepend=mean[:, :1])) / safe
    quarter = max(slots // 4, 1)
    made["night"] = filled[:, :, :quarter].mean(axis=2) / safe
    made["evening"] = filled[:, :, -quarter:].mean(axis=2) / safe
    made["noon"] = filled[:, :, 2 * slots // 5 : 3 * slots // 5 + 1].mean(axis=2) / safe
    made["likeness"] = correlation(filled, filled.mean(axis=1, keepdims=True))
    made["mirror"] = correlation(filled[:, :, ::-1], by_slot) - correlation(filled, by_slot)
    made["copy"] = np.maximum(_equal(raw, 1), _equal(raw, 7))
    return {name: np.where(enough, made[name], np.nan).astype(np.float32) for name in SERIES}, ordered


def _silences(
    made: dict[str, Floats], days: Floats, present: Floats, typical: Floats, ordered: Floats, safe: Floats
) -> None:
    slots = days.shape[2]
    silent = np.asarray((present != 0) & (days <= 0.004 * typical[:, None, None]))
    long, end = longest_run(silent)
    made["silence"] = long / slots
    made["silent_at"] = np.where(long > 0.1 * slots, (end - long / 2) / slots, 0.5)
    first = np.clip(end - long - 1, 0, slots - 1).astype(np.int64)
    last = np.clip(end, 0, slots - 1).astype(np.int64)
    nothing = silent.sum(axis=2)
    rest = np.where(present, days, 0).sum(axis=2) / np.maximum(slots - nothing, 1)
    edges = np.stack([np.take_along_axis(days, at[:, :, None], axis=2)[:, :, 0] for at in (first, last)])
    edges = np.where(np.isfinite(edges), edges, 0)
    inside = (long >= slots / 8) & (long < 0.7 * slots)
    made["cut"] = np.where(inside, np.minimum(np.maximum(edges[0], edges[1]) / np.maximum(rest, 1e-6), 2), 0)
    at = np.minimum(nothing + (slots - nothing) // 10, slots - 1)
    made["awake"] = np.take_along_axis(ordered, at[:, :, None], axis=2)[:, :, 0] / safe


def _changes(made: dict[str, Floats], filled: Floats, mean: Floats, safe: Floats, by_slot: Floats) -> None:
    slots = filled.shape[2]
    zero = np.zeros_like(mean)
    if slots < 4:
        made["roughness"] = np.abs(np.diff(mean, axis=1, prepend=mean[:, :1])) / safe
        for name in ("noise", "memory", "jitter", "calm", "skew", "hush"):
            made[name] = zero
        return
    steps = np.diff(filled, axis=2)
    size = np.abs(steps)
    made["roughness"] = size.mean(axis=2) / safe
    made["noise"] = np.sort(np.abs(np.diff(steps, axis=2)), axis=2)[:, :, (slots - 2) // 2] / safe
    made["memory"] = correlation(filled[:, :, 1:], filled[:, :, :-1])
    relative = size / (np.maximum(filled[:, :, 1:], filled[:, :, :-1]) + 0.01 * safe[:, :, None])
    quiet = np.sort(np.argsort(by_slot[1:] + by_slot[:-1], kind="stable")[: max(slots // 4, 1)])
    made["hush"] = np.sort(relative[:, :, quiet], axis=2)[:, :, len(quiet) // 2]
    relative = np.sort(relative, axis=2)
    made["jitter"] = relative[:, :, (slots - 1) // 2]
    made["calm"] = relative[:, :, (slots - 1) // 4]
    square = steps * steps
    made["skew"] = np.einsum("ndp,ndp->nd", square, steps) / np.maximum(np.einsum("ndp,ndp->nd", square, size), 1e-9)


def longest_run(flags: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Along the last axis: how long, and where it ends."""
    run = np.zeros(flags.shape[:-1], np.float32)
    best, end = np.zeros_like(run), np.zeros_like(run)
    for k in range(flags.shape[-1]):
        run = (run + 1) * flags[..., k]
        longer = run > best
        best[longer] = run[longer]
        end[longer] = k + 1
    return best, end


def _equal(days: Floats, lag: int) -> Floats:
    """The share of intervals that repeat those of `lag` days before to the digit, other than zeros."""
    same: Floats = np.zeros(days.shape[:2])
    if days.shape[1] > lag:
        now, then = days[:, lag:], days[:, :-lag]
        same[:, lag:] = ((np.abs(now - then) <= 1e-6 * np.abs(now)) & (now > 0)).mean(axis=2)
    return same


def correlation(left: Floats, right: Floats) -> Floats:
    """Along the last axis; 0 where one side does not vary."""
    a = left - left.mean(axis=-1, keepdims=True)
    b = right - right.mean(axis=-1, keepdims=True)
    size = np.sqrt(np.einsum("...p,...p->...", a, a) * np.einsum("...p,...p->...", b, b))
    product = np.einsum("...p,...p->...", a, b)
    found: Floats = np.where(size > 1e-9, product / np.where(size > 1e-9, size, 1), 0)
    return found


def middle(row: Floats) -> Floats:
    """The median of what is known, 0 where nothing is."""
    ordered = np.sort(row, axis=1)
    known = np.isfinite(row).sum(axis=1)
    found: Floats = np.where(known > 0, ordered[np.arange(len(row)), np.maximum(known - 1, 0) // 2], 0)
    return found
