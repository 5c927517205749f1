"""Boosted trees for few rows and many features, in numpy: what ranks is learned, not written down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Bins = NDArray[np.uint8]

BINS: Final = 64
_RATE: Final = 0.12
_RIDGE: Final = 4.0
_LEAST_CURVATURE: Final = 2.0


@dataclass(frozen=True, slots=True)
class Tree:
    """A full binary tree: at each inner node a feature and the greatest bin that goes left; values at the leaves."""

    feature: NDArray[np.int64]
    limit: NDArray[np.int64]
    leaf: NDArray[np.float64]

    def value(self, bins: Bins) -> NDArray[np.float64]:
        node = np.zeros(len(bins), np.int64)
        rows = np.arange(len(bins))
        for _ in range(int(np.log2(len(self.leaf)))):
            node = 2 * node + 1 + (bins[rows, self.feature[node]] > self.limit[node])
        return np.asarray(self.leaf[node - len(self.feature)])


@dataclass(frozen=True, slots=True)
class Forest:
    """`log_odds` of rows of features; a NaN is a value of its own (bin 0)."""

    edges: NDArray[np.float64]
    line: NDArray[np.float64]
    trees: tuple[Tree, ...]

    def log_odds(self, rows: Floats) -> NDArray[np.float64]:
        bins = binned(rows, self.edges)
        return _straight(rows, self.line) + sum((tree.value(bins) for tree in self.trees), np.zeros(len(bins)))


def _straight(rows: Floats, line: NDArray[np.float64]) -> NDArray[np.float64]:
    """A line through the first columns; the last of `line` is its height."""
    return np.asarray(np.nan_to_num(rows[:, : len(line) - 1]) @ line[:-1] + line[-1], np.float64)


def edges_of(rows: Floats) -> NDArray[np.float64]:
    """(feature, BINS - 2) borders at quantiles."""
    even = np.linspace(0, 1, BINS)[1:-1]
    shares = 0.5 * even + 0.5 * (1 - np.cos(np.pi * even)) / 2  # finer at the ends: what is rare stands there
    made = np.zeros((rows.shape[1], BINS - 2))
    for k, column in enumerate(np.asarray(rows, np.float64).T):
        known = column[np.isfinite(column)]
        made[k] = np.quantile(known, shares) if len(known) else 0.0
    return made


def binned(rows: Floats, edges: NDArray[np.float64]) -> Bins:
    made = np.zeros(rows.shape, np.uint8)
    for k, column in enumerate(np.asarray(rows, np.float64).T):
        made[:, k] = np.where(np.isfinite(column), 1 + np.searchsorted(edges[k], column, side="left"), 0)
    return made


def grown(
    rows: Floats,
    truth: NDArray[np.bool_],
    weight: Floats,
    seed: int,
    count: int = 120,
    depth: int = 4,
    leading: int = 0,
) -> Forest:
    """Logistic boosting from a line through the first `leading` columns; each tree sees half of the rows and a quarter
    of the features, drawn by `seed`."""
    rng = np.random.default_rng(seed)
    edges = edges_of(rows)
    bins = binned(rows, edges)
    lines = np.ascontiguousarray(bins.T)
    aim = truth.astype(np.float64)
    weight = np.asarray(weight, np.float64)
    line = _line(rows[:, :leading], aim, np.asarray(weight, np.float64))
    odds = _straight(rows, line)
    trees = []
    width = rows.shape[1]
    for _ in range(count):
        chance = 1 / (1 + np.exp(-odds))
        seen = np.nonzero(rng.random(len(rows)) < 0.5)[0]
        offered = np.sort(rng.permutation(width)[: max(width // 4, min(width, 9))])
        tree = _tree(
            lines[offered][:, seen],
            (weight * (aim - chance))[seen],
            (weight * chance * (1 - chance))[seen],
            offered,
            depth,
        )
        odds = odds + tree.value(bins)
        trees.append(tree)
    return Forest(edges, line, tuple(trees))


def _line(columns: Floats, aim: NDArray[np.float64], weight: NDArray[np.float64]) -> NDArray[np.float64]:
    """Logistic regression, its slopes held near 1/2 by what some twenty rows say."""
    sides = np.column_stack([np.nan_to_num(columns), np.ones(len(columns))]).astype(np.float64)
    prior = np.append(np.full(columns.shape[1], 0.5), 0.0)
    hold = np.append(np.full(columns.shape[1], 5.0), 0.01)
    line = np.append(np.zeros(columns.shape[1]), -2.0)
    for _ in range(25):
        chance = 1 / (1 + np.exp(-np.clip(sides @ line, -30, 30)))
        slope = sides.T @ (weight * (aim - chance)) - hold * (line - prior)
        bend = (sides * (weight * chance * (1 - chance) + 1e-6)[:, None]).T @ sides + np.diag(hold)
        line = line + np.clip(np.linalg.solve(bend, slope), -2, 2)
    return np.asarray(line)


def _tree(lines: Bins, slope: Floats, bend: Floats, offered: NDArray[np.int64], depth: int) -> Tree:
    """`lines` (feature that is offered, row)."""
    inner = 2**depth - 1
    feature, limit = np.zeros(inner, np.int64), np.full(inner, BINS, np.int64)
    node = np.zeros(lines.shape[1], np.int64)
    everyone = np.arange(lines.shape[1])
    slopes, bends = (np.tile(side, len(lines)) for side in (slope, bend))
    for level in range(depth):
        first, wide = 2**level - 1, 2**level
        cell = ((np.arange(len(lines))[:, None] * wide + (node - first)) * (BINS + 1) + lines).ravel()
        shape = (len(lines), wide, BINS + 1)
        g = np.bincount(cell, slopes, len(lines) * wide * (BINS + 1)).reshape(shape).cumsum(axis=2)
        h = np.bincount(cell, bends, len(lines) * wide * (BINS + 1)).reshape(shape).cumsum(axis=2)
        whole_g, whole_h = g[:, :, -1:], h[:, :, -1:]
        ok = (h > _LEAST_CURVATURE) & (whole_h - h > _LEAST_CURVATURE)
        worth = g**2 / (h + _RIDGE) + (whole_g - g) ** 2 / (whole_h - h + _RIDGE) - whole_g**2 / (whole_h + _RIDGE)
        worth = np.where(ok, worth, 0)
        cut = np.argmax(worth, axis=2)
        gain = np.take_along_axis(worth, cut[:, :, None], axis=2)[:, :, 0]
        best = np.argmax(gain, axis=0)
        at = np.arange(wide)
        good = gain[best, at] > 1e-9
        feature[first : first + wide] = np.where(good, offered[best], 0)
        limit[first : first + wide] = np.where(good, cut[best, at], BINS)
        taken = np.zeros(inner, np.int64)
        taken[first : first + wide] = np.where(good, best, 0)
        node = 2 * node + 1 + (lines[taken[node], everyone] > limit[node])
    local = node - inner
    g = np.bincount(local, slope, inner + 1)
    h = np.bincount(local, bend, inner + 1)
    return Tree(feature, limit, _RATE * g / (h + _RIDGE))
