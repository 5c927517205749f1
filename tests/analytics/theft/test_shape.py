"""What a meter's days show, and what its hours explain of a balance."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.theft.profile import population
from analytics.theft.shape import FEATURES, features
from analytics.theft.splits import EDGE, Means, drop
from analytics.theft.windows import Windows
from simulators.theft import homes

RNG = np.random.default_rng(3)


def test_repeated_weeks_are_seen_though_all_meters_move_together() -> None:
    cells = homes(12, 42, 24, 1).astype(np.float32) * np.linspace(2, 1, 42, dtype=np.float32)[None, :, None]
    cells[4, 14:] = np.tile(cells[4, 7:14], (4, 1))
    copied = features(cells, population(cells))[:, FEATURES.index("copy_now")]
    assert copied[4] > 0.9
    assert np.delete(copied, 4).max() < 0.3


def test_a_share_changes_the_level_and_little_else() -> None:
    cells = homes(20, 60, 24, 2).astype(np.float32)
    cells[3, 30:] *= 0.4
    made = features(cells, population(cells))
    assert int(np.argmax(made[:, FEATURES.index("drop_lead")])) == 3
    assert made[3, FEATURES.index("drop_load_shift")] == pytest.approx(np.log(0.4), abs=0.15)
    assert made[3, FEATURES.index("floor_shift")] < -0.3


@pytest.mark.parametrize("count", [9, 40, 400])
def test_means_before_and_after_are_those_of_the_days(count: int) -> None:
    values = RNG.normal(size=(5, count))
    means = Means.of(values)
    between = means.between()
    for n, split in enumerate(means.splits.tolist()):
        now, then = means.halves(np.full(5, split))
        assert now == pytest.approx(values[:, split:].mean(axis=1))
        assert then == pytest.approx(values[:, :split].mean(axis=1))
        whole = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1)
        within = ((values[:, :split].T - then) ** 2).sum(axis=0) + ((values[:, split:].T - now) ** 2).sum(axis=0)
        assert between[:, n] == pytest.approx(whole - within)
    now, then = means.halves(np.zeros(5, np.int64))
    assert now == pytest.approx(values.mean(axis=1))
    assert np.array_equal(now, then)


def test_the_day_of_the_fall_is_found() -> None:
    level = RNG.normal(0, 0.1, (4, 60))
    level[2, 33:] -= 1
    assert drop(level)[2] == 33
    assert (drop(level[:, : 2 * EDGE]) == 0).all()


@pytest.mark.parametrize(("days", "slots", "stride"), [(30, 24, 1), (35, 48, 2), (31, 25, 3), (20, 96, 1)])
def test_hours_explain_what_they_explain_one_by_one(days: int, slots: int, stride: int) -> None:
    cells = RNG.gamma(2, 100, (3, days, slots)).astype(np.float32)
    rest = np.zeros((days, slots), np.float32)
    rest[9:, 2:8] = 0.7 * cells[1, 9:, 2:8]
    windows = Windows(cells, np.ones((days, slots), np.float32), stride)
    windows.add(rest, 0.25)
    windows.add(rest, 0.75)
    found = windows.best((0.05, 50.0))
    inside = (np.arange(slots) - found.first) % slots < found.length
    part = np.where((np.arange(days) >= found.start)[:, None] & inside, cells[found.meter], 0).astype(float)
    assert found.meter == 1
    assert abs(found.start - 9) <= windows.stride
    assert found.gain == pytest.approx((part * rest).sum() ** 2 / (part**2).sum(), rel=1e-4)
