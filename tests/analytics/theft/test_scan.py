"""The whole scan on simulated districts: who is found, what does not matter, what is handled."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import pytest

from analytics.theft import Evidence, Frame, Outcome, Scan, Settings, scan
from simulators.theft import THEFTS, District, district, homes

SLOTS: Final = 24
DAYS: Final = 42
QUICK: Final = Settings(plays=72, rounds=8, areas_per_round=3, trees=15)
NAMES: Final = [f"m{k:02}" for k in range(36)]
THIEVES: Final = {
    3: ("bypass", 14),
    9: ("made_up", 20),
    17: ("backwards", 0),
    23: ("interruptions", 10),
    30: ("scrambled", 16),
}


@dataclass(frozen=True)
class Case:
    reported: Frame
    totals: Frame
    membership: list[tuple[str, str]]
    districts: tuple[District, ...]


@pytest.fixture(scope="module")
def case() -> Case:
    used = homes(36, DAYS, SLOTS, 4)
    parts = []
    for area in range(3):
        inside = range(12 * area, 12 * area + 12)
        parts.append(district(used[list(inside)], {k % 12: THIEVES[k] for k in inside if k in THIEVES}, area))
    times = np.datetime64("2026-03-01T00:00:00") + np.arange(DAYS * SLOTS) * np.timedelta64(3600, "s")
    values = np.concatenate([p.reported for p in parts]).reshape(36, -1).T.astype(float)
    totals = np.stack([p.total.ravel() for p in parts], axis=1)
    membership = [(name, f"A{k // 12}") for k, name in enumerate(NAMES)]
    return Case(Frame(NAMES, times, values), Frame(["A0", "A1", "A2"], times, totals), membership, tuple(parts))


@pytest.fixture(scope="module")
def found(case: Case) -> Scan:
    return scan(case.reported, case.totals, case.membership, settings=QUICK)


def test_thieves_stand_first_with_reasons(found: Scan) -> None:
    worst = [one.meter for one in found.scores[:6]]
    assert len({NAMES[k] for k in THIEVES} & set(worst)) >= 4
    assert found.scores[0].reasons
    assert [one.rank for one in found.scores] == sorted(one.rank for one in found.scores)
    assert all(0 <= one.score <= 1 for one in found.scores)


def test_the_energy_of_each_area_is_within_one_percent_of_its_total(case: Case, found: Scan) -> None:
    told = {balance.area: balance for balance in found.areas}
    for k, part in enumerate(case.districts):
        assert abs(told[f"A{k}"].stolen_wh - part.stolen.sum()) < 0.01 * part.total.sum()
        mine = sum(one.estimated_wh for one in found.scores if one.meter in NAMES[12 * k : 12 * k + 12])
        assert mine == pytest.approx(told[f"A{k}"].stolen_wh)


def test_neither_order_nor_names_change_a_score(case: Case, found: Scan) -> None:
    rng = np.random.default_rng(5)
    columns, rows = rng.permutation(36), rng.permutation(DAYS * SLOTS)
    other = {name: f"z{99 - k}" for k, name in enumerate(NAMES)}
    mixed = Frame([other[NAMES[k]] for k in columns], case.reported.times[rows], case.reported.values[rows][:, columns])
    areas = rng.permutation(3)
    totals = Frame([f"B{k}" for k in areas], case.totals.times, case.totals.values[:, areas])
    again = scan(mixed, totals, [(other[m], a.replace("A", "B")) for m, a in reversed(case.membership)], settings=QUICK)
    before = {other[one.meter]: (one.score, one.rank, one.estimated_wh) for one in found.scores}
    assert {one.meter: (one.score, one.rank, one.estimated_wh) for one in again.scores} == before


def test_every_subset_of_the_input_works(case: Case) -> None:
    names = {one.meter for one in scan(case.reported, settings=QUICK).scores}
    assert names == set(NAMES)
    half = [*case.membership[:12], ("m20", "nowhere"), ("unknown", "A1")]
    part = scan(case.reported, case.totals, half, settings=QUICK)
    assert [balance.area for balance in part.areas] == ["A0"]
    assert sum("no total meter" in note or "no column" in note or "no area" in note for note in part.notes) == 3


def test_odd_columns_are_scored_and_crash_nothing(case: Case) -> None:
    values = case.reported.values.copy()
    values[:, 0], values[:, 1], values[:, 2] = 0, np.nan, -1
    values[:700, 5] = np.nan
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        odd = scan(replace(case.reported, values=values), case.totals, case.membership, settings=QUICK)
    told = {one.meter: one for one in odd.scores}
    assert "all_zero" in {reason.code for reason in told["m00"].reasons}
    assert {told[name].score for name in ("m01", "m02")} == {0.0}
    assert "no_readings" in {reason.code for reason in told["m01"].reasons}


def test_a_meter_in_two_areas_goes_where_the_total_follows_it(case: Case, found: Scan) -> None:
    doubled = scan(case.reported, case.totals, [*case.membership, ("m04", "A2")], settings=QUICK)
    assert any("several areas" in note for note in doubled.notes)
    assert {one.meter: one.score for one in doubled.scores} == {one.meter: one.score for one in found.scores}


def test_events_lift_and_outcomes_recalibrate(case: Case) -> None:
    plain = {one.meter: one.score for one in scan(case.reported, settings=QUICK).scores}
    event = Evidence("m11", np.datetime64("2026-03-09T10:00"), "cover_opened")
    other = Evidence("m12", np.datetime64("2026-03-09T10:00"), "lunch")
    lifted = scan(case.reported, events=[event, other], settings=QUICK)
    told = {one.meter: one for one in lifted.scores}
    assert told["m11"].score > plain["m11"]
    assert told["m12"].score == plain["m12"]
    assert "cover_opened" in {reason.code for reason in told["m11"].reasons}
    cleared = [Outcome(name, found=False) for name in NAMES[:20]]
    calm = {one.meter: one.score for one in scan(case.reported, outcomes=cleared, settings=QUICK).scores}
    assert sum(calm.values()) < sum(plain.values())


def test_daily_readings_are_scored(case: Case) -> None:
    used = homes(24, 240, 24, 8).sum(axis=2, keepdims=True)
    played = district(used, {5: ("bypass", 120)}, 1)
    times = np.datetime64("2026-01-01") + np.arange(240).astype("timedelta64[D]")
    reported = Frame(NAMES[:24], times, played.reported[:, :, 0].T)
    total = Frame(["A"], times, played.total)
    found = scan(reported, total, [(name, "A") for name in NAMES[:24]], settings=QUICK)
    assert found.scores[0].meter == "m05"
    assert abs(found.areas[0].stolen_wh - played.stolen.sum()) < 0.01 * played.total.sum()


@pytest.mark.parametrize("kind", THEFTS)
def test_a_theft_begins_on_its_day_and_the_total_counts_what_was_used(kind: str) -> None:
    used = homes(3, 28, 48, 2)
    played = district(used, {1: (kind, 14)}, 3)
    assert np.array_equal(played.reported[[0, 2]], used[[0, 2]])
    assert np.array_equal(played.reported[1, :14], used[1, :14])
    assert not np.array_equal(played.reported[1, 14:], used[1, 14:])
    assert (played.reported >= 0).all()
    assert played.total.sum() == pytest.approx(used.sum() + played.technical, rel=0.005)


def test_a_swap_moves_no_energy_of_the_area() -> None:
    used = homes(4, 20, 24, 6)
    played = district(used, {}, 3, swap=(0, 2))
    assert np.array_equal(played.reported[0, 10:], used[2, 10:])
    assert played.stolen.sum() == 0
