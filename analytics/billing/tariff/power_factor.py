"""力调: by how many per cent a power factor changes the charges. The rule is data, in `power_factor.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from importlib import resources

import msgspec

from analytics.billing.exact import EXACT


class _Step(msgspec.Struct, frozen=True):
    to: Decimal
    percent: Decimal


class _Standard(msgspec.Struct, frozen=True):
    of: Decimal
    above: list[_Step]
    below: list[_Step]


class _Table(msgspec.Struct, frozen=True):
    digits: int
    standard: list[_Standard]


def flaws(table: str, standard: Decimal) -> Iterator[str]:
    """Why that table and standard cannot be used."""
    if table not in _tables():
        yield f"table {table!r}, expected one of {', '.join(_tables())}"
    elif standard not in {each.of for each in _tables()[table].standard}:
        known = ", ".join(str(each.of) for each in _tables()[table].standard)
        yield f"standard {standard}, expected one of {known}"


def rounded(power_factor: Decimal, table: str = "cn-1983") -> Decimal:
    """As the table is entered."""
    return power_factor.quantize(Decimal(1).scaleb(-_tables()[table].digits), ROUND_HALF_UP, EXACT)


def power_factor_of(active: Decimal, reactive: Decimal) -> Decimal | None:
    """cos phi of energies, kWh and kvarh; None where there was neither."""
    apparent = EXACT.sqrt(EXACT.add(EXACT.multiply(active, active), EXACT.multiply(reactive, reactive)))
    return EXACT.divide(active, apparent) if apparent else None


@cache
def percent(table: str, standard: Decimal, power_factor: Decimal) -> Decimal:
    """Per cent upon the bill, below zero a reward. `power_factor` is rounded already.

    Raises `ValueError` for one that is not from 0 to 1.
    """
    if not 0 <= power_factor <= 1:
        raise ValueError(f"power factor {power_factor}, expected 0 to 1")
    rule = next(each for each in _tables()[table].standard if each.of == standard)
    sign = -1 if power_factor > standard else 1
    found, at = Decimal(0), standard
    for step in rule.above if power_factor > standard else rule.below:
        reached = min(step.to, power_factor) if sign < 0 else max(step.to, power_factor)
        found += sign * abs(reached - at) * 100 * step.percent
        at = reached
    return found


@cache
def _tables() -> Mapping[str, _Table]:
    text = (resources.files("analytics.billing.tariff") / "power_factor.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text, parse_float=Decimal), dict[str, _Table])
