"""What thefts look like by shape: learned from thefts and honest changes that are played on the readings themselves.

Thefts that lower the level and those that change the days are learned apart from each other, each against all that is
honest: what tells a share from a tenant would blur what tells made-up readings from any load.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.changes import CHANGES, tenant
from analytics.theft.grain import counted, grain
from analytics.theft.imitation import DAILY_THEFTS, OF_LEVEL, THEFTS
from analytics.theft.profile import Population
from analytics.theft.shape import features
from analytics.theft.trees import Forest, grown

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]
Flags = NDArray[np.bool_]

FOLDS: Final = 3
_SAMPLE: Final = 1500
"""Meters on which thefts are played, at most."""
_WEIGHTS: Final = (0.5, 0.5, 0.2)
"""Of the robbed, the changed and the real as they are. Among these are thieves: they are not believed much."""
_CHUNK: Final = 300
_CHANGED: Final = (*CHANGES, "tenant")


@dataclass(frozen=True, slots=True)
class Settings:
    """`thefts` are the kinds that the prior knows; fewer of them measure how it does on kinds that it does not know."""

    seed: int = 1
    thefts: tuple[str, ...] = tuple(THEFTS)
    plays: int = 2400
    rounds: int = 10
    areas_per_round: int = 16
    trees: int = 120


@dataclass(slots=True)
class Player:
    """Thefts and changes on these readings (meter, day, slot), drawn by the seed."""

    cells: Floats
    settings: Settings
    rng: np.random.Generator = field(init=False)

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.settings.seed)

    def kind(self) -> str:
        kinds = [kind for kind in self.settings.thefts if self.cells.shape[2] >= 4 or kind in DAILY_THEFTS]
        return kinds[int(self.rng.integers(len(kinds)))]

    def rob(self, meter: int, kind: str) -> Floats:
        return self._counted(meter, THEFTS[kind](self._used(meter), self._start(), self.rng))

    def change(self, meter: int, pool: Places) -> Floats:
        kind = _CHANGED[int(self.rng.integers(len(_CHANGED)))]
        if kind == "tenant":
            other = self.cells[int(self.rng.choice(pool))]
            return self._counted(meter, tenant(self._used(meter), self._start(), other))
        return self._counted(meter, CHANGES[kind](self._used(meter), self._start(), self.rng))

    def _used(self, meter: int) -> Doubles:
        return np.asarray(self.cells[meter], np.float64)

    def _counted(self, meter: int, made: NDArray[np.floating[Any]]) -> Floats:
        return counted(made, grain(self.cells[meter])).astype(np.float32)

    def _start(self) -> int:
        days = self.cells.shape[1]
        return 0 if self.rng.random() < 0.15 else int(self.rng.integers(0, max(int(0.9 * days), 1)))


@dataclass(frozen=True, slots=True)
class Prior:
    """Forests of each family of thefts, one a fold of meters, and the share that the family has of all thefts."""

    families: tuple[tuple[float, tuple[Forest, ...]], ...] = ()

    def odds(self, rows: Floats, fold: Places) -> Doubles:
        """Log-odds of features of meters; each is judged by what was learned from the other folds."""
        if not self.families:
            return np.zeros(len(rows))
        odds = np.full(len(rows), -np.inf)
        for share, forests in self.families:
            for f, forest in enumerate(forests):
                at = fold == f
                odds[at] = np.logaddexp(odds[at], np.log(share) + forest.log_odds(rows[at]))
        return odds


def learned(player: Player, people: Population, made: Floats, sound: Flags, fold: Places) -> Prior:
    """From the readings of `player`, of which `made` are the features and `sound` can be played on."""
    pool = np.nonzero(sound)[0]
    if len(pool) < 2 * FOLDS:
        return Prior()
    settings, rng = player.settings, player.rng
    if len(pool) > _SAMPLE:
        pool = np.sort(rng.choice(pool, _SAMPLE, replace=False))
    plays = max(settings.plays // len(pool), 1)
    robbed, changed = np.tile(pool, plays), np.tile(pool, max(plays // 2, 1))
    kinds = [player.kind() for _ in robbed]
    rows = np.concatenate(
        [
            _features((player.rob(k, kind) for k, kind in zip(robbed.tolist(), kinds, strict=True)), people),
            _features((player.change(k, pool) for k in changed.tolist()), people),
            made[pool],
        ]
    )
    whose = np.concatenate([robbed, changed, pool])
    honest = np.arange(len(whose)) >= len(robbed)
    sizes = [len(robbed), len(changed), len(pool)]
    weight = np.repeat([part * len(robbed) / size for part, size in zip(_WEIGHTS, sizes, strict=True)], sizes)
    of_level = np.isin(kinds, OF_LEVEL)

    def forest(fold_out: int, mine: Flags, share: float) -> Forest:
        at = np.nonzero(mine & (fold[whose] != fold_out))[0]
        weighed = weight[at] * np.where(honest[at], share, 1.0)
        return grown(rows[at], ~honest[at], weighed, settings.seed + fold_out, settings.trees)

    families = []
    for of in (of_level, ~of_level):
        if of.any():
            mine, share = np.append(of, honest[len(of) :]), float(of.mean())
            families.append((share, tuple(forest(f, mine, share) for f in range(FOLDS))))
    return Prior(tuple(families))


def _features(played: Iterable[Floats], people: Population) -> Floats:
    """A few hundred meters at a time."""
    waiting = iter(played)
    made = []
    while part := list(islice(waiting, _CHUNK)):
        made.append(features(np.stack(part), people))
    return np.concatenate(made)
