"""Power and energy limits out of the database: what each member of a programme wants now, and the orders for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.load_control.limits import EnergyLimit, Load, PowerLimit, Proposal, energy, power
from analytics.load_control.programme import Kind, Programme, ProgrammeFault
from headend.load_control.planning import Wanted
from headend.load_control.standing import Site, sites
from headend.safety.function import Function, ReasonCode
from headend.series.stored import Energies, energies, step_of
from storage.load_control import LoadControl
from storage.registers import Of

_GOOD_FOR: Final = timedelta(hours=1)
_BACK_FOR: Final = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Limited:
    """`told`: the load in kW, or the energy of the month in kWh, by which it was judged, `at` when; None is not
    known."""

    point: str
    meter: str
    wants: Proposal
    told: Decimal | None
    at: datetime
    why_not: str = ""


async def wants(
    store: LoadControl, conninfo: str, programme: Programme, zone: ZoneInfo, now: datetime
) -> list[Limited]:
    """Of the programme's members. Raises `ProgrammeFault` for a programme that limits nothing."""
    if programme.kind not in (Kind.POWER_LIMIT, Kind.ENERGY_LIMIT):
        raise ProgrammeFault(f"programme {programme.name} limits nothing: it is of {programme.kind}")
    members = [member.point for member in await store.members(programme.name)]
    places = await sites(store, members, ReasonCode.LOAD_CONTROL, now)
    today = now.astimezone(zone).date()
    first = today if programme.kind is Kind.POWER_LIMIT else today.replace(day=1)
    step = await step_of(conninfo) if programme.kind is Kind.POWER_LIMIT else 60
    read = await energies(conninfo, Of.POINT, members, (first, today + timedelta(days=1)), zone, step_minutes=step)
    return [_of(places[name], programme, read, zone, now) for name in members]


def orders(programme: Programme, found: Sequence[Limited], now: datetime) -> list[Wanted]:
    """For those that are to be cut or given back."""
    made = []
    for one in found:
        if one.why_not or one.wants not in (Proposal.CUT, Proposal.GIVE_BACK):
            continue
        is_cut = one.wants is Proposal.CUT
        made.append(
            Wanted(
                f"{programme.name}.{one.point}.{'cut' if is_cut else 'back'}.{one.at:%Y%m%dT%H%M}",
                Function.TRIP if is_cut else Function.CLOSE,
                (one.meter,),
                ReasonCode.LOAD_CONTROL,
                f"programme {programme.name}: {one.told}",
                now,
                now + (_GOOD_FOR if is_cut else _BACK_FOR),
            )
        )
    return made


def _of(site: Site, programme: Programme, read: Energies, zone: ZoneInfo, now: datetime) -> Limited:
    name = site.point
    column = read.wh[:, read.names.index(name)] if name in read.names else np.full(len(read.grid), np.nan)
    if programme.kind is Kind.POWER_LIMIT:
        loads = _loads(column, read, zone, now)
        said = power(_limit(programme, read), loads, now.astimezone(zone), site.cut_since)
        told, at = (loads[-1].kw, loads[-1].at) if loads else (None, now)
    else:
        told, at = _used(column, read, now), now.astimezone(zone).replace(minute=0, second=0, microsecond=0)
        assert programme.limit_kwh is not None
        said = energy(EnergyLimit(programme.limit_kwh), told, is_cut=site.cut_since is not None)
    is_switch = said in (Proposal.CUT, Proposal.GIVE_BACK)
    why_not = site.against(cut=said is Proposal.CUT) if is_switch else ""
    return Limited(name, site.meter, said, told, at, why_not)


def _limit(programme: Programme, read: Energies) -> PowerLimit:
    """Warned after two intervals above it, cut after two more."""
    assert programme.limit_kw is not None
    two = timedelta(seconds=2 * read.grid.step_s)
    return PowerLimit(programme.limit_kw, programme.limit_from, programme.limit_to, two, two)


def _loads(
    column: np.ndarray[tuple[int, ...], np.dtype[np.float64]], read: Energies, zone: ZoneInfo, now: datetime
) -> list[Load]:
    step = read.grid.step_s
    ends = read.grid.starts + step
    return [
        Load(datetime.fromtimestamp(int(end), zone), Decimal(round(wh * 10)) * 360 / (step * 1000))
        for end, wh in zip(ends.tolist(), column.tolist(), strict=True)
        if end <= now.timestamp() and not np.isnan(wh)
    ]


def _used(column: np.ndarray[tuple[int, ...], np.dtype[np.float64]], read: Energies, now: datetime) -> Decimal | None:
    """kWh since the month began; None where an hour is not known."""
    over = column[read.grid.starts + read.grid.step_s <= now.timestamp()]
    return None if np.isnan(over).any() else Decimal(round(float(over.sum()) * 10)).scaleb(-4)
