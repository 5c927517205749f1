"""Line loss out of the database: points of areas, total meters of areas and feeders, as the registry knows them."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

import numpy as np

from analytics.lineloss import Input, Member
from analytics.theft import Frame
from headend.errors import UsageFault
from headend.series.stored import EXPORT, IMPORT, Energies, energies, step_of
from protocols.model import Quantity
from storage.registers import Of
from storage.topology import Topology


async def given(conninfo: str, days: tuple[date, date], zone: ZoneInfo) -> Input:
    """Of the local days [first, until), in Wh. A member is a usage point, whichever meters stood there; where a meter
    was exchanged, its point's energy goes on.

    Raises `UsageFault` where no area has a total meter, storage errors.
    """
    step = await step_of(conninfo)

    async def of(kind: Of, quantity: Quantity = IMPORT) -> Energies:
        return await energies(conninfo, kind, None, days, zone, step_minutes=step, quantity=quantity)

    async with Topology(conninfo) as topology:
        points = await topology.area_points()
        fed = await topology.area_feeders()
    areas, feeders = await of(Of.AREA), await of(Of.FEEDER)
    if not areas.names:
        raise UsageFault("no area has a total meter: headend meter add --total-of-area, or total_meters.csv")
    members = [Member(p.point, p.area, _local(p.start, zone), _local(p.end, zone)) for p in points]
    later = {link.area: link.feeder for link in fed if _overlaps(link.start, link.end, days, zone)}
    clash = set(areas.names)
    spelled = {name: f"{name} (feeder)" if name in clash else name for name in {*later.values(), *feeders.names}}
    return Input(
        _frame(await of(Of.POINT)),
        _frame(areas, feeders, spelled),
        members,
        _fed_in(await of(Of.POINT, EXPORT)),
        _fed_in(await of(Of.AREA, EXPORT), await of(Of.FEEDER, EXPORT), spelled),
        {area: spelled[feeder] for area, feeder in later.items()},
    )


def _local(moment: datetime | None, zone: ZoneInfo) -> np.datetime64 | None:
    return None if moment is None else np.datetime64(moment.astimezone(zone).replace(tzinfo=None), "s")


def _overlaps(start: datetime, end: datetime | None, days: tuple[date, date], zone: ZoneInfo) -> bool:
    first, until = (datetime(d.year, d.month, d.day, tzinfo=zone) for d in days)
    return start < until and (end is None or end > first)


def _frame(read: Energies, more: Energies | None = None, spelled: dict[str, str] | None = None) -> Frame:
    if more is None or not more.names:
        return Frame(read.names, read.wall, read.wh)
    names = (*read.names, *((spelled or {}).get(name, name) for name in more.names))
    return Frame(names, read.wall, np.concatenate([read.wh, more.wh], axis=1))


def _fed_in(read: Energies, more: Energies | None = None, spelled: dict[str, str] | None = None) -> Frame | None:
    """Export registers, None where nobody has one."""
    found = _frame(read, more, spelled)
    held = np.nonzero(np.isfinite(found.values).any(axis=0))[0].tolist()
    if not held:
        return None
    return Frame([found.names[k] for k in held], found.times, found.values[:, held])
