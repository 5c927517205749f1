"""Events beside the readings, and what inspectors found: how both change the odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.words import EVENTS, Evidence, Outcome

Doubles = NDArray[np.float64]

_MOST: Final = 6.0
_PSEUDO: Final = 8.0
"""Inspections that the expert's estimate of an event is worth."""


def event_odds(
    names: Sequence[str], events: Sequence[Evidence], outcomes: Sequence[Outcome]
) -> tuple[Doubles, Mapping[int, tuple[tuple[str, int], ...]]]:
    """What the events add to the log-odds of each meter, and (kind, times) of each; unknown kinds add nothing.

    Two of a kind say a little more than one. Where inspectors were at meters with a kind of event, their hits move what
    it is worth.
    """
    position = {name: k for k, name in enumerate(names)}
    times: dict[int, dict[str, int]] = {}
    for event in events:
        if event.meter in position and event.kind in EVENTS:
            mine = times.setdefault(position[event.meter], {})
            mine[event.kind] = mine.get(event.kind, 0) + 1
    worth = _worth(position, times, outcomes)
    odds = np.zeros(len(names))
    for k, kinds in times.items():
        odds[k] = min(sum(worth[kind] * (1 + 0.2 * np.log(count)) for kind, count in sorted(kinds.items())), _MOST)
    return odds, {k: tuple(sorted(kinds.items())) for k, kinds in times.items()}


def _worth(
    position: Mapping[str, int], times: Mapping[int, Mapping[str, int]], outcomes: Sequence[Outcome]
) -> dict[str, float]:
    overall = (sum(o.found for o in outcomes) + 1) / (len(outcomes) + 2)
    worth = {}
    for kind, (prior, _) in EVENTS.items():
        visited = [o.found for o in outcomes if kind in times.get(position.get(o.meter, -1), {})]
        expected = 1 / (1 + np.exp(-(np.log(overall / (1 - overall)) + prior)))
        share = (sum(visited) + _PSEUDO * expected) / (len(visited) + _PSEUDO)
        worth[kind] = float(np.log(share / (1 - share)) - np.log(overall / (1 - overall))) if visited else prior
    return worth


def recalibrated(odds: Doubles, names: Sequence[str], outcomes: Sequence[Outcome]) -> Doubles:
    """Probabilities; the log-odds are stretched and moved to what inspectors found (Platt, held by a prior)."""
    position = {name: k for k, name in enumerate(names)}
    at = np.array([position[o.meter] for o in outcomes if o.meter in position], np.int64)
    found = np.array([o.found for o in outcomes if o.meter in position], np.float64)
    slope, shift = 1.0, 0.0
    if len(at):
        x = np.clip(odds[at], -8, 8)
        for _ in range(50):
            chance = 1 / (1 + np.exp(-(slope * x + shift)))
            bend = chance * (1 - chance)
            gradient = np.array([((chance - found) * x).sum() + 10 * (slope - 1), (chance - found).sum() + 0.5 * shift])
            curvature = np.array([[(bend * x * x).sum() + 10, (bend * x).sum()], [(bend * x).sum(), bend.sum() + 0.5]])
            step = np.linalg.solve(curvature, gradient)
            slope, shift = max(slope - float(step[0]), 0.1), shift - float(step[1])
    return np.asarray(1 / (1 + np.exp(-np.clip(slope * odds + shift, -30, 30))))
