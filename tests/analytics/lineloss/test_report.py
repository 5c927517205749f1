"""Line loss of simulated districts whose truth is known: what is lost, and what is told of what was made wrong."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.errors import FrameUnusable
from analytics.lineloss import Input, Member, Place, Report, line_loss
from analytics.theft import Frame
from simulators.theft import District, district, homes

SLOTS: Final = 48
DAYS: Final = 28
MEMBERS: Final = 12
FIRST: Final = np.datetime64("2026-03-02T00:00:00")
TIMES: Final = FIRST + np.arange(DAYS * SLOTS) * np.timedelta64(1800, "s")

Floats = NDArray[Any]


@dataclass(frozen=True)
class Grid:
    """Two areas of twelve homes; `meters` is (time, meter), `totals` (time, area)."""

    meters: Floats
    totals: Floats
    members: list[Member]
    districts: tuple[District, ...]

    def input(self, **changed: Any) -> Input:
        names = [f"m{k:02}" for k in range(self.meters.shape[1])]
        given = Input(Frame(names, TIMES, self.meters), Frame(["A", "B"], TIMES, self.totals), self.members)
        return replace(given, **changed)


@pytest.fixture(scope="module")
def clean() -> Grid:
    used = homes(2 * MEMBERS, DAYS, SLOTS, 11)
    parts = tuple(district(used[at : at + MEMBERS], {}, at) for at in (0, MEMBERS))
    meters = np.concatenate([part.reported for part in parts]).reshape(2 * MEMBERS, -1).T.astype(float)
    totals = np.stack([part.total.ravel() for part in parts], axis=1).astype(float)
    members = [Member(f"m{k:02}", "A" if k < MEMBERS else "B") for k in range(2 * MEMBERS)]
    return Grid(meters, totals, members, parts)


def place(found: Report, name: str) -> Place:
    (one,) = [place for place in found.places if place.name == name]
    return one


def told(found: Report, name: str) -> dict[str, list[Any]]:
    said: dict[str, list[Any]] = {}
    for one in place(found, name).anomalies:
        said.setdefault(one.code, []).append(one)
    return said


def test_the_technical_loss_is_found_and_a_sound_area_has_no_anomaly(clean: Grid) -> None:
    found = line_loss(clean.input())
    for name, truth in zip("AB", clean.districts, strict=True):
        mine = place(found, name)
        assert mine.total("supplied") == pytest.approx(truth.total.sum(), rel=1e-5)
        assert mine.total("loss") == pytest.approx(truth.technical, rel=0.02)
        assert mine.total("technical") == pytest.approx(truth.technical, rel=0.05)
        assert mine.anomalies == ()
        assert len(mine.days) == DAYS
        assert {code for day in mine.days for code in day.codes} == set()
        model = mine.technical
        assert min(model.constant, model.linear, model.quadratic) >= 0


def test_a_meter_of_another_area_is_told_with_the_area_that_supplies_it(clean: Grid) -> None:
    members = [Member("m03", "B") if m.meter == "m03" else m for m in clean.members]
    found = line_loss(clean.input(members=members))
    (wrong,) = told(found, "B")["wrong_area"]
    assert (wrong.meter, "A" in wrong.text) == ("m03", True)
    assert told(found, "A").keys() & {"step_change", "wrong_area"} == set()


@pytest.mark.parametrize(("factor", "day"), [(10, 0), (0.5, 9), (3, 12)])
def test_a_wrong_multiplier_is_told_from_its_day_on(clean: Grid, factor: float, day: int) -> None:
    meters = clean.meters.copy()
    meters[day * SLOTS :, 5] /= factor
    (wrong,) = told(line_loss(clean.input(reported=replace(clean.input().reported, values=meters))), "A")["multiplier"]
    assert wrong.meter == "m05"
    assert abs(int((wrong.day - FIRST.astype("datetime64[D]")).astype(int)) - day) <= 1
    lacking = clean.meters[day * SLOTS :, 5].sum() * (1 - 1 / factor)
    assert wrong.energy == pytest.approx(lacking, rel=0.1)


def test_a_member_with_a_wrong_clock_is_told_and_moves_no_energy(clean: Grid) -> None:
    meters = clean.meters.copy()
    meters[2:, 7] = clean.meters[:-2, 7]
    found = line_loss(clean.input(reported=replace(clean.input().reported, values=meters)))
    (shift,) = told(found, "A")["clock_shift"]
    assert (shift.meter, "60 min too late" in shift.text) == ("m07", True)


def test_the_total_meters_clock_is_made_good(clean: Grid) -> None:
    totals = clean.totals.copy()
    totals[1:, 1] = clean.totals[:-1, 1]
    found = line_loss(clean.input(totals=replace(clean.input().totals, values=totals)))
    (shift,) = told(found, "B")["clock_shift"]
    assert "30 min too late" in shift.text
    assert place(found, "B").total("technical") == pytest.approx(clean.districts[1].technical, rel=0.05)


def test_an_exchanged_meter_counts_for_its_stay_alone(clean: Grid) -> None:
    half = DAYS // 2 * SLOTS
    meters = np.column_stack([clean.meters, clean.meters[:, 4]])
    meters[half:, 4], meters[:half, 24] = 999.0, 777.0
    at = TIMES[half]
    stays = [Member("m04", "A", None, at), Member("m24", "A", at, None)]
    members = [*(m for m in clean.members if m.meter != "m04"), *stays]
    found = line_loss(Grid(meters, clean.totals, members, ()).input())
    assert place(found, "A").total("loss") == pytest.approx(clean.districts[0].technical, rel=0.02)
    assert {day.meters for day in place(found, "A").days} == {MEMBERS}
    assert place(found, "A").anomalies == ()


def test_feed_in_is_supply_and_what_leaves_the_area_is_not(clean: Grid) -> None:
    sun = np.clip(np.sin((np.arange(DAYS * SLOTS) % SLOTS) / SLOTS * 2 * np.pi - np.pi / 2), 0, None) * 4000
    net = clean.totals[:, 0] - sun
    totals = clean.totals.copy()
    totals[:, 0] = np.clip(net, 0, None)
    found = line_loss(
        clean.input(
            totals=replace(clean.input().totals, values=totals),
            exported=Frame(["m02"], TIMES, sun[:, None]),
            totals_exported=Frame(["A"], TIMES, np.clip(-net, 0, None)[:, None]),
        )
    )
    mine = place(found, "A")
    assert mine.total("fed_in") == pytest.approx(sun.sum(), rel=1e-4)
    assert mine.total("loss") == pytest.approx(clean.districts[0].technical, rel=0.02)


def test_gaps_are_estimated_told_and_never_a_loss(clean: Grid) -> None:
    meters, totals = clean.meters.copy(), clean.totals.copy()
    meters[3 * SLOTS : 4 * SLOTS, :6] = np.nan
    totals[8 * SLOTS : 9 * SLOTS, 0] = np.nan
    meters[:, 20] = np.nan
    given = clean.input()
    found = line_loss(
        replace(given, reported=replace(given.reported, values=meters), totals=replace(given.totals, values=totals))
    )
    days = place(found, "A").days
    assert set(days[3].codes) == {"missing_meters", "estimated"}
    assert (days[3].missing, days[3].estimated > 0) == (6, True)
    assert days[8].codes == ("no_total",)
    assert days[8].loss == 0
    assert [one.meter for one in told(found, "B")["never_read"]] == ["m20"]


def test_theft_from_a_day_on_is_a_step(clean: Grid) -> None:
    used = homes(2 * MEMBERS, DAYS, SLOTS, 11)[:MEMBERS]
    robbed = district(used, {1: ("interruptions", 14), 2: ("bypass", 14)}, 0)
    meters = clean.meters.copy()
    meters[:, :MEMBERS] = robbed.reported.reshape(MEMBERS, -1).T
    found = line_loss(clean.input(reported=replace(clean.input().reported, values=meters)))
    assert found.places[0].name == "A"
    (step,) = told(found, "A")["step_change"]
    assert abs(int((step.day - FIRST.astype("datetime64[D]")).astype(int)) - 14) <= 1
    assert step.energy == pytest.approx(robbed.stolen.sum(), rel=0.25)


def test_a_total_meter_with_a_wrong_multiplier(clean: Grid) -> None:
    for factor, code in ((10.0, "total_multiplier"), (0.1, "total_multiplier"), (0.9, "negative_loss")):
        given = clean.input()
        found = line_loss(replace(given, totals=replace(given.totals, values=given.totals.values * [factor, 1])))
        assert code in told(found, "A")
        technical = place(found, "A").technical
        assert min(technical.constant, technical.linear, technical.quadratic) >= 0


def test_feeders_are_measured_or_summed(clean: Grid) -> None:
    given = clean.input()
    loss = clean.totals.sum(axis=1) * 0.02
    totals = Frame(["A", "B", "F1"], TIMES, np.column_stack([clean.totals, clean.totals.sum(axis=1) + loss]))
    measured = line_loss(replace(given, totals=totals, feeders={"A": "F1", "B": "F1"}))
    own = place(measured, "F1")
    assert (own.level, own.summed) == ("feeder", False)
    assert own.total("loss") == pytest.approx(loss.sum(), rel=1e-3)
    summed = line_loss(replace(given, feeders={"A": "F1", "B": "F2"}))
    assert place(summed, "F1").summed
    assert place(summed, "F1").total("loss") == pytest.approx(place(summed, "A").total("loss"))


def test_days_of_23_and_25_hours_lose_nothing(clean: Grid) -> None:
    doubled = np.sort(np.concatenate([TIMES, TIMES[100:102]]))
    at = np.searchsorted(TIMES, doubled)
    at, doubled = np.delete(at, slice(500, 502)), np.delete(doubled, slice(500, 502))
    given = clean.input()
    found = line_loss(
        replace(
            given,
            reported=Frame(given.reported.names, doubled, given.reported.values[at]),
            totals=Frame(given.totals.names, doubled, given.totals.values[at]),
        )
    )
    assert place(found, "A").total("loss") == pytest.approx(clean.districts[0].technical, rel=0.03)
    assert not place(found, "A").anomalies


def test_odd_input_is_told_and_nothing_without_a_total_is_reckoned(clean: Grid) -> None:
    given = clean.input(members=[*clean.members, Member("m99", "A"), Member("m01", "C")])
    values = given.reported.values.copy()
    values[:, 0], values[5, 1] = 0, -4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = line_loss(replace(given, reported=replace(given.reported, values=values)))
    assert {place.name for place in found.places} == {"A", "B"}
    assert sum("no total meter" in note or "no readings" in note or "negative" in note for note in found.notes) == 3
    with pytest.raises(FrameUnusable):
        line_loss(replace(given, members=[Member("m01", "C")]))
