"""Utilisation over a sliding window, and who is told of as the worst."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headend.collection.line import Line
from headend.collection.line_budget import TOLD_LINES, TOLD_METERS, mean_ms, told, worst
from headend.collection.window import SPAN_S, Window
from protocols.timing import Timing
from protocols.traffic import MeterCounters
from tests.headend.bus import path


def test_utilisation_is_that_of_the_last_minutes() -> None:
    window = Window()
    assert window.busy(0.0, 0.0) is None
    for second in range(10, 1001, 10):
        share = window.busy(float(second), 0.5 * min(second, 500))
        assert share is not None
        if second <= 500:
            assert share == pytest.approx(0.5)
    assert window.busy(1000.0, 250.0) == 0.0


@given(st.lists(st.tuples(st.floats(0.1, 60.0), st.floats(0.0, 1.0)), min_size=1, max_size=200))
def test_utilisation_is_a_share_and_looks_back_about_the_span(steps: list[tuple[float, float]]) -> None:
    window, now, busy = Window(), 0.0, 0.0
    window.busy(now, busy)
    past = [(now, busy)]
    for gone, share in steps:
        now, busy = now + gone, busy + gone * share
        past.append((now, busy))
        found = window.busy(now, busy)
        assert found is not None
        candidates = [(busy - b) / (now - t) for t, b in past if now - t > 0 and now - t <= SPAN_S + 60 + 10]
        assert min(candidates) - 1e-6 <= found <= max(candidates) + 1e-6


def test_the_worst_are_those_that_answer_least() -> None:
    meters = {
        "good": MeterCounters(requests=99, answers=99, busy_s=50.0),
        "dead": MeterCounters(requests=30, timeouts=30, busy_s=30.0),
        "noisy": MeterCounters(requests=30, answers=20, timeouts=10, checksums=10, busy_s=9.0),
        "slow": MeterCounters(requests=30, answers=10, timeouts=20, busy_s=10.0),
    }
    assert [name for name, _ in worst(meters, 9)] == ["dead", "slow", "noisy"]
    assert [name for name, _ in worst(meters, 1)] == ["dead"]


def test_a_sign_of_life_is_bounded() -> None:
    lines = [Line(path(f"line {number}"), Timing()) for number in range(TOLD_LINES + 5)]
    for number, line in enumerate(lines):
        line.counters.timeouts = number
        line.meters = {f"m{k}": MeterCounters(timeouts=1) for k in range(TOLD_METERS + 3)}
    found = told(lines)
    assert len(found) == len(lines)
    assert sum(bool(one["meters"]) for one in found.values()) == TOLD_LINES
    assert found["line 4"]["meters"] == {}
    assert len(found["line 104"]["meters"]) == TOLD_METERS


def test_means() -> None:
    assert mean_ms(0.5, 4) == 125.0
    assert mean_ms(0.0, 0) is None
