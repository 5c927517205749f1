"""Parameters of the rules: data, versioned; the shipped ones stand in `parameters.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources
from typing import Annotated, Final, Literal

import msgspec

from analytics.vee.errors import ParametersFault

Action = Literal["estimate", "review", "order", "off"]
"""estimate: the value does not hold and is replaced. review: it holds and a person is told. order: a work order."""

SHIPPED: Final = "parameters.toml"
Count = Annotated[int, msgspec.Meta(ge=1)]
Percent = Annotated[int, msgspec.Meta(ge=0)]


class Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    action: Action


class Clock(Rule, kw_only=True, frozen=True):
    beyond_ms: Count


class Run(Rule, kw_only=True, frozen=True):
    intervals: Count


class Days(Rule, kw_only=True, frozen=True):
    days: Count


class Sum(Rule, kw_only=True, frozen=True):
    units: Percent
    percent: Percent


class Spike(Rule, kw_only=True, frozen=True):
    excess_percent: Percent
    least_steps: Percent


class Usage(Rule, kw_only=True, frozen=True):
    percent: Percent
    least_steps: Percent


class Above(Rule, kw_only=True, frozen=True):
    least_steps: Percent


class Checks(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """One field a check, named as in the table of checks."""

    clock_sync: Clock
    clock_quarantine: Clock
    channel: Rule
    duplicate: Rule
    missing: Rule
    long_gap: Run
    negative: Rule
    limit: Rule
    spike: Spike
    static: Run
    zero: Days
    high_usage: Usage
    low_usage: Usage
    inactive: Above
    no_reactive: Above
    both_ways: Above
    sum: Sum
    prolonged: Days


class Linear(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    minutes: Count


class LikeDay(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    least_days: Count
    days: Count
    horizon_days: Count


class Estimations(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    linear: Linear
    like_day: LikeDay


class Parameters(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """`version` goes with every value that was judged by them: a change of a parameter is a new version."""

    version: Annotated[str, msgspec.Meta(min_length=1)]
    checks: Checks
    estimations: Estimations


def parse(text: str, file: str) -> Parameters:
    """`text` over the shipped parameters: what it leaves out stays. It has to name its version.

    Raises `ParametersFault`.
    """
    try:
        tables = tomllib.loads(text)
        if "version" not in tables:
            raise ParametersFault(file, "version: missing, expected a name for these parameters")
        return msgspec.convert(_over(_shipped(), tables), Parameters)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ParametersFault(file, str(error)) from error


@cache
def shipped() -> Parameters:
    return msgspec.convert(_shipped(), Parameters)


def _shipped() -> dict[str, object]:
    return tomllib.loads((resources.files("analytics.vee") / SHIPPED).read_text(encoding="utf-8"))


def _over(below: dict[str, object], above: dict[str, object]) -> dict[str, object]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _over(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged
