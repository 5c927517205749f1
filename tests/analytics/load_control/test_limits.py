"""Limits and balances: warned first, cut on what is known and proved, given back."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, time, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from analytics.load_control.cost import Account, Standing, judge
from analytics.load_control.limits import EnergyLimit, Load, PowerLimit, Proposal, energy, power
from analytics.load_control.programme import Kind, Programme, ProgrammeFault

ZONE = ZoneInfo("Asia/Shanghai")
NOON = datetime(2026, 7, 14, 12, tzinfo=ZONE)
MINUTE = timedelta(minutes=1)
LIMIT = PowerLimit(Decimal(100), time(8), time(18))
COST = Programme("费控", Kind.COST, warn_at=Decimal(20), cut_at=Decimal(-10))


def loads(*kw: int) -> list[Load]:
    return [Load(NOON - (len(kw) - 1 - n) * 5 * MINUTE, Decimal(value)) for n, value in enumerate(kw)]


@pytest.mark.parametrize(
    ("kw", "said"),
    [
        ((90, 100), Proposal.NOTHING),
        ((90, 101), Proposal.NOTHING),
        ((101, 101), Proposal.WARN),
        ((101, 90, 101, 101), Proposal.WARN),
        ((101, 101, 101, 101), Proposal.CUT),
        ((101, 101, 101, 99), Proposal.NOTHING),
        ((), Proposal.NOTHING),
    ],
)
def test_above_the_limit_for_a_while(kw: tuple[int, ...], said: Proposal) -> None:
    assert power(LIMIT, loads(*kw), NOON, None) is said


def test_what_is_old_says_nothing_and_hours_end() -> None:
    high = loads(101, 101, 101, 101)
    assert power(LIMIT, high, NOON + 6 * MINUTE, None) is Proposal.NOTHING
    assert power(LIMIT, [], NOON, NOON - 10 * MINUTE) is Proposal.NOTHING
    assert power(LIMIT, [], NOON, NOON - 30 * MINUTE) is Proposal.GIVE_BACK
    assert power(LIMIT, [], NOON.replace(hour=18), NOON.replace(hour=17, minute=59)) is Proposal.GIVE_BACK
    night = PowerLimit(Decimal(0), time(22), time(6))
    assert night.holds(time(23))
    assert night.holds(time(5, 59))
    assert not night.holds(time(6))


def test_energy() -> None:
    limit = EnergyLimit(Decimal(1000))
    found = [energy(limit, used, is_cut=False) for used in (None, Decimal(899), Decimal(900), Decimal(1000))]
    assert found == [Proposal.NOTHING, Proposal.NOTHING, Proposal.WARN, Proposal.CUT]
    assert energy(limit, Decimal(1000), is_cut=True) is Proposal.NOTHING
    assert energy(limit, Decimal(10), is_cut=True) is Proposal.GIVE_BACK
    with pytest.raises(ProgrammeFault):
        EnergyLimit(Decimal(0))


def standing(balance: str, **more: object) -> Standing:
    return replace(Standing(Decimal(balance), NOON), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (standing("21"), Account.NOTHING),
        (standing("20"), Account.WARN),
        (standing("20", warned=NOON), Account.NOTHING),
        (standing("-10"), Account.GIVE_NOTICE),
        (standing("-10", noticed=NOON - timedelta(days=4)), Account.GIVE_NOTICE),
        (standing("-10", noticed=NOON - timedelta(days=2), proof="letter 7"), Account.NOTHING),
        (standing("-10", noticed=NOON - timedelta(days=3), proof="letter 7"), Account.CUT),
        (standing("-9.99", noticed=NOON - timedelta(days=4), proof="letter 7"), Account.WARN),
        (standing("-10", is_cut=True), Account.NOTHING),
        (standing("0", is_cut=True), Account.GIVE_BACK),
    ],
)
def test_the_balance(given: Standing, said: Account) -> None:
    assert judge(COST, given, NOON) is said


def test_nobody_is_cut_on_an_old_balance() -> None:
    old = standing("-50", at=NOON - timedelta(hours=2), noticed=NOON - timedelta(days=9), proof="letter 7")
    assert judge(COST, old, NOON) is Account.NOTHING
    assert judge(COST, replace(old, at=NOON), NOON) is Account.CUT
    with pytest.raises(ProgrammeFault, match="not of cost control"):
        judge(Programme("peak", Kind.DIRECT), old, NOON)
