"""Customers of a fleet that pushes: what is counted, what is stolen, what the area's total meter sees, to the step."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import pytest

from simulators.fleet import Fleet
from simulators.push.payloads import Publications
from simulators.push.table import PushTable
from simulators.push.values import PushTruth, Values
from simulators.scenario import ScenarioError, parse
from simulators.truth import STOLEN

START = datetime(2026, 11, 22, 0, 0, tzinfo=UTC)
ENERGY = "active_energy_import"
FLEET = """
seed = 3
[[push]]
name = "block"
broker = "mqtt://127.0.0.1:1"
meters = 12
per_gateway = 6
feeder = "F1"
totals = { ratio = 2, loss_w = 80, loss_share = 0.02 }
"""
DAY = timedelta(days=1)


def theft(kind: str, more: str, meter: int = 2) -> str:
    return f'[[theft]]\nkind = "{kind}"\nmeter = ["{name(meter)}"]\nfrom = 0\n{more}\n'


def name(meter: int) -> str:
    return f"block-{meter:07d}"


def truth(text: str) -> PushTruth:
    return PushTruth(Fleet(parse(FLEET + text, "lab.toml"), lambda: START).values_of("block"))


def gained(of: PushTruth, meter: int, begin: datetime, end: datetime, quantity: str = ENERGY) -> Decimal:
    after, before = of.at(name(meter), quantity, end), of.at(name(meter), quantity, begin)
    assert after is not None
    assert before is not None
    return after - before


HONEST = truth("")


@pytest.mark.parametrize(("kind", "power"), [("bypass", Decimal("0.75")), ("slowed_register", Decimal(1))])
def test_a_share_is_not_counted(kind: str, power: Decimal) -> None:
    bent = truth(theft(kind, "share = 0.25"))
    usual, less = (gained(one, 2, START, START + DAY) for one in (HONEST, bent))
    stolen = gained(bent, 2, START, START + DAY, STOLEN)
    assert abs(less + stolen - usual) <= Decimal("0.01")
    assert abs(stolen - usual / 4) <= Decimal("0.01")
    watts, honest = (one.at(name(2), "active_power", START + DAY) for one in (bent, HONEST))
    assert watts is not None
    assert honest is not None
    assert abs(watts - honest * power) <= Decimal("0.0001")
    assert gained(bent, 3, START, START + DAY) == gained(HONEST, 3, START, START + DAY)
    assert bent.at(name(3), STOLEN, START) is None
    assert bent.at(name(2), ENERGY, START) == HONEST.at(name(2), ENERGY, START)


@pytest.mark.parametrize("hours", ["10:00-14:30", "22:00-05:30"])
def test_only_in_those_hours(hours: str) -> None:
    bent = truth(theft("bypass", f'share = 1.0\nhours = "{hours}"\nto = {3 * 86_400}'))
    begin, end = (timedelta(hours=int(text[:2]), minutes=int(text[3:])) for text in hours.split("-"))
    midnight = datetime(2026, 11, 22, 16, 0, tzinfo=UTC)  # in Shanghai
    first, last = midnight + begin, midnight + end + (DAY if end < begin else timedelta(0))
    assert gained(bent, 2, first, last) == 0
    assert abs(gained(bent, 2, first, last, STOLEN) - gained(HONEST, 2, first, last)) <= Decimal("0.01")
    assert gained(bent, 2, last, first + DAY) == gained(HONEST, 2, last, first + DAY) != 0
    assert gained(bent, 2, START + 4 * DAY, START + 5 * DAY, STOLEN) == 0
    edges = [START + timedelta(hours=n) for n in range(97)]
    by_parts = sum(gained(bent, 2, one, next_one) for one, next_one in pairwise(edges))
    assert by_parts == gained(bent, 2, START, START + 4 * DAY)


def test_an_honest_change_is_counted_and_multiplies_with_a_theft() -> None:
    change = f'[[change]]\nkind = "vacancy"\nmeter = ["{name(2)}"]\nfrom = 0\nto = 86400\n'
    usual = gained(HONEST, 2, START, START + DAY)
    away = truth(change)
    assert abs(gained(away, 2, START, START + DAY) - usual / 20) <= Decimal("0.01")
    assert gained(away, 2, START + DAY, START + 2 * DAY) == gained(HONEST, 2, START + DAY, START + 2 * DAY)
    both = truth(change + theft("bypass", "share = 0.5"))
    assert abs(gained(both, 2, START, START + DAY) - usual / 40) <= Decimal("0.01")
    assert abs(gained(both, 2, START, START + DAY, STOLEN) - usual / 40) <= Decimal("0.01")
    assert gained(truth(change.replace("vacancy", "tenant")), 2, START, START + DAY) != usual


def test_the_last_meter_of_a_gateway_counts_what_is_used_and_lost() -> None:
    bent = truth(theft("bypass", "share = 0.5") + theft("slowed_register", "share = 0.9", 9))
    for total, members in ((6, range(1, 6)), (12, range(7, 12))):
        used = sum(gained(HONEST, meter, START, START + DAY) for meter in members)
        meant = used * Decimal("1.02") + Decimal("0.08") * 24
        assert abs(gained(bent, total, START, START + DAY) * 2 - meant) <= Decimal("0.1")
        assert gained(bent, total, START, START + DAY) == gained(HONEST, total, START, START + DAY)
        power = bent.at(name(total), "active_power", START)
        assert power is not None
        watts = sum(HONEST.at(name(meter), "active_power", START) or 0 for meter in members)
        assert abs(power * 2 - (watts * Decimal("1.02") + Decimal("0.08"))) <= Decimal("0.01")


def test_what_is_published_is_that() -> None:
    values = Fleet(parse(FLEET + theft("bypass", "share = 0.5"), "lab.toml"), lambda: START).values_of("block")
    slot = int((START + DAY).timestamp())
    published = Publications(values).columns(0, slot)
    for quantity in ("active_energy_import", "active_power"):
        decimals = 2 if quantity == ENERGY else 4
        shown = [PushTruth(values).at(name(meter), quantity, START + DAY) for meter in range(1, 7)]
        assert [Decimal(int(n)).scaleb(-decimals) for n in published[quantity]] == shown


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (theft("phase_reversal", ""), "block-0000002 pushes, phase_reversal is for meters on buses"),
        (theft("bypass", "share = 0.5", 6), "no meter 'block-0000006' that may"),
        (theft("bypass", "share = 0.5", 13), "no meter 'block-0000013'"),
        (theft("bypass", "share = 0.5") * 2, "struck already"),
        (f'[[change]]\nkind = "rooftop"\nmeter = ["{name(2)}"]\nfrom = 0\n', "pushes, rooftop"),
        ('[[theft]]\nkind = "bypass"\nshare = 0.5\nfrom = 0\narea = "block-g000001"\nmeters = 6\n', "6, but 5 of"),
    ],
)
def test_what_such_meters_do_not_know(text: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason):
        truth(text)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        ("ratio = 2", "ratio = 0", r"push\[0\].totals: ratio is at least 1"),
        ("per_gateway = 6", "per_gateway = 11", r"push\[0\].totals: expected at least two meters"),
        ("meters = 12\nper_gateway = 6", "meters = 200\nper_gateway = 100", r"totals.ratio: 2, expected at least \d+"),
        ("totals = {", "#", r"push\[0\].feeder: goes with totals"),
    ],
)
def test_totals_that_cannot_be(old: str, new: str, reason: str) -> None:
    with pytest.raises(ScenarioError, match=reason):
        parse(FLEET.replace(old, new), "lab.toml")


def test_a_fleet_without_deeds_is_as_it_was() -> None:
    table = PushTable(name="site", broker="mqtt://127.0.0.1:1", meters=3)
    shown = PushTruth(Values(table, 5, 8 * 3600)).all(ENERGY, START + timedelta(seconds=433))
    assert [str(value) for value in shown] == ["177731.96", "459498.40", "389808.94"]
