"""A database with validated days for the tests of batches: two points, quarters of an hour."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from analytics.intervals.grid import grid
from analytics.vee.validated import Method, Source
from protocols.quantities import BY_NAME
from storage.entries import Additions, NewInstallation, NewLine, NewMeter, NewUsagePoint
from storage.registry import Registry
from storage.validated import NewRun, Validated, Which
from storage.validated_days import Days

SHANGHAI = ZoneInfo("Asia/Shanghai")
IMPORT, EXPORT = BY_NAME["active_energy_import"], BY_NAME["active_energy_export"]
FIRST = date(2026, 4, 30)
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
NMIS = {"P1": "2001985732", "P2": "QAAAVZZZZZ"}


async def registered(conninfo: str, options: Mapping[str, Any] | None = None, factor: int = 20) -> None:
    """P1 and P2, their meters M1 (x `factor`) and M2 there since January."""
    async with Registry(conninfo) as registry:
        await registry.add(
            Additions(
                lines=(NewLine(name="l", url="tcp://127.0.0.1:1", protocol="dlt645"),),
                meters=tuple(
                    NewMeter(
                        name=name, address=f"{at:012}", model="dlt645_2007", line="l", multiplier=Decimal(ratio),
                        created=LONG_AGO,
                    )
                    for at, (name, ratio) in enumerate((("M1", factor), ("M2", 1)), 1)
                ),
                points=tuple(
                    NewUsagePoint(name=name, options={"nmi": nmi} if options is None else options)
                    for name, nmi in NMIS.items()
                ),
                installations=tuple(
                    NewInstallation(point=f"P{at}", meter=f"M{at}", start=LONG_AGO) for at in (1, 2)
                ),
            )
        )  # fmt: skip


def values(point: int, quantity: int, count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Steps of 0.0001 kWh, whole Wh."""
    random = np.random.default_rng([point, quantity, seed])
    return random.integers(0, 3000, count) * 10


async def validated(
    conninfo: str, days: int = 5, *, first: date = FIRST, change: Mapping[tuple[str, int], int] | None = None
) -> int:
    """A run over `days` local days of both points, P1 with energy both ways. On P2's 1 May ten values are missing
    and four substituted. `change`: other steps for an interval (point, number), in a further version. Its number."""
    async with Registry(conninfo) as registry, Validated(conninfo) as store:
        ids = {point.name: point.id for point in await registry.usage_points()}
        cells = grid(first, first + timedelta(days=days), SHANGHAI)
        made = []
        for name, quantity in (("P1", IMPORT), ("P1", EXPORT), ("P2", IMPORT)):
            made.append(_days(ids[name], quantity.id, days, first, cells.starts))
            for (point, at), steps in (change or {}).items():
                if point == name and quantity is IMPORT:
                    day, place = divmod(at, 96)
                    made[-1].steps[day, place] = made[-1].raw[day, place] = steps
                    made[-1].present[day, place] = made[-1].raw_present[day, place] = True
                    made[-1].source[day, place], made[-1].method[day, place] = Source.ACTUAL, Method.RAW
        whole = Days.joined(900, made)
        async with store.writing() as writing:
            before = await writing.newest(
                Which(list(ids.values()), (IMPORT, EXPORT), 900, first, cells.days[-1] + timedelta(days=1))
            )
            known = {
                (int(p), int(q), str(d)): int(v)
                for p, q, d, v in zip(before.point, before.quantity, before.day, before.version, strict=True)
            }
            for at in range(len(whole)):
                key = (int(whole.point[at]), int(whole.quantity[at]), str(whole.day[at]))
                whole.version[at] = known.get(key, 0) + 1
            kind = "rerun" if known else "first"
            return await writing.add(NewRun(actor="t", kind=kind, parameters="1", contents={"of": "test"}), whole)


def _days(point: int, quantity: int, days: int, first: date, starts: np.ndarray[Any, Any]) -> Days:
    made = Days.empty(900, days, 96)
    made.point[:], made.quantity[:], made.count[:] = point, quantity, 96
    made.day[:] = np.arange(days) + np.datetime64(first, "D")
    made.start[:] = starts[::96]
    made.steps[:] = made.raw[:] = values(point, quantity, days * 96).reshape(days, 96)
    made.present[:] = made.raw_present[:] = True
    made.source[:], made.method[:] = Source.ACTUAL, Method.RAW
    if point == 2 and days > 1:
        made.present[1, 10:20] = made.raw_present[1, 10:20] = False
        made.steps[1, 10:20] = made.raw[1, 10:20] = 0
        made.source[1, 10:20], made.method[1, 10:20] = Source.NONE, Method.NONE
        made.reason[1, 10:24] = 5
        made.source[1, 20:24], made.method[1, 20:24] = Source.ESTIMATED, Method.LIKE_DAY
        made.raw[1, 20:24], made.raw_present[1, 20:24] = 0, False
    return made
