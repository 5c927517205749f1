"""Each rule of telling the time, alone: what keeps it, what breaks it, and that what is not known is not allowed."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from headend.clock.boundaries import Boundaries, boundaries
from headend.clock.offset import Offset
from headend.clock.policy import ClockPolicy, Correction, Standing
from headend.clock.rules import Known, host_rule, line_rules, meter_rules, refusals
from headend.clock.trust import trust
from headend.health.host_clock import Discipline
from protocols import models

ZONE = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 11, 23, 6, 20, 30, tzinfo=UTC)
"""14:20:30 in Shanghai: far from everything."""
POLICY = ClockPolicy(switches=(17 * 60,))
BOUNDS = Boundaries(((0, "midnight"), (17 * 60, "a tariff switch")), ((0, "an hourly freeze"),), 15)


def s(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def known(off_s: float | None = 20.0, at: datetime = NOW, **more: Any) -> Known:
    offset = None if off_s is None else Offset(at - s(60), s(off_s), s(0.8))
    return Known("m", ZONE, offset, **{"bounds": BOUNDS, **more})


def broken(one: Known, now: datetime = NOW, policy: ClockPolicy = POLICY, *, stepwise: bool = False) -> list[str]:
    return [rule.rule for rule in refusals(meter_rules(one, policy, now, stepwise=stepwise))]


@pytest.mark.parametrize("off", [-59.0, -5.1, 5.1, 20.0, 60.0])
def test_a_clock_that_is_off_may_be_told(off: float) -> None:
    assert broken(known(off)) == []


@pytest.mark.parametrize(
    ("one", "rule"),
    [
        (known(None), "offset known"),
        (replace(known(), offset=Offset(NOW - timedelta(hours=1, seconds=1), s(20), s(0.8))), "offset known"),
        (replace(known(), offset=Offset(NOW + s(1), s(20), s(0.8))), "offset known"),
        (known(5.0), "off"),
        (known(-61.0), "step"),
        (known(told=frozenset({date(2026, 11, 23)})), "once a day"),
        (known(asks=False), "protocol"),
    ],
)
def test_what_breaks_a_rule(one: Known, rule: str) -> None:
    assert broken(one) == [rule]


@pytest.mark.parametrize(("off", "kept"), [(299.1, True), (299.2, False), (-299.1, True), (-299.3, False)])
def test_within_five_minutes_with_all_that_is_not_known(off: float, kept: bool) -> None:
    at = datetime(2026, 11, 23, 6, 7, 30, tzinfo=UTC)
    whole = replace(POLICY, step=None)
    found = broken(known(off, at, bounds=replace(BOUNDS, records_min=None)), at, whole)
    assert ("within 5 minutes" not in found) is kept


@pytest.mark.parametrize(
    ("at", "kept"),
    [
        ("15:54:59", True), ("15:55:01", False), ("16:00:00", False), ("16:04:59", False), ("16:05:06", True),
        ("09:00:01", False), ("16:58:00", False), ("23:57:00", False), ("00:03:00", False), ("00:10:00", True),
    ],
)  # fmt: skip
def test_midnight_freezes_and_tariff_switches_are_kept_clear_of(at: str, kept: bool) -> None:
    now = datetime.combine(date(2026, 11, 23), time.fromisoformat(at), tzinfo=ZONE).astimezone(UTC)
    one = known(-5.5, now, bounds=replace(BOUNDS, records_min=None))
    assert ("keep clear" not in broken(one, now)) is kept


def test_the_meters_own_clock_is_kept_clear_too() -> None:
    """Ours shows 14:54:30, the meter's 14:55:10."""
    now = datetime(2026, 11, 23, 6, 54, 30, tzinfo=UTC)
    assert broken(known(40, now, bounds=replace(BOUNDS, records_min=None)), now) == ["keep clear"]
    assert broken(known(5.5, now, bounds=replace(BOUNDS, records_min=None)), now) == []


@pytest.mark.parametrize(("off", "kept"), [(29.0, True), (29.5, False), (-31.0, True)])
def test_no_load_record_lies_between_before_and_after(off: float, kept: bool) -> None:
    """At 14:29:30.1 a clock that is fast by half a minute has written the record of 14:30, and would write it twice."""
    now = datetime(2026, 11, 23, 6, 29, 30, 100_000, tzinfo=UTC)
    assert ("load record" not in broken(known(off, now), now)) is kept


def test_the_day_is_the_meters_and_ours() -> None:
    """A clock that is four minutes fast at 23:50 is told once in the day that ends, and once in the next."""
    now = datetime(2026, 11, 23, 15, 50, tzinfo=UTC)
    today = known(20, now, told=frozenset({date(2026, 11, 23)}))
    assert "once a day" in broken(today, now)
    assert "once a day" not in broken(known(20, now, told=frozenset({date(2026, 11, 22)})), now)
    ahead = datetime(2026, 11, 23, 15, 59, tzinfo=UTC)
    assert "once a day" in broken(known(240, ahead, told=frozenset({date(2026, 11, 24)})), ahead)


def test_a_line_is_told_if_one_needs_it_and_none_is_harmed() -> None:
    def kept(*all_of_it: Known) -> bool:
        return not refusals(line_rules(all_of_it, POLICY, NOW))

    right, dead, far = known(0.5), known(None), known(4000)
    assert kept(known(20), right, dead, far)
    assert not kept(right, dead, far), "nobody needs it"
    assert not kept(known(20), known(-70)), "one would be moved by more than a step"
    assert not kept(known(20), known(None, told=frozenset({date(2026, 11, 23)}))), "one was told today"
    assert not kept()


def test_daylight_saving_is_no_reason() -> None:
    """On the morning of a day with 23 hours a clock of the zone is as right as on any other."""
    zone = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 3, 29, 1, 20, 30, tzinfo=UTC)  # 03:20:30, twenty minutes behind the change
    one = Known("m", zone, Offset(now - s(60), s(20), s(0.8)), bounds=BOUNDS)
    assert broken(one, now) == []


@pytest.mark.parametrize(
    ("told", "stated", "trusted"),
    [
        (Discipline(True, 0.01), False, True),
        (Discipline(True, 0.6), False, False),
        (Discipline(True, None), False, False),
        (Discipline(False, 0.01), False, False),
        (Discipline(None), False, False),
        (Discipline(False, 16.0), True, True),
    ],
)
def test_our_own_clock_has_to_be_right(told: Discipline, stated: bool, trusted: bool) -> None:
    found = host_rule(trust(told, stated))
    assert (found.kept, bool(found.why)) == (trusted, True)


@pytest.mark.parametrize(
    ("off", "standing", "correction"),
    [
        (0.0, Standing.OK, Correction.NONE),
        (-5.0, Standing.OK, Correction.NONE),
        (5.1, Standing.SYNC, Correction.BROADCAST),
        (-60.0, Standing.SYNC, Correction.BROADCAST),
        (61.0, Standing.SYNC, Correction.STEPS),
        (299.0, Standing.SYNC, Correction.STEPS),
        (299.5, Standing.SYNC, Correction.SET),
        (-301.0, Standing.QUARANTINE, Correction.SET),
        (None, Standing.QUARANTINE, None),
    ],
)
def test_classes_and_ways(off: float | None, standing: Standing, correction: Correction | None) -> None:
    offset = None if off is None else s(off)
    assert POLICY.standing(offset) is standing
    if offset is not None:
        assert POLICY.correction(Offset(NOW, offset, s(0.8))) is correction


@pytest.mark.parametrize(("off", "left"), [(20, 0), (-60, 0), (200, 140), (-61, -1)])
def test_a_step_leaves_the_rest(off: float, left: float) -> None:
    assert POLICY.moved(s(off)) == s(left)
    assert replace(POLICY, step=None).moved(s(off)) == s(0)
    far = known(off)
    assert ("step" in broken(far)) is (left != 0)
    assert broken(far, stepwise=True) == []


def test_boundaries_of_the_standards_meter() -> None:
    found = boundaries(models.load("dlt645_2007"), (360,))
    assert dict(found.daily) == {0: "midnight", 360: "a tariff switch"}
    assert found.records_min == 15
    assert boundaries(models.load("eastron_sdm630")) == Boundaries()
