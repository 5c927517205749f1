"""Determinants and context as JSON, for rating without a database. Numbers are strings holding exact decimals.

{"point": "P1", "from": "2026-03-01T00:00:00+08:00", "to": "2026-04-01T00:00:00+08:00", "energy": {"total": "650"},
 "context": {"carried": {"tier": {"since": "2026-01-01", "kwh": "400"}}}}

`parts` in `energy`'s place tells energies between reads: a list of {"from", "to", "energy", "export", "estimated"}.
"""

from __future__ import annotations

from datetime import date, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any, Literal

import msgspec

from analytics.billing.bill import Carried
from analytics.billing.context import Context
from analytics.billing.determinants import TOTAL, Capacity, Demand, Determinants, Part
from analytics.billing.errors import DeterminantFault
from analytics.billing.exact import plain


class _Table(msgspec.Struct, forbid_unknown_fields=True, frozen=True, rename={"start": "from", "end": "to"}):
    """A misspelt key is an error."""


class _Part(_Table, frozen=True):
    start: datetime
    end: datetime
    energy: dict[str, Decimal]
    export: dict[str, Decimal] = {}
    estimated: Decimal = Decimal(0)


class _Demand(_Table, frozen=True):
    kw: Decimal
    time: datetime | None = None
    source: Literal["", "meter", "intervals"] = ""


class _Capacity(_Table, frozen=True):
    kva: Decimal
    start: datetime | None = None
    end: datetime | None = None


class _Carried(_Table, frozen=True):
    since: date
    kwh: Decimal
    until: date | None = None


class _Context(_Table, frozen=True):
    carried: dict[str, _Carried] = {}
    credits: dict[str, Decimal] = {}
    choice: str = ""
    amounts: dict[str, Decimal] = {}
    indices: dict[str, Decimal] = {}


class _File(_Table, frozen=True):
    point: str
    start: datetime
    end: datetime
    energy: dict[str, Decimal] = {}
    export: dict[str, Decimal] = {}
    estimated: Decimal = Decimal(0)
    parts: list[_Part] = []
    demand: dict[str, _Demand] = {}
    reactive: Decimal | None = None
    power_factor: Decimal | None = None
    capacity: list[_Capacity] = []
    contract_kw: Decimal | None = None
    completeness: Decimal = Decimal(1)
    notes: list[str] = []
    context: _Context = _Context()


def parse(text: str, file: str) -> tuple[Determinants, Context]:
    """Raises `DeterminantFault` naming the file, the key and what was expected."""
    try:
        given = msgspec.json.decode(text, type=_File)
    except msgspec.MsgspecError as error:
        what, _, where = str(error).partition(" - at ")
        raise DeterminantFault(file, f"{where.strip('`').removeprefix('$.')}: {what}" if where else what) from error
    times = [given.start, given.end, *(t for part in given.parts for t in (part.start, part.end))]
    times += [time for each in given.capacity for time in (each.start, each.end) if time is not None]
    for time in times:
        if time.tzinfo is None:
            raise DeterminantFault(file, f"{time.isoformat()} carries no offset")
    if bool(given.parts) == bool(given.energy):
        raise DeterminantFault(file, "expected either energy, of the whole cycle, or parts")
    told = given.parts or [_Part(given.start, given.end, given.energy, given.export, given.estimated)]
    return (
        Determinants(
            point=given.point,
            start=given.start,
            end=given.end,
            parts=tuple(
                Part(p.start, p.end, _totalled(p.energy), _totalled(p.export) if p.export else {}, p.estimated)
                for p in told
            ),
            demand={band: Demand(each.kw, each.time, each.source) for band, each in given.demand.items()},
            reactive=given.reactive,
            power_factor=given.power_factor,
            capacity=tuple(Capacity(c.kva, c.start or given.start, c.end or given.end) for c in given.capacity),
            contract_kw=given.contract_kw,
            completeness=given.completeness,
            notes=tuple(given.notes),
        ),
        Context(
            carried={name: Carried(c.since, c.kwh, c.until) for name, c in given.context.carried.items()},
            credits=given.context.credits,
            choice=given.context.choice,
            amounts=given.context.amounts,
            indices=given.context.indices,
        ),
    )


def content(given: Determinants) -> dict[str, Any]:
    """As JSON holds it; `parse` takes it, without the registers."""
    found: dict[str, Any] = {
        "point": given.point,
        "from": _iso(given.start),
        "to": _iso(given.end),
        "parts": [
            {
                "from": _iso(part.start), "to": _iso(part.end), "energy": _plain(part.energy),
                "export": _plain(part.export), "estimated": plain(part.estimated),
            }
            for part in given.parts
        ],
        "demand": {
            band: {
                "kw": plain(each.kw), "time": None if each.time is None else _iso(each.time), "source": each.source,
            }
            for band, each in given.demand.items()
        },
        "capacity": [
            {"kva": plain(c.kva), "from": _iso(c.start), "to": _iso(c.end)} for c in given.capacity
        ],
        "completeness": plain(given.completeness),
        "notes": list(given.notes),
    }  # fmt: skip
    for name in ("reactive", "power_factor", "contract_kw"):
        value = getattr(given, name)
        found[name] = None if value is None else plain(value)
    return found


def _iso(time: datetime) -> str:
    return _spelt(time, time.tzinfo)


@lru_cache(maxsize=4096)
def _spelt(time: datetime, zone: tzinfo | None) -> str:
    """The bounds of a cycle are spelt for every bill; the same moment in another zone is another text."""
    return time.isoformat()


def registers(given: Determinants) -> list[dict[str, Any]]:
    """The registers behind the energies, as JSON holds them."""
    return [
        {
            "register": use.register, "band": use.band, "meter": use.meter, "multiplier": plain(use.multiplier),
            "from": _iso(use.since), "to": _iso(use.until),
            "start": {"time": _iso(use.start.time), "value": plain(use.start.value), "type": str(use.start.type)},
            "stop": {"time": _iso(use.stop.time), "value": plain(use.stop.value), "type": str(use.stop.type)},
            "energy": plain(use.energy), "rolled_over": use.rolled_over,
        }
        for use in given.registers
    ]  # fmt: skip


def _totalled(energies: dict[str, Decimal]) -> dict[str, Decimal]:
    if TOTAL in energies:
        return energies
    return {TOTAL: sum(energies.values(), Decimal(0)), **energies}


def _plain(energies: Any) -> dict[str, str]:
    return {band: plain(kwh) for band, kwh in energies.items()}
