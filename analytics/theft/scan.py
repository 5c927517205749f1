"""One score a meter, from whatever there is: readings, total meters, events, what inspectors found."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analytics.theft.grid import Grid, gridded
from analytics.theft.membership import areas_of
from analytics.theft.outcomes import event_odds, recalibrated
from analytics.theft.prior import Settings
from analytics.theft.profile import Population, drop_day, filled
from analytics.theft.reasons import reasons
from analytics.theft.shape import WORKERS
from analytics.theft.weigh import Area, Odds, weigh
from analytics.theft.words import AreaBalance, Evidence, Frame, Outcome, Scan, Score

Doubles = NDArray[np.float64]
_PREVALENCE: Final = (0.002, 0.25)
_CHUNK: Final = 400


def scan(
    reported: Frame,
    area_meters: Frame | None = None,
    membership: Sequence[tuple[str, str]] = (),
    events: Sequence[Evidence] = (),
    outcomes: Sequence[Outcome] = (),
    settings: Settings | None = None,
) -> Scan:
    """The worst first. `membership` holds pairs of meter and area.

    The order of rows and columns and the names change nothing but the order among equals. The same input and seed give
    the same scores. Raises `FrameUnusable`.
    """
    settings = settings or Settings()
    grid = gridded(reported, "readings")
    order = canonical(grid)
    grid = Grid(tuple(grid.names[k] for k in order), grid.first_day, grid.step_s, grid.cells[order], grid.noted)
    notes = list(grid.notes)
    names: tuple[str, ...] = ()
    areas: tuple[Area, ...] = ()
    if area_meters is not None:
        totals = gridded(area_meters, "area meters", like=grid)
        names, areas, more = areas_of(grid, totals, membership)
        notes += [*totals.notes, *more]
    odds = weigh(grid.cells, areas, settings)
    hints, told = event_odds(grid.names, events, outcomes)
    base = np.where(np.isfinite(odds.balanced), odds.balanced, odds.shape)
    score = recalibrated(_prior_shift(base) + hints, grid.names, outcomes)
    present = np.isfinite(grid.cells)
    silent = ~present.any(axis=(1, 2))
    score = np.where(silent, 0.0, score)
    energy, start = _energy(grid, areas, odds, score)
    why = reasons(grid, areas, odds, score, energy, told)
    rank = np.argsort(np.lexsort((-energy, -score)), kind="stable")
    place = {int(s): int(r) for r, s in zip(rank, range(len(rank)), strict=True)}
    scores = [
        Score(
            grid.names[k],
            float(score[k]),
            place[k] + 1,
            float(energy[k]),
            why[k],
            grid.first_day + np.timedelta64(int(start[k]), "D") if start[k] >= 0 else None,
        )
        for k in range(len(grid.names))
    ]
    scores.sort(key=lambda one: one.rank)
    balances = tuple(
        AreaBalance(names[k], b.total, b.technical, float(b.energy.sum())) for k, b in sorted(odds.balances.items())
    )
    return Scan(tuple(scores), balances, tuple(notes))


def canonical(grid: Grid) -> NDArray[np.int64]:
    """An order of the meters that depends on their readings alone."""
    weights = np.random.default_rng(0).integers(1, 2**63, grid.cells[0].size, dtype=np.uint64) | np.uint64(1)
    keys = []
    for row in grid.cells:
        bits = np.nan_to_num(row.ravel(), nan=-1.0).view(np.uint32).astype(np.uint64)
        keys.append(int((bits * weights).sum(dtype=np.uint64)))
    return np.argsort(np.array(keys, np.uint64), kind="stable")


def _prior_shift(odds: Doubles) -> Doubles:
    """The log-odds under the share of thieves that this utility seems to have (Saerens et al. 2002), in bounds."""
    trained = 0.09
    share = trained
    for _ in range(30):
        shifted = odds + np.log(share / (1 - share)) - np.log(trained / (1 - trained))
        share = float(np.clip((1 / (1 + np.exp(-shifted))).mean(), *_PREVALENCE))
    return np.asarray(odds + np.log(share / (1 - share)) - np.log(trained / (1 - trained)))


def _energy(grid: Grid, areas: Sequence[Area], odds: Odds, score: Doubles) -> tuple[Doubles, NDArray[np.int64]]:
    """By the balance where there is one; else what is lacking against the level before, weighed by the score."""
    energy, start = np.zeros(len(grid.names)), np.full(len(grid.names), -1, np.int64)
    by_drop = _dropped(grid, odds.people)
    energy[:] = by_drop * score
    for k, found in odds.balances.items():
        energy[areas[k].members] = found.energy
        start[areas[k].members] = found.start
    return energy, start


def _dropped(grid: Grid, people: Population) -> Doubles:
    def of(cells: NDArray[np.float32]) -> Doubles:
        days, _ = filled(cells, people)
        start, ratio = drop_day(days, people)
        after = np.arange(days.shape[1])[None, :] >= start[:, None]
        reported = (days.sum(axis=2) * after).sum(axis=1, dtype=np.float64)
        return np.asarray(np.where(ratio < 0.9, reported * (1 / np.maximum(ratio, 0.05) - 1), 0))

    with ThreadPoolExecutor(WORKERS) as pool:
        parts = list(pool.map(of, (grid.cells[at : at + _CHUNK] for at in range(0, len(grid.cells), _CHUNK))))
    return np.concatenate(parts)
