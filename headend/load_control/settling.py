"""What an event delivered, out of the stored registers: baseline of like days less what was used, exact."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.day_types import Calendar
from analytics.load_control.baseline import HIGH_5_OF_10, LikeDay, Method, baseline
from analytics.load_control.programme import Programme, ProgrammeFault
from analytics.load_control.settlement import Delivery, delivery
from headend.load_control.candidates import called_days
from headend.series.stored import Energies, energies, step_of
from storage.load_control import CallRow, LoadControl
from storage.registers import Of

_LOOK_BACK: Final = timedelta(days=45)
_MORNING: Final = timedelta(hours=2)
_APART: Final = timedelta(hours=1)
"""Between the hours that move a baseline and the call: they shall not feel that it comes."""


async def settlement(
    store: LoadControl, conninfo: str, programme: Programme, event: str, zone: ZoneInfo, calendar: Calendar,
    method: Method = HIGH_5_OF_10,
) -> list[tuple[int, Delivery]]:  # fmt: skip
    """(round, delivery) of every call. Days on which a member was called are no like days of his. Raises `NotFound`,
    `ProgrammeFault` for calls that do not begin and end with an interval."""
    calls = await store.called(event)
    if not calls:
        return []
    first = min(c.start for c in calls).astimezone(zone).date()
    last = max(c.end for c in calls).astimezone(zone).date()
    span = (first - _LOOK_BACK, last + timedelta(days=1))
    points = sorted({c.point for c in calls})
    read = await energies(conninfo, Of.POINT, points, span, zone, step_minutes=await step_of(conninfo))
    others = called_days(await store.calls(min(c.start for c in calls) - _LOOK_BACK), zone)
    return [(c.round, _delivery(c, programme, event, read, zone, calendar, others, method)) for c in calls]


def _delivery(
    call: CallRow, programme: Programme, event: str, read: Energies, zone: ZoneInfo, calendar: Calendar,
    called: Mapping[str, set[date]], method: Method,
) -> Delivery:  # fmt: skip
    if call.state != "verified":
        why = f"its command is {call.state}" if call.state else "there is no command"
        base: Sequence[int] | ProgrammeFault = ProgrammeFault(f"it was not seen to be cut: {why}")
        used: Sequence[int | None] = []
    elif call.point not in read.names:
        base = ProgrammeFault("no registers are stored")
        used = []
    else:
        column = read.wh[:, read.names.index(call.point)]
        used = _cells(column, read, call.start, call.end, zone)
        morning = _cells(column, read, call.start - _APART - _MORNING, call.start - _APART, zone)
        try:
            base = baseline(_like_days(call, column, read, zone, calendar, called), morning, method)
        except ProgrammeFault as error:
            base = error
    return delivery(event, programme, (call.point, call.meter), (call.start, call.end), base, used)


def _like_days(
    call: CallRow, column: NDArray[np.float64], read: Energies, zone: ZoneInfo, calendar: Calendar,
    called: Mapping[str, set[date]],
) -> list[LikeDay]:  # fmt: skip
    """Newest first, by the wall clock; a day on which the hours are not as long is none."""
    day = call.start.astimezone(zone).date()
    kind = calendar.day_type(day)
    length = len(_cells(column, read, call.start, call.end, zone))
    found = []
    for back in range(1, _LOOK_BACK.days + 1):
        other = day - timedelta(days=back)
        if calendar.day_type(other) is not kind or other in called.get(call.point, ()):
            continue
        during = _cells(column, read, _on(call.start, other, day, zone), _on(call.end, other, day, zone), zone)
        since = call.start - _APART - _MORNING
        before = _cells(
            column, read, _on(since, other, day, zone), _on(call.start - _APART, other, day, zone), zone
        )  # fmt: skip
        if len(during) == length:
            found.append(LikeDay(during, before))
    return found


def _on(moment: datetime, other: date, day: date, zone: ZoneInfo) -> datetime:
    """The same time by the wall clock on another day."""
    local = moment.astimezone(zone)
    return datetime.combine(other + (local.date() - day), local.timetz())


def _cells(
    column: NDArray[np.float64], read: Energies, start: datetime, end: datetime, zone: ZoneInfo
) -> list[int | None]:
    """Steps of the intervals in [start, end). Raises `ProgrammeFault` where one is cut in two."""
    first, last = (np.int64(moment.timestamp()) for moment in (start, end))
    if (first % read.grid.step_s) or (last % read.grid.step_s):
        raise ProgrammeFault(f"a call from {start.isoformat()} does not begin and end with an interval of the meters")
    rows = (read.grid.starts >= first) & (read.grid.starts < last)
    return [None if np.isnan(wh) else round(wh * 10) for wh in column[rows].tolist()]
