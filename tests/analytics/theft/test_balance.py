"""The balance of one area: which hours, which days, and what is not believed."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.theft.balance import balance
from analytics.theft.noise import by_noise
from analytics.theft.profile import population
from simulators.theft import district, homes


def test_hours_that_are_hidden_across_midnight_are_found_with_their_day() -> None:
    used = homes(14, 42, 24, 9)
    played = district(used, {4: ("night_switch", 20)}, 3)
    found = balance(played.reported.astype(np.float32), played.total.astype(np.float32), population(used))
    assert found is not None
    assert int(np.argmax(found.bits)) == 4
    assert {part.kind for part in found.parts if part.meter == 4} == {"block"}
    assert abs(int(found.start[4]) - 20) <= 2
    assert float(found.energy[4]) == pytest.approx(float(played.stolen[4]), rel=0.15)


def test_days_and_hours_that_nothing_explains_are_believed_less() -> None:
    rng = np.random.default_rng(1)
    rest = rng.normal(size=(30, 24))
    rest[20:] *= 8
    rest[:, 6] *= 5
    weight = np.ones(rest.size)
    weight[:24] = 0
    made = by_noise(weight, rest.ravel(), (30, 24)).reshape(30, 24)
    assert made[0].max() == 0
    assert made[1:20].mean() > 4 * made[20:].mean()
    assert made[1:20, 12].mean() > 3 * made[1:20, 6].mean()
    assert made[1:].min() > 0


def test_noise_of_a_sound_area_changes_nothing_much() -> None:
    even = by_noise(np.ones(480), np.ones(480), (20, 24))
    assert even == pytest.approx(np.ones(480))
    assert by_noise(np.ones(48), np.zeros(48), (2, 24)) == pytest.approx(np.ones(48))
