"""Shape and balance, weighed by what thefts played on the utility's own readings look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.anchor import anchored
from analytics.theft.balance import Balance, balance
from analytics.theft.imitation import CHANGES, DAILY_THEFTS, THEFTS, tenant
from analytics.theft.profile import Population, population
from analytics.theft.shape import WORKERS, features
from analytics.theft.trees import Forest, grown

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]

FOLDS: Final = 3
_SAMPLE: Final = 1500
"""Meters on which thefts are played, at most."""
_LEAST_PRESENT: Final = 0.2
_DOUBTED: Final = (0.0, 0.3, 0.2, 0.15)
"""How many of the real meters are left out of what is taken for honest, from one training to the next."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`thefts` are the kinds that the prior knows; fewer of them measure how it does on kinds that it does not know."""

    seed: int = 1
    thefts: tuple[str, ...] = tuple(THEFTS)
    plays: int = 2400
    rounds: int = 10
    areas_per_round: int = 16
    trees: int = 120


@dataclass(frozen=True, slots=True)
class Area:
    """The members (positions among the meters) and the total, (day, slot)."""

    members: Places
    total: Floats


@dataclass(frozen=True, slots=True)
class Odds:
    """What the readings say: log-odds by shape, with the balance where there is one (else NaN), and the balances."""

    shape: Doubles
    balanced: Doubles
    features: Floats
    balances: Mapping[int, Balance]
    people: Population


def weigh(cells: Floats, areas: Sequence[Area], settings: Settings) -> Odds:
    """Log-odds of theft of each meter, for meters in an order that depends on nothing but their readings."""
    people = population(cells)
    made = features(cells, people)
    present = np.isfinite(cells).mean(axis=(1, 2))
    with np.errstate(invalid="ignore"):
        used = np.where(np.isfinite(cells), cells, 0).sum(axis=(1, 2), dtype=np.float64)
    sound = (present >= _LEAST_PRESENT) & (used > 0)
    fold = np.arange(len(cells)) % FOLDS
    stage = _Stage(cells, people, made, sound, fold, settings)
    shape = stage.by_shape()
    if not areas:
        return Odds(shape, np.full(len(cells), np.nan), made, {}, people)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda area: balance(cells[area.members], area.total, people), areas)
        balances = anchored({k: b for k, b in enumerate(found) if b is not None})
    balanced = stage.by_balance(areas, balances, shape)
    return Odds(shape, balanced, made, balances, people)


class _Stage:
    """The readings on which thefts are played, and the models that learn from it, one a fold of meters."""

    def __init__(
        self,
        cells: Floats,
        people: Population,
        made: Floats,
        sound: NDArray[np.bool_],
        fold: Places,
        settings: Settings,
    ) -> None:
        self.cells, self.people, self.made, self.sound, self.fold = cells, people, made, sound, fold
        self.settings = settings
        self.rng = np.random.default_rng(settings.seed)
        slots = cells.shape[2]
        self.thefts = [kind for kind in settings.thefts if slots >= 4 or kind in DAILY_THEFTS]
        self.changes = (*CHANGES, "tenant")
        self.forests: list[Forest] = []

    def rob(self, meter: int) -> Floats:
        kind = self.thefts[int(self.rng.integers(len(self.thefts)))]
        used = self.cells[meter].astype(np.float64)
        return THEFTS[kind](used, self._start(), self.rng).astype(np.float32)

    def change(self, meter: int, pool: Places) -> Floats:
        kind = self.changes[int(self.rng.integers(len(self.changes)))]
        used = self.cells[meter].astype(np.float64)
        if kind == "tenant":
            return tenant(used, self._start(), self.cells[int(self.rng.choice(pool))]).astype(np.float32)
        return CHANGES[kind](used, self._start(), self.rng).astype(np.float32)

    def _start(self) -> int:
        days = self.cells.shape[1]
        return 0 if self.rng.random() < 0.15 else int(self.rng.integers(0, max(int(0.9 * days), 1)))

    def by_shape(self) -> Doubles:
        pool = np.nonzero(self.sound)[0]
        if len(pool) < 2 * FOLDS:
            return np.zeros(len(self.cells))
        if len(pool) > _SAMPLE:
            pool = np.sort(self.rng.choice(pool, _SAMPLE, replace=False))
        plays = max(self.settings.plays // len(pool), 1)
        robbed = np.tile(pool, plays)
        changed = np.tile(pool, max(plays // 2, 1))
        rows = [
            features(np.stack([self.rob(k) for k in robbed[at : at + 300]]), self.people)
            for at in range(0, len(robbed), 300)
        ]
        rows += [
            features(np.stack([self.change(k, pool) for k in changed[at : at + 300]]), self.people)
            for at in range(0, len(changed), 300)
        ]
        everything = np.concatenate([*rows, self.made[pool]])
        whose = np.concatenate([robbed, changed, pool])
        truth = np.arange(len(whose)) < len(robbed)
        sizes = [len(robbed), len(changed), len(pool)]
        weight = np.repeat([0.5, 0.2 * len(robbed) / len(changed), 0.4 * len(robbed) / len(pool)], sizes)
        odds = np.zeros(len(self.cells))
        for doubted in _DOUBTED:
            # The likeliest thieves among the real ones are no examples of honesty, nor is what is played on them.
            kept = (odds <= np.quantile(odds[pool], 1 - doubted))[whose]
            last = doubted == _DOUBTED[-1]
            self.forests = [
                grown(everything[at], truth[at], weight[at], self.settings.seed + f, self._trees(last), depth=4)
                for f in range(FOLDS)
                for at in [np.nonzero(kept & (self.fold[whose] != f))[0]]
            ]
            odds = self.shape_odds(self.made, self.fold)
        return odds

    def _trees(self, last: bool) -> int:
        return self.settings.trees if last else max(self.settings.trees // 3, 1)

    def shape_odds(self, rows: Floats, fold: Places) -> Doubles:
        odds = np.zeros(len(rows))
        for f, forest in enumerate(self.forests):
            at = fold == f
            if at.any():
                odds[at] = forest.log_odds(rows[at])
        return odds

    def by_balance(self, areas: Sequence[Area], balances: Mapping[int, Balance], shape: Doubles) -> Doubles:
        settings = self.settings
        odds = np.full(len(self.cells), np.nan)
        real = {k: _rows(b, self.cells[areas[k].members], shape[areas[k].members]) for k, b in balances.items()}
        if not real or not self.sound.any():
            return odds
        suspect = shape > max(float(np.quantile(shape[self.sound], 0.93)), 0.0)
        for k, b in balances.items():
            suspect[areas[k].members] |= b.bits > 60
        rows, truth, whose = [], [], []
        keys = sorted(balances)
        pool = np.nonzero(self.sound)[0]
        for _ in range(settings.rounds):
            for k in self.rng.permutation(keys)[: settings.areas_per_round]:
                area = areas[int(k)]
                cells = self.cells[area.members].copy()
                total = area.total.copy()
                honest = np.nonzero(~suspect[area.members] & self.sound[area.members])[0]
                if len(honest) < 2:
                    continue
                drawn = self.rng.permutation(honest)
                thieves = drawn[: max(int(self.rng.binomial(len(honest), 0.09)), 1)]
                changed = drawn[len(thieves) : len(thieves) + int(self.rng.binomial(len(honest), 0.12))]
                for m in changed:
                    new = self.change(int(area.members[m]), pool)
                    total = total + np.nan_to_num(new - cells[m])
                    cells[m] = new
                for m in thieves:
                    cells[m] = self.rob(int(area.members[m]))
                touched = np.concatenate([thieves, changed])
                found = balance(cells, total, self.people)
                if found is None:
                    continue
                own = shape[area.members].copy()
                own[touched] = self.shape_odds(features(cells[touched], self.people), self.fold[area.members[touched]])
                told = np.zeros(len(area.members), np.bool_)
                told[thieves] = True
                kept = told | ~suspect[area.members]
                rows.append(_rows(found, cells, own)[kept])
                truth.append(told[kept])
                whose.append(area.members[kept])
        if not rows:
            return odds
        members = np.concatenate([areas[k].members for k in real])
        told_rows = np.concatenate(list(real.values()))
        everything, answer, meters = np.concatenate(rows), np.concatenate(truth), np.concatenate(whose)
        for f in range(FOLDS):
            at = self.fold[meters] != f
            forest = grown(
                everything[at], answer[at], np.ones(int(at.sum())), settings.seed + 10 + f, settings.trees, leading=2
            )
            mine = self.fold[members] == f
            odds[members[mine]] = forest.log_odds(told_rows[mine])
        return odds


def _rows(found: Balance, cells: Floats, shape: Doubles) -> Floats:
    """What the second model sees of the members of an area."""
    own = np.where(np.isfinite(cells), cells, 0).sum(axis=(1, 2), dtype=np.float64) + 1.0
    most = max(float(found.bits.max()), 1.0)
    lacking = float(found.energy.sum()) / max(found.total, 1.0)
    noise = found.noise * cells.shape[1] * cells.shape[2] / max(found.total, 1.0)
    wide = np.ones(len(cells))
    kinds = {kind: np.zeros(len(cells)) for kind in ("share", "invented", "missing", "zero", "mirror", "flat", "block")}
    for part in found.parts:
        if part.kind in kinds:
            kinds[part.kind][part.meter] = max(kinds[part.kind][part.meter], part.factor)
    order = np.argsort(np.argsort(-found.bits, kind="stable"), kind="stable")
    return np.column_stack(
        [
            shape,
            np.log1p(np.maximum(found.bits, 0)),
            np.log1p(np.maximum(found.left, 0)),
            found.explained,
            found.bits / most,
            found.energy / own,
            np.where(found.start < 0, 1.0, found.start / cells.shape[1]),
            np.where(found.bits > 0, order, len(cells)),
            wide * lacking,
            wide * noise,
            wide * (found.bits > 0).sum(),
            *kinds.values(),
        ]
    ).astype(np.float32)
