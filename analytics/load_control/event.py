"""A demand response event: when, how much, by which programme. From a file or a program; it only proposes.

[[event]]
id = "2026-07-14-peak"
programme = "cool-afternoons"
start = 2026-07-14T14:00:00+08:00
end = 2026-07-14T16:00:00+08:00
kw = "1500"
reason = "peak of the system"
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

import msgspec

from analytics.load_control.programme import Programme, ProgrammeFault

_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,79}")


class _Row(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    id: str
    programme: str
    start: datetime
    end: datetime
    kw: str
    reason: str = ""
    areas: list[str] = []


class _File(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    event: list[_Row]


@dataclass(frozen=True, slots=True)
class Event:
    """`areas` empty: those of the programme."""

    id: str
    programme: str
    start: datetime
    end: datetime
    kw: Decimal
    reason: str = ""
    areas: tuple[str, ...] = ()

    @property
    def needed_w(self) -> int:
        return int((self.kw * 1000).to_integral_value())


def parse(text: str, where: str) -> list[Event]:
    """TOML, or JSON of the same shape. Raises `ProgrammeFault`, naming the event and the key."""
    try:
        document: Any = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
        rows = msgspec.convert(document, _File).event
    except (json.JSONDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ProgrammeFault(f"{where}: {error}") from error
    found = [_event(row, f"{where}: event {row.id!r}") for row in rows]
    twice = {one.id for one in found if sum(other.id == one.id for other in found) > 1}
    if twice:
        raise ProgrammeFault(f"{where}: event {min(twice)!r} stands there twice")
    return found


def _event(row: _Row, where: str) -> Event:
    if not _ID.fullmatch(row.id):
        raise ProgrammeFault(f"{where}: id, expected up to 80 letters, digits and .:_-")
    if row.start.tzinfo is None or row.end.tzinfo is None:
        raise ProgrammeFault(f"{where}: start and end need an offset, such as 2026-07-14T14:00:00+08:00")
    if row.start >= row.end:
        raise ProgrammeFault(f"{where}: it ends before it begins")
    try:
        kw = Decimal(row.kw)
    except InvalidOperation:
        kw = Decimal("NaN")
    if not kw.is_finite() or kw <= 0:
        raise ProgrammeFault(f"{where}: kw: {row.kw!r}, expected a number above 0")
    return Event(row.id, row.programme, row.start, row.end, kw, row.reason, tuple(row.areas))


def check(event: Event, programme: Programme, now: datetime, areas: Collection[str]) -> None:
    """Whether it may be proposed now. `areas`: those that there are. Raises `ProgrammeFault`."""
    where = f"event {event.id!r}"
    if event.programme != programme.name:
        raise ProgrammeFault(f"{where} is of programme {event.programme!r}, not {programme.name!r}")
    if event.start - now < max(programme.notice, timedelta(0)):
        raise ProgrammeFault(
            f"{where} begins at {event.start.isoformat()}: {programme.name} wants {programme.notice} of notice"
        )
    if programme.round is None and event.end - event.start > programme.longest:
        raise ProgrammeFault(f"{where} lasts longer than the {programme.longest} of {programme.name}")
    for area in event.areas or programme.areas:
        if area not in areas:
            raise ProgrammeFault(f"{where}: there is no area {area!r}")
