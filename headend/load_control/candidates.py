"""Members of a programme with what they could give in the hours of an event, by their load of late."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.day_types import Calendar
from analytics.load_control.capacity import available
from analytics.load_control.choice import Call, Candidate
from analytics.load_control.event import Event
from analytics.load_control.programme import Programme
from headend.series.stored import Energies, energies, step_of
from storage.labels import Labels
from storage.load_control import LoadControl, Member, Place
from storage.registers import Of

_LOOK_BACK: Final = timedelta(days=28)
_YEAR: Final = timedelta(days=366)


async def candidates(
    store: LoadControl, conninfo: str, programme: Programme, event: Event, zone: ZoneInfo, calendar: Calendar,
    now: datetime,
) -> list[Candidate]:  # fmt: skip
    """Every member, with what keeps it out. Loads are those of like days before now, as far as they are stored."""
    members = {member.point: member for member in await store.members(programme.name)}
    places: dict[str, list[Place]] = {}
    for place in await store.places(sorted(members), event.start):
        places.setdefault(place.point, []).append(place)
    calls = await store.calls(event.start - _YEAR)
    labels = await _labels(conninfo, programme, members, now)
    watts = await capacities(conninfo, sorted(members), event, float(programme.share), zone, calendar, now)
    wanted = event.areas or programme.areas
    return [
        _candidate(
            member, places.get(name, []), watts.get(name), calls.get(name, []), event, wanted,
            _by_label(programme, labels.get(name, {})),
        )
        for name, member in sorted(members.items())
    ]  # fmt: skip


async def _labels(
    conninfo: str, programme: Programme, points: Collection[str], now: datetime
) -> dict[str, dict[str, str]]:
    """By usage point: label and value, of those that the programme asks for."""
    asked = {*programme.leave_out, *programme.only}
    found: dict[str, dict[str, str]] = {}
    if asked:
        async with Labels(conninfo) as labels:
            for one in await labels.current(sorted(points), now, sorted(asked)):
                found.setdefault(one.point, {})[one.label] = str(one.value)
    return found


def _by_label(programme: Programme, held: Mapping[str, str]) -> str:
    """Why its labels keep a member out; empty where they do not."""
    for label in programme.leave_out:
        if label in held:
            return f"labelled {label}: {held[label]}"
    if programme.only and not any(label in held for label in programme.only):
        return f"not labelled {' or '.join(programme.only)}"
    return ""


def _candidate(
    member: Member, places: Sequence[Place], watts: int | None, calls: Sequence[tuple[datetime, datetime]],
    event: Event, areas: Sequence[str], labelled: str,
) -> Candidate:  # fmt: skip
    if not places:
        return Candidate(member.point, "", "", watts, "no active meter")
    place = places[0]
    excluded = next((p.protected for p in places if p.protected), "")
    if len(places) > 1:
        excluded = excluded or "several meters"
    if event.id in member.out_of:
        excluded = excluded or "opted out of the event"
    excluded = excluded or labelled
    if areas and place.area not in areas:
        excluded = excluded or "not in an area of the event"
    had = tuple(Call(start, end) for start, end in calls)
    return Candidate(member.point, place.meter, place.area, watts, excluded, had)


async def capacities(
    conninfo: str, points: Sequence[str], event: Event, share: float, zone: ZoneInfo, calendar: Calendar, now: datetime
) -> dict[str, int]:
    """Watts by usage point; who is too little known is not among them."""
    if not points:
        return {}
    today = now.astimezone(zone).date()
    first = (now - _LOOK_BACK).astimezone(zone).date()
    of = await energies(conninfo, Of.POINT, points, (first, today), zone, step_minutes=await step_of(conninfo))
    loads = like_days(of, event, zone, calendar)
    if loads.shape[1] == 0:
        return {}
    watts = available(loads, share)
    return {name: int(w) for name, w in zip(of.names, watts.tolist(), strict=True) if np.isfinite(w)}


def like_days(of: Energies, event: Event, zone: ZoneInfo, calendar: Calendar) -> NDArray[np.float64]:
    """Mean watts (name, day, interval) in the event's hours on the days of its kind, newest first."""
    begins, ends = event.start.astimezone(zone), event.end.astimezone(zone)
    kind = calendar.day_type(begins.date())
    wall = of.wall
    per_hour = 3600 / of.grid.step_s
    offsets = (begins - datetime.combine(begins.date(), datetime.min.time(), zone)), ends - begins
    days = sorted({date.fromisoformat(str(day)) for day in wall.astype("datetime64[D]").astype(str)}, reverse=True)
    found = []
    for day in days:
        if calendar.day_type(day) is not kind:
            continue
        start = np.datetime64(datetime.combine(day, datetime.min.time()) + offsets[0], "s")
        end = start + np.timedelta64(int(offsets[1].total_seconds()), "s")
        rows = (wall >= start) & (wall < end)
        if rows.any():
            found.append(of.wh[rows] * per_hour)
    if not found:
        return np.zeros((len(of.names), 0, 0))
    longest = max(len(cells) for cells in found)
    padded = [np.pad(c, ((0, longest - len(c)), (0, 0)), constant_values=np.nan) for c in found]
    return np.stack(padded).transpose(2, 0, 1)


def called_days(calls: Mapping[str, Sequence[tuple[datetime, datetime]]], zone: ZoneInfo) -> dict[str, set[date]]:
    """By usage point, the local days on which it was called: no baseline is made of them."""
    return {
        point: {moment.astimezone(UTC).astimezone(zone).date() for span in spans for moment in span}
        for point, spans in calls.items()
    }
