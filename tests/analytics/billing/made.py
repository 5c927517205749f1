"""Short ways to a tariff and to determinants, for tests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from analytics.billing.determinants import TOTAL, Capacity, Demand, Determinants, Part
from analytics.billing.tariff import Tariff, parse

D = Decimal


def tariff(rules: str, *, head: str = "", currency: str = "CNY", zone: str = "Asia/Shanghai") -> Tariff:
    """One version since 2000, with `rules` as its keys; ``[version.x]`` and ``[[version.x]]`` may stand in it."""
    top = f'name = "made"\ncurrency = "{currency}"\nzone = "{zone}"\n{head}'
    return parse(f"{top}\n[[version]]\nvalid_from = 2000-01-01\n{rules}", "made.toml")


def energies(kwh: str | Mapping[str, str]) -> dict[str, Decimal]:
    """A total, or bands with the total that they come to."""
    if isinstance(kwh, str):
        return {TOTAL: D(kwh)}
    bands = {band: D(value) for band, value in kwh.items()}
    return {TOTAL: sum(bands.values(), D(0)), **bands}


def used(
    kwh: str | Mapping[str, str],
    start: str = "2026-03-01",
    end: str = "2026-04-01",
    *,
    zone: str = "Asia/Shanghai",
    export: str | Mapping[str, str] | None = None,
    demand: Mapping[str, str] | None = None,
    kva: str | None = None,
    **more: Any,
) -> Determinants:
    """One point's cycle, in one part."""
    begins, ends = (datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)) for text in (start, end))
    return Determinants(
        point="P1",
        start=begins,
        end=ends,
        parts=(Part(begins, ends, energies(kwh), {} if export is None else energies(export)),),
        demand={band: Demand(D(kw)) for band, kw in (demand or {}).items()},
        capacity=() if kva is None else (Capacity(D(kva), begins, ends),),
        **more,
    )
