"""What is played on a utility's readings: nothing but the theft or the change may tell it from real readings."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.theft.changes import CHANGES, vacancy
from analytics.theft.grain import counted, grain
from analytics.theft.imitation import OF_LEVEL, THEFTS
from analytics.theft.prior import Player, Prior, Settings, learned
from analytics.theft.profile import population
from analytics.theft.shape import features
from simulators.theft import homes

HOMES = homes(6, 42, 48, 3).astype(np.float32)
RNG = np.random.default_rng(7)


@pytest.mark.parametrize("step", [0.001, 0.125, 1.0, 40.0])
def test_the_step_in_which_a_meter_counts_is_seen(step: float) -> None:
    values = (np.round(RNG.gamma(2, 300, 2000)) * step).astype(np.float32)
    values[::50] = np.nan
    values[7] += step / 2
    assert grain(values) == pytest.approx(step)
    assert grain(counted(values * 0.37, step)) == pytest.approx(step)


@pytest.mark.parametrize("values", [RNG.gamma(2, 300, 500), np.full(9, 7.0), np.full(9, np.nan), np.zeros(0)])
def test_readings_of_no_step_are_left_as_they_are(values: np.ndarray) -> None:
    assert grain(values) == 0
    assert counted(values, 0.0) is values


@pytest.mark.parametrize("kind", THEFTS)
def test_what_is_robbed_is_counted_in_the_meters_step_with_its_gaps(kind: str) -> None:
    cells = (10 * np.round(HOMES / 10)).astype(np.float32)
    cells[:, 5, 7] = np.nan
    made = Player(cells, Settings(seed=4)).rob(2, kind)
    known = np.isfinite(made)
    assert np.array_equal(known, np.isfinite(cells[2])) or kind in ("mirror", "shifted")
    assert np.array_equal(made[known] % 10, np.zeros(known.sum()))
    assert (made[known] >= 0).all()


@pytest.mark.parametrize("slots", [1, 24, 48])
@pytest.mark.parametrize("kind", CHANGES)
def test_an_honest_change_invents_no_energy_below_nothing_and_fills_no_gap(kind: str, slots: int) -> None:
    used = homes(1, 42, slots, 5)[0].astype(np.float64)
    used[3] = np.nan
    made = CHANGES[kind](used, 20, np.random.default_rng(2))
    assert made.shape == used.shape
    assert np.isnan(made[3]).all()
    assert np.isfinite(np.delete(made, 3, axis=0)).all()
    assert np.nanmin(made) >= 0


def test_where_nobody_is_at_home_the_nights_remain_or_most_is_off() -> None:
    used = np.full((60, 48), 400.0)
    used[:, 2:10] = 50.0
    kept = []
    for seed in range(20):
        away = vacancy(used, 30, np.random.default_rng(seed))[30:34]
        assert away.max() <= 0.3 * 400
        kept.append(away.max() <= 50 and away.min() >= 0.85 * 50)
    assert any(kept)
    assert not all(kept)


def test_a_prior_without_one_family_or_without_meters_still_judges() -> None:
    people = population(HOMES)
    made, fold = features(HOMES, people), np.arange(6) % 3
    quick = Settings(plays=12, trees=3, thefts=OF_LEVEL)
    some = learned(Player(HOMES, quick), people, made, np.ones(6, np.bool_), fold)
    assert len(some.families) == 1
    assert np.isfinite(some.odds(made, fold)).all()
    none = learned(Player(HOMES, quick), people, made, np.zeros(6, np.bool_), fold)
    assert none == Prior()
    assert np.array_equal(none.odds(made, fold), np.zeros(6))
