"""Why a meter is where it is in the ranking, in words: a stable code and a sentence with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.balance import Part
from analytics.theft.grid import Grid
from analytics.theft.shape import FEATURES
from analytics.theft.weigh import Area, Odds
from analytics.theft.words import EVENTS, Reason

Doubles = NDArray[np.float64]

_PARTS: Final = {
    "share": "what the area lacks moves with this meter: {factor:.0%} of what it reports, from day {start} on",
    "invented": "the area uses as if this meter's readings were not its load, from day {start} on",
    "missing": "the area lacks what this meter used before its level fell",
    "zero": "the area lacks energy where this meter reports nothing",
    "mirror": "what the area lacks fits this meter's days read backwards, from day {start} on",
    "flat": "the area lacks energy on the days on which this meter reports the same value all day",
    "capped": "the area lacks energy where this meter stays at its highest value",
    "block": "what the area lacks moves with this meter at certain hours, from day {start} on",
}
_SHAPES: Final[Mapping[str, tuple[float, str]]] = {
    "level": (-1, "the level fell against other meters (by a factor {now:.2f})"),
    "silence": (1, "nothing was counted for hours although the base load is not nothing"),
    "roughness": (1, "the readings jump more than before"),
    "jitter": (1, "successive readings are unlike each other"),
    "likeness": (-1, "the days have lost their usual shape"),
    "mirror": (1, "the day seems to run backwards"),
    "memory": (-1, "successive readings have nothing to do with each other"),
    "copy": (1, "days repeat earlier ones to the digit"),
    "variety": (-1, "the same few values come again and again"),
    "top": (1, "many intervals stand at one highest value"),
    "peak": (-1, "the peaks have gone"),
}
_UNUSUAL: Final = 3.0


def reasons(
    grid: Grid,
    areas: Sequence[Area],
    odds: Odds,
    score: Doubles,
    energy: Doubles,
    events: Mapping[int, tuple[tuple[str, int], ...]],
) -> list[tuple[Reason, ...]]:
    """Of each meter, what weighs most first."""
    made: list[list[Reason]] = [[] for _ in grid.names]
    for k, kinds in events.items():
        made[k] += [Reason(kind, f"{EVENTS[kind][1]} ({times} times)") for kind, times in kinds]
    for k, found in odds.balances.items():
        for part in sorted(found.parts, key=lambda p: -abs(p.energy)):
            made[int(areas[k].members[part.meter])].append(_of_part(part))
    present = np.isfinite(grid.cells)
    for k in np.nonzero(~present.any(axis=(1, 2)))[0].tolist():
        made[k].append(Reason("no_readings", "there is no reading to judge by"))
    for k in np.nonzero(present.any(axis=(1, 2)) & ~(np.nan_to_num(grid.cells) > 0).any(axis=(1, 2)))[0].tolist():
        made[k].append(Reason("all_zero", "nothing was counted in the whole period"))
    _of_shape(odds, score, made)
    return [tuple({reason.code: reason for reason in mine}.values()) for mine in made]


def _of_part(part: Part) -> Reason:
    return Reason(f"balance_{part.kind}", _PARTS[part.kind].format(factor=part.factor, start=part.start + 1))


def _of_shape(odds: Odds, score: Doubles, made: list[list[Reason]]) -> None:
    rows = odds.features
    if not len(rows):
        return
    with np.errstate(invalid="ignore"):
        middle = np.nanmedian(rows, axis=0)
        spread = 1.5 * np.nanmedian(np.abs(rows - middle), axis=0) + 0.05
        far = np.nan_to_num((rows - middle) / spread)
    for name, (sign, text) in _SHAPES.items():
        if f"{name}_now" not in FEATURES:
            continue
        now, shift = FEATURES.index(f"{name}_now"), FEATURES.index(f"{name}_shift")
        worth = sign * (
            far[:, shift] if name == "level" else np.maximum(sign * far[:, now], sign * far[:, shift]) * sign
        )
        for k in np.nonzero((worth > _UNUSUAL) & (score > np.median(score)))[0]:
            made[k].append(Reason(f"shape_{name}", text.format(now=float(np.exp(rows[k, shift])))))
