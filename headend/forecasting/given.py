"""Series for forecasts and labels, out of files or the database, and their areas."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from analytics.day_types import Calendar, shipped
from analytics.theft.words import Frame
from headend.errors import UsageFault
from headend.theft import files

_CALENDARS = {"Asia/Shanghai": "cn", "Asia/Urumqi": "cn"}
"""The calendar that is taken in a zone, unless another one is named."""


@dataclass(frozen=True, slots=True)
class Given:
    """`energies` by local time; `wh` is what one unit of them is in Wh. `zone` None: times are told as they came."""

    energies: Frame
    membership: list[tuple[str, str]]
    zone: ZoneInfo | None
    wh: float
    notes: tuple[str, ...]


def from_files(
    reported: str, areas: str | None, meters: list[str] | None, zone: str | None, utc: bool, unit: str | None = None
) -> Given:
    """Raises `UsageFault` that names the file."""
    found, notes = files.frame(reported)
    if meters:
        lost = sorted(set(meters) - set(found.names))
        if lost:
            raise UsageFault(f"{reported}: no column {lost[0]!r}")
        chosen = [k for k, name in enumerate(found.names) if name in set(meters)]
        found = Frame([found.names[k] for k in chosen], found.times, found.values[:, chosen])
    known = zone_named(zone) if zone else None
    with np.errstate(invalid="ignore"):
        wh = {"Wh": 1.0, "kWh": 1000.0, None: files.size_of_unit(found)}[unit]
    return Given(local(found, known, utc), files.membership(areas) if areas else [], known, wh, notes)


async def from_store(
    config: Any, conninfo: str, days: tuple[date, date], areas: list[str] | None, step: int | None
) -> Given:
    """Usage points of all areas, or of the named ones, as they belonged to them at the end. Raises storage errors."""
    from datetime import timedelta

    from headend.series.stored import frame, step_of
    from storage.registers import Of
    from storage.topology import Topology

    zone: ZoneInfo = config.zone
    end = datetime(days[1].year, days[1].month, days[1].day, tzinfo=zone) - timedelta(seconds=1)
    async with Topology(conninfo) as topology:
        found = await topology.areas_at(end, areas)
    membership = [(member.point, at.area.name) for at in found for member in at.members]
    names = [point for point, _ in membership] if areas is not None else None
    minutes = step or await step_of(conninfo)
    stored = await frame(conninfo, Of.POINT, names, days, zone, step_minutes=minutes)
    if not stored.names:
        raise UsageFault(f"no usage point has a meter from {days[0]} to {days[1]}")
    return Given(stored, membership, zone, 1.0, ())  # the hour that comes twice is averaged, as that of files is


def temperature(path: str, zone: ZoneInfo | None, utc: bool) -> Frame:
    """The column named temperature, else the first."""
    found, _ = files.frame(path)
    at = next((k for k, name in enumerate(found.names) if name.casefold() == "temperature"), 0)
    return local(Frame([found.names[at]], found.times, found.values[:, [at]]), zone, utc)


def holidays(path: str, zone: ZoneInfo | None = None, utc: bool = False) -> frozenset[date]:
    """Of a table with a column of dates or times and, where not each row counts, a column `holiday` (true or 1).

    Raises `UsageFault` that names the file.
    """
    import pyarrow as pa
    from pyarrow import compute

    table = files.table_of(path)
    at = files.time_column(table)
    times = files.times_of(path, table.column(at))
    flag = next((k for k, name in enumerate(table.column_names) if name.casefold() == "holiday"), None)
    kept = ~np.isnat(times)
    if flag is not None:
        try:
            said = compute.cast(table.column(flag), pa.bool_()).fill_null(False)
        except pa.ArrowException as error:
            raise UsageFault(f"{path}, column holiday: {error}") from None
        kept &= said.to_numpy()
    found = local(Frame([], times[kept], np.zeros((int(kept.sum()), 0))), zone, utc).times
    return frozenset(day.astype(date) for day in np.unique(found.astype("datetime64[D]")))


def calendar(name: str | None, zone: ZoneInfo | None) -> Calendar | None:
    """The named one (`none`: none), else the zone's. Raises `UsageFault`."""
    name = name or _CALENDARS.get(zone.key if zone else "", "none")
    if name == "none":
        return None
    try:
        return shipped(name)
    except ValueError as error:
        raise UsageFault(str(error)) from None


def zone_named(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise UsageFault(f"no time zone named {name!r}, expected one such as Asia/Shanghai") from None


def local(frame: Frame, zone: ZoneInfo | None, utc: bool) -> Frame:
    """With `utc`, times are taken for UTC and told by the zone's clock."""
    if not utc:
        return frame
    if zone is None:
        raise UsageFault("--utc needs --zone")
    seconds = np.asarray(frame.times, "datetime64[s]").astype(np.int64)
    good = ~np.isnat(frame.times)
    quarters, back = np.unique(seconds[good] // 900, return_inverse=True)
    offsets = [_offset(int(quarter) * 900, zone) for quarter in quarters]
    times = np.asarray(frame.times, "datetime64[s]").copy()
    times[good] += np.array(offsets, "timedelta64[s]")[back]
    return replace(frame, times=times)


def _offset(moment: int, zone: ZoneInfo) -> int:
    found = datetime.fromtimestamp(moment, UTC).astimezone(zone).utcoffset()
    assert found is not None
    return int(found.total_seconds())
