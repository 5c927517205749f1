"""A database in which much differs from point to point: Sydney's days of 92 to 100 quarters, holes, substitutes,
several quantities and meters a point, odd names, days made anew. Nothing is drawn: files are the same everywhere."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import numpy as np

from analytics.intervals.grid import grid
from analytics.vee.validated import Method, Source
from protocols.model import Quantity
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.validated import NewRun, Validated
from storage.validated_days import Days

SYDNEY: Final = ZoneInfo("Australia/Sydney")
QUANTITIES: Final = tuple(
    BY_NAME[name] for name in ("active_energy_import", "active_energy_export", "reactive_energy_import")
)
SPANS: Final = ((date(2026, 4, 3), date(2026, 4, 8)), (date(2026, 10, 2), date(2026, 10, 6)))
"""Around the days of 100 and 92 quarters."""
POINTS: Final = 40
_LONG_AGO: Final = datetime(2026, 1, 1, tzinfo=UTC)
_EXCHANGE: Final = datetime(2026, 4, 5, 3, 7, tzinfo=UTC)
_BACK: Final = datetime(2026, 4, 6, 15, tzinfo=UTC)
_NAMES: Final = {7: 'Hof "7", links', 8: "Größe & <8>"}
"""What CSV and XML must quote."""


async def filled(conninfo: str) -> None:
    """Two runs: the second one makes some days anew."""
    meters, points = [], []
    installations: list[tuple[str, str, datetime, datetime | None]] = []
    for at in range(POINTS):
        meters.append(_meter(f"M{at:02}", at, 20 if at % 5 == 0 else 1))
        points.append(NewUsagePoint(name=_NAMES.get(at, f"P{at:02}"), options=_options(at)))
        start = datetime(2026, 4, 4, 11, 20, tzinfo=UTC) if at == 11 else _LONG_AGO
        installations.append((points[-1].name, meters[-1].name, start, None))
        if at % 6 == 1:  # another meter from within an interval, with another ratio
            meters.append(_meter(f"N{at:02}", 100 + at, 30))
            installations[-1] = (*installations[-1][:3], _EXCHANGE)
            last = _BACK if at == 13 else None
            installations.append((points[-1].name, meters[-1].name, _EXCHANGE, last))
        if at == 13:  # a third one
            meters.append(_meter("a meter with a long name", 200 + at, 30))
            installations.append((points[-1].name, meters[-1].name, _BACK, None))
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="l", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                meters=tuple(meters),
                points=tuple(points),
                installations=tuple(
                    NewInstallation(point=point, meter=meter, start=start, end=end)
                    for point, meter, start, end in installations
                ),
            )
        )
        ids = [point.id for point in sorted(await registry.usage_points(), key=lambda point: point.id)]
    async with Validated(conninfo) as store:
        for version in (1, 2):
            parts = [
                part
                for at, point in enumerate(ids)
                for number, quantity in enumerate(QUANTITIES)
                if at % (number + 1) == 0 and at != 17 and (version == 1 or at % 9 == 4)
                for part in (_days(point, at, quantity, version, *span) for span in SPANS)
            ]
            async with store.writing() as writing:
                kind = "first" if version == 1 else "rerun"
                await writing.add(NewRun(actor="t", kind=kind, parameters="1", contents={}), Days.joined(900, parts))


def _meter(name: str, address: int, ratio: int) -> NewMeter:
    return NewMeter(name=name, address=f"{address:012}", model="dlt645_2007", line="l", multiplier=Decimal(ratio),
                    created=_LONG_AGO)  # fmt: skip


def _options(at: int) -> dict[str, Any]:
    options: dict[str, Any] = {"nmi": f"60010{at:05}"}
    if at % 10 == 3:
        options |= {"nem_datastream": "N1", "nem_next_read": "20261231", "nem_suffixes": {QUANTITIES[0].name: "E3"}}
    if at == 9:  # one that has no value
        options["export_quantities"] = [QUANTITIES[0].name, QUANTITIES[1].name]
    return options


def _days(point: int, at: int, quantity: Quantity, version: int, first: date, until: date) -> Days:
    cells = grid(first, until, SYDNEY)
    made = Days.empty(900, len(cells.days), 100)
    made.point[:], made.quantity[:], made.version[:] = point, quantity.id, version
    for row, day in enumerate(cells.days):
        own = np.flatnonzero(cells.day == row)
        count = len(own)
        made.day[row], made.start[row], made.count[row] = np.datetime64(day, "D"), cells.starts[own[0]], count
        made.steps[row, :count] = (own * 7919 + at * 31 + quantity.id * 17 + version) % 3001 * 10
        made.present[row, :count] = True
        made.source[row, :count], made.method[row, :count] = Source.ACTUAL, Method.RAW
        _marred(made, row, at, count)
    made.raw[:], made.raw_present[:] = made.steps, made.present
    return made


def _marred(made: Days, row: int, at: int, count: int) -> None:
    """Holes, and values that are not the meter's own, in some days of some points."""
    kind = (at + row) % 8
    if kind == 1:  # two reasons that receivers tell alike
        _estimated(made, row, slice(10, 13), Source.ESTIMATED, Method.LIKE_DAY, 5)
        _estimated(made, row, slice(13, 17), Source.ESTIMATED, Method.LIKE_DAY, 6)
        _estimated(made, row, slice(count - 2, count), Source.ESTIMATED, Method.LINEAR, 6)
    elif kind == 2:
        made.present[row, 40:44], made.steps[row, 40:44] = False, 0
        made.source[row, 40:44], made.method[row, 40:44] = Source.NONE, Method.NONE
    elif kind == 3:
        _estimated(made, row, slice(0, count), Source.SUBSTITUTED, Method.CLASS, 9)
    elif kind == 4:
        _estimated(made, row, slice(5, 90, 3), Source.EDITED, Method.EDIT, 0)
        _estimated(made, row, slice(6, 90, 9), Source.SUBSTITUTED, Method.REGISTER, 0)
        _estimated(made, row, slice(0, 4), Source.ESTIMATED, Method.OUTAGE, 5)
    elif kind == 5 and at % 3 == 0:
        made.present[row, :count], made.steps[row, :count] = False, 0
        made.source[row, :count], made.method[row, :count] = Source.NONE, Method.NONE


def _estimated(made: Days, row: int, where: slice, source: Source, method: Method, reason: int) -> None:
    made.source[row, where], made.method[row, where], made.reason[row, where] = source, method, reason
