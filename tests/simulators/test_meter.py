"""What a meter really has: registers that add up, move forward only, and show no more digits than the meter has."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from struct import pack, unpack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocols.model import Kind
from protocols.quantities import BY_NAME, quantity
from simulators.digits import Digits
from simulators.load import STEP_S
from simulators.meter import Start
from tests.simulators.meters import EVENING, MODELS, NOON, meter

moments = st.datetimes(datetime(2026, 1, 2), datetime(2029, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
seeds = st.integers(0, 10_000)
RATES = ["active_energy_import_t1", "active_energy_import_t2", "active_energy_import_t3", "active_energy_import_t4"]


@given(seeds, moments)
def test_the_rates_add_up_to_the_total(seed: int, at: datetime) -> None:
    values = meter(seed).values(at)
    for way in ("import", "export"):
        rates = [values[BY_NAME[f"active_energy_{way}_t{n}"]] or Decimal(0) for n in (1, 2, 3, 4)]
        assert sum(rates) == values[BY_NAME[f"active_energy_{way}"]]
    assert values[quantity("active_energy_combined")] == (
        (values[quantity("active_energy_import")] or 0) + (values[quantity("active_energy_export")] or 0)
    )
    assert values[quantity("reactive_energy_import")] == (
        (values[quantity("reactive_energy_q1")] or 0) + (values[quantity("reactive_energy_q2")] or 0)
    )


@pytest.mark.parametrize("model", MODELS)
@given(seed=seeds, at=moments)
def test_energy_only_grows(model: str, seed: int, at: datetime) -> None:
    one = meter(seed, model)
    readings = [one.values(at + timedelta(seconds=37 * n)) for n in range(12)]
    for item in one.plate.digits:
        if item.kind is Kind.CUMULATIVE:
            series = [reading[item] for reading in readings]
            assert all(a is not None and b is not None and a <= b for a, b in pairwise(series)), item.name


@given(seeds, moments)
def test_energy_is_the_integral_of_power(seed: int, at: datetime) -> None:
    """Over an hour, to the last digits of four rate registers."""
    one = meter(seed, load="home")
    at = at.replace(second=0, microsecond=0)
    hour = timedelta(hours=1)
    before, after = (one.value(quantity("active_energy_import"), t) for t in (at, at + hour))
    kwh = sum(
        (one.value(quantity("active_power"), at + timedelta(seconds=n)) or Decimal(0)) * STEP_S
        for n in range(0, 3600, STEP_S)
    ) / Decimal(3600)
    assert before is not None
    assert after is not None
    assert abs(after - before - kwh) < Decimal("0.04")


@given(seeds, moments)
def test_phases_add_up(seed: int, at: datetime) -> None:
    values = meter(seed).values(at)
    for name in ("active_power", "reactive_power", "apparent_power"):
        phases = [values[BY_NAME[f"{name}_l{n}"]] or Decimal(0) for n in (1, 2, 3)]
        assert sum(phases) == values[BY_NAME[name]]


@pytest.mark.parametrize("model", MODELS)
@given(seed=seeds, at=moments)
def test_values_have_no_more_digits_than_the_quantity(model: str, seed: int, at: datetime) -> None:
    one = meter(seed, model)
    for item, value in one.values(at).items():
        assert value is not None or item.kind is Kind.TIME, item.name
        assert value is None or value == item.value(item.steps(value)), item.name


@given(seeds, moments)
def test_a_float_register_holds_the_value_exactly(seed: int, at: datetime) -> None:
    """Without our own codec: C's float and back, at six digits, is the identity."""
    for item, value in meter(seed, "eastron_sdm630").values(at).items():
        assert value is not None
        (single,) = unpack(">f", pack(">f", float(value)))
        assert Decimal(f"{single:.6g}") == value, item.name


def test_registers_stand_still_between_ticks() -> None:
    one = meter(tick_s=10)
    tick = datetime(2026, 11, 22, 12, 10, 10, tzinfo=UTC)
    assert one.refreshed(tick + timedelta(seconds=9.999)) == tick
    assert one.values(tick) == one.values(tick + timedelta(seconds=9.999))
    assert one.values(tick) != one.values(tick + timedelta(seconds=10))


def test_a_single_phase_meter_has_no_other_phases() -> None:
    values = meter(phases=1).values(EVENING)
    assert values[quantity("voltage_l1")] is not None
    assert values[quantity("voltage_l2")] is None
    assert values[quantity("power_factor_l3")] is None
    assert values[quantity("active_power")] == values[quantity("active_power_l1")]


def test_a_roof_gives_back_at_noon() -> None:
    one = meter(load="roof")
    values = one.values(NOON)
    assert (values[quantity("active_power")] or 0) < 0
    assert (values[quantity("power_factor")] or 0) < 0
    assert values[quantity("status_word_1")] == 16
    assert values[quantity("status_word_2")] == 7
    assert values[quantity("status_word_3")] == 0
    later = one.values(NOON + timedelta(minutes=30))
    assert (later[quantity("active_energy_export")] or 0) > (values[quantity("active_energy_export")] or 0)
    assert later[quantity("active_energy_import")] == values[quantity("active_energy_import")]


def test_a_counter_starts_again_at_its_end() -> None:
    """Eight digits, two of them decimals: 999999.99 kWh is followed by 0."""
    rate_3 = quantity("active_energy_import_t3")
    plain = meter(load="home", start=Start()).value(rate_3, NOON)
    assert plain is not None
    nearly = 1_000_000_000 - 10 * int(plain * 100)
    for missing, shown in ((10, Decimal("999999.99")), (0, Decimal("0.00"))):
        assert meter(load="home", start=Start((0, 0, nearly - missing, 0))).value(rate_3, NOON) == shown


def test_the_clock_is_the_zone_s_and_as_wrong_as_it_is_told() -> None:
    assert meter().clock(EVENING) == datetime(2026, 11, 22, 20, 10, 3)  # noqa: DTZ001  # a meter's clock has no zone
    slow = meter(clock_offset_s=-75, utc_offset_s=3600)
    assert slow.clock(EVENING) == datetime(2026, 11, 22, 13, 8, 48)  # noqa: DTZ001


def test_what_is_not_in_the_model_is_not_there() -> None:
    with pytest.raises(KeyError):
        meter(model="integers").value(quantity("frequency"), NOON)


@pytest.mark.parametrize("traits", [{"phases": 2}, {"tick_s": 0}])
def test_impossible_meters_are_refused(traits: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="expected 1 or 3 phases"):
        meter(**traits)


@pytest.mark.parametrize(
    ("digits", "number", "over", "shown"),
    [
        (Digits(2), 123_456, 1000, "123.45"),
        (Digits(2), -123_456, 1000, "-123.45"),
        (Digits(0), 7, 2, "3"),
        (Digits(2, mantissa=5), 1_234, 1000, "1.20"),
        (Digits(4, significant=6), 123_456_789, 100_000, "1234.56"),
        (Digits(4, significant=6), 123_456_789, 100_000_000, "1.2345"),
        (Digits(1, significant=6), 12_345_678, 1, "12345600.0"),
    ],
)
def test_digits_cut_off(digits: Digits, number: int, over: int, shown: str) -> None:
    assert digits.shown(number, over) == Decimal(shown)


def test_what_does_not_count_must_fit() -> None:
    digits = Digits(1, capacity=100)
    assert digits.shown(95, 10) == digits.shown(95, 10, counts=True) == Decimal("9.5")
    assert digits.shown(105, 10, counts=True) == Decimal("0.5")
    with pytest.raises(ValueError, match="more than the meter can show"):
        digits.shown(105, 10)
