"""What moves all meters, from some at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.lineloss.people import People, sketched
from analytics.theft.profile import population

DAYS, SLOTS, METERS = 21, 24, 61


def cells(values: NDArray[Any]) -> NDArray[Any]:
    """(time, meter) as a grid holds it: the meter is the fastest index in memory."""
    return values.T.reshape(values.shape[1], DAYS, SLOTS)


@pytest.fixture
def values() -> NDArray[Any]:
    rng = np.random.default_rng(1)
    made = rng.gamma(2, 100, (DAYS * SLOTS, METERS)).astype(np.float32)
    made[rng.random(made.shape) < 0.05] = np.nan
    made[:, 5] = np.nan
    made[:, 7] = 0
    made[10 * SLOTS : 11 * SLOTS, 20:] = np.nan
    return made


@pytest.mark.parametrize("size", [2, 3, 20, 59, METERS])
def test_pieces_tell_the_same_to_the_bit(values: NDArray[Any], size: int) -> None:
    people = People(DAYS, SLOTS)
    cuts = list(range(0, METERS - 1, size))
    for begin, end in zip(cuts, [*cuts[1:], METERS], strict=True):
        people.add(sketched(cells(np.ascontiguousarray(values[:, begin:end]))))
    whole, made = population(cells(values)), people.population()
    assert made.by_day.tobytes() == whole.by_day.tobytes()
    assert made.by_slot.tobytes() == whole.by_slot.tobytes()


@pytest.mark.parametrize("level", [np.nan, 0.0])
def test_nobody_moves_nothing(level: float) -> None:
    empty = np.full((DAYS * SLOTS, 3), level, np.float32)
    people = People(DAYS, SLOTS)
    people.add(sketched(cells(empty)))
    whole, made = population(cells(empty)), people.population()
    assert made.by_day.tobytes() == whole.by_day.tobytes()
    assert made.by_slot.tobytes() == whole.by_slot.tobytes()
