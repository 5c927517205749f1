"""The rules that labels are given by: data, checked when they are read."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib import resources

import msgspec


class _Rule(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    valid_days: int
    source: str


class LoadShape(_Rule, frozen=True, kw_only=True):
    business_ratio: float
    peak_ratio: float
    night: tuple[int, int]
    morning: tuple[int, int]
    day: tuple[int, int]
    evening: tuple[int, int]


class BaseLoad(_Rule, frozen=True, kw_only=True):
    quantile: float
    hours: float


class PeakHour(_Rule, frozen=True, kw_only=True):
    pass


class PvOwner(_Rule, frozen=True, kw_only=True):
    export_days: int
    export_kwh: float
    dip_hours: tuple[int, int]
    dark_hours: tuple[int, int]
    dip_ratio: float
    dip_share: float


class FlexibleLoad(_Rule, frozen=True, kw_only=True):
    over_base_w: float
    least_hours: float
    least_kwh_a_day: float


class OutageSensitive(_Rule, frozen=True, kw_only=True):
    window_days: int
    least_outages: int
    least_hours: float
    categories: list[str]


class Rules(msgspec.Struct, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """A table of each label; see `rules.toml`."""

    version: str
    least_days: int
    read_share: float
    load_shape: LoadShape
    base_load: BaseLoad
    peak_hour: PeakHour
    pv_owner: PvOwner
    flexible_load: FlexibleLoad
    outage_sensitive: OutageSensitive


def rules(text: str) -> Rules:
    """Raises `ValueError` naming the key and what was expected."""
    try:
        found = msgspec.convert(tomllib.loads(text), Rules)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ValueError(str(error)) from None
    for name in ("load_shape", "base_load", "peak_hour", "pv_owner", "flexible_load", "outage_sensitive"):
        if getattr(found, name).valid_days < 1:
            raise ValueError(f"{name}.valid_days: expected a day or more")
    for key, pair in (
        ("load_shape.night", found.load_shape.night), ("load_shape.morning", found.load_shape.morning),
        ("load_shape.day", found.load_shape.day), ("load_shape.evening", found.load_shape.evening),
        ("pv_owner.dip_hours", found.pv_owner.dip_hours),
        ("pv_owner.dark_hours", found.pv_owner.dark_hours),
    ):  # fmt: skip
        if not all(0 <= hour <= 24 for hour in pair) or pair[0] == pair[1]:
            raise ValueError(f"{key}: {list(pair)}, expected two hours of the day that differ")
    if not found.version or found.least_days < 1 or not 0 < found.read_share <= 1:
        raise ValueError("expected a version, least_days from 1 on, read_share above 0 and up to 1")
    if not 0 <= found.base_load.quantile <= 1 or found.base_load.hours <= 0:
        raise ValueError("base_load: expected a quantile from 0 to 1 and hours above 0")
    return found


@cache
def shipped() -> Rules:
    """Those of `analytics/labels/rules.toml`."""
    return rules((resources.files("analytics") / "labels" / "rules.toml").read_text(encoding="utf-8"))
