"""Shape and balance, weighed by what thefts played on the utility's own readings look like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.anchor import anchored
from analytics.theft.balance import Balance, balance
from analytics.theft.prior import FOLDS, Player, Prior, Settings, learned
from analytics.theft.profile import Population, population
from analytics.theft.shape import WORKERS, features
from analytics.theft.trees import grown

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Places = NDArray[np.int64]

_LEAST_PRESENT: Final = 0.2


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
    player = Player(cells, settings)
    prior = learned(player, people, made, sound, fold)
    shape = prior.odds(made, fold)
    if not areas:
        return Odds(shape, np.full(len(cells), np.nan), made, {}, people)
    with ThreadPoolExecutor(WORKERS) as pool:
        found = pool.map(lambda area: balance(cells[area.members], area.total, people), areas)
        balances = anchored({k: b for k, b in enumerate(found) if b is not None})
    balanced = _Stage(player, people, prior, sound, fold).by_balance(areas, balances, shape)
    return Odds(shape, balanced, made, balances, people)


@dataclass(frozen=True, slots=True)
class _Play:
    """An area in which thefts and honest changes are played: of the members that are `touched` the first are
    thieves; their new cells; the total."""

    area: int
    touched: Places
    thieves: int
    cells: Floats
    total: Floats


@dataclass(frozen=True, slots=True)
class _Stage:
    """The areas in which thefts are played, and what is learned there."""

    player: Player
    people: Population
    prior: Prior
    sound: NDArray[np.bool_]
    fold: Places

    def by_balance(self, areas: Sequence[Area], balances: Mapping[int, Balance], shape: Doubles) -> Doubles:
        settings = self.player.settings
        odds = np.full(len(self.player.cells), np.nan)
        real = {k: _rows(b, self.player.cells[areas[k].members], shape[areas[k].members]) for k, b in balances.items()}
        if not real or not self.sound.any():
            return odds
        suspect = shape > max(float(np.quantile(shape[self.sound], 0.93)), 0.0)
        for k, b in balances.items():
            suspect[areas[k].members] |= b.bits > 60
        plays = list(self._plays(areas, sorted(balances), suspect))
        if not plays:
            return odds
        played = np.concatenate([areas[play.area].members[play.touched] for play in plays])
        told_by_shape = self.prior.odds(
            features(np.concatenate([play.cells for play in plays]), self.people), self.fold[played]
        )
        ends = np.cumsum([len(play.touched) for play in plays])

        def told(which: int) -> tuple[Floats, NDArray[np.bool_], Places] | None:
            play, members = plays[which], areas[plays[which].area].members
            cells = self.player.cells[members]
            cells[play.touched] = play.cells
            found = balance(cells, play.total, self.people)
            if found is None:
                return None
            own = shape[members]
            own[play.touched] = told_by_shape[ends[which] - len(play.touched) : ends[which]]
            thief = np.zeros(len(members), np.bool_)
            thief[play.touched[: play.thieves]] = True
            kept = thief | ~suspect[members]
            return _rows(found, cells, own)[kept], thief[kept], members[kept]

        with ThreadPoolExecutor(WORKERS) as workers:
            sides = [side for side in workers.map(told, range(len(plays))) if side is not None]
        if not sides:
            return odds
        rows, truth, whose = zip(*sides, strict=True)
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

    def _plays(self, areas: Sequence[Area], keys: list[int], suspect: NDArray[np.bool_]) -> Iterator[_Play]:
        pool = np.nonzero(self.sound)[0]
        for _ in range(self.player.settings.rounds):
            for k in self.player.rng.permutation(keys)[: self.player.settings.areas_per_round].tolist():
                members = areas[k].members
                honest = np.nonzero(~suspect[members] & self.sound[members])[0]
                if len(honest) < 2:
                    continue
                drawn = self.player.rng.permutation(honest)
                thieves = max(int(self.player.rng.binomial(len(honest), 0.09)), 1)
                touched = drawn[: thieves + int(self.player.rng.binomial(len(honest), 0.12))]
                changed = [self.player.change(m, pool) for m in members[touched[thieves:]].tolist()]
                total = areas[k].total.copy()
                for m, new in zip(members[touched[thieves:]].tolist(), changed, strict=True):
                    total += np.nan_to_num(new - self.player.cells[m])
                cells = np.stack(
                    [*(self.player.rob(m, self.player.kind()) for m in members[touched[:thieves]].tolist()), *changed]
                )
                yield _Play(k, touched, thieves, cells, total)


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
