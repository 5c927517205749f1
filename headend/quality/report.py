"""Collection quality of a span, as people and programs are shown it."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from typing import Any, Final, TextIO
from zoneinfo import ZoneInfo

from analytics.quality import STATES, Quality, Tally, percent, quality, worst
from headend.clock.doubt import standing_of
from headend.clock.policy import ClockPolicy, Standing
from protocols import models
from protocols.errors import ModelError
from storage.clocks import LatestClock
from storage.quality import Counts

COLUMNS: Final = ("expected", *STATES, "success", "completeness", "meters", "whole", "reason")
"""Of a group, behind what it is told apart by."""


@dataclass(frozen=True, slots=True)
class Report:
    """`total` is of the whole span, `groups` is what was asked for of it: all, or the worst."""

    start: datetime
    end: datetime
    by: tuple[str, ...]
    total: Quality
    groups: tuple[Quality, ...]


async def report(
    counts: Counts,
    start: datetime,
    end: datetime,
    zone: ZoneInfo,
    by: Sequence[str],
    most: int | None = None,
    *,
    meters: Collection[int] | None = None,
) -> Report:
    """`most`: only so many, the worst first. `meters` None: all."""
    tallies = [
        Tally(
            row.day, row.meter, row.line, row.model, _maker(row.model), row.area, row.feeder, str(row.state),
            row.reason, row.slots,
        )
        async for rows in counts.by_meter(start, end, zone, meters)
        for row in rows
    ]  # fmt: skip
    (total,) = quality(tallies)
    groups = quality(tallies, by)
    return Report(start, end, tuple(by), total, tuple(groups if most is None else worst(groups, most)))


@dataclass(frozen=True, slots=True)
class ClockShare:
    """The clocks of the meters that are active now, by class, as they were read last."""

    standings: Mapping[Standing, int]

    @property
    def read(self) -> int:
        return sum(self.standings.values()) - self.standings[Standing.UNKNOWN]

    @property
    def in_class(self) -> Decimal | None:
        """Per cent of those that were read; None where none was."""
        return percent(self.standings[Standing.OK], self.read)


def clock_share(latest: Iterable[LatestClock], policy: ClockPolicy) -> ClockShare:
    found = Counter(standing_of(one, policy) for one in latest)
    return ClockShare({name: found[name] for name in Standing})


@cache
def _maker(model: str) -> str | None:
    """None where the model's file is not here."""
    try:
        return models.load(model).head.maker
    except ModelError:
        return None


def told(group: Quality) -> dict[str, Any]:
    """The columns of a group by name: counts, and rates in per cent as exact decimals."""
    return {
        "expected": group.expected,
        **group.states,
        "success": group.success,
        "completeness": group.completeness,
        "meters": group.meters,
        "whole": group.whole,
        "reason": group.reason,
    }


def document(found: Report, clocks: ClockShare) -> dict[str, Any]:
    """As JSON says it."""
    groups = [dict(zip(found.by, group.key, strict=True)) | told(group) for group in found.groups]
    total = told(found.total) | {"reasons": dict(sorted(found.total.reasons.items()))}
    told_clocks = {str(name): count for name, count in clocks.standings.items()} | {"in_class": clocks.in_class}
    span = {"from": found.start, "to": found.end, "by": list(found.by)}
    return {**span, "total": total, "groups": groups, "clocks": told_clocks}


def write_csv(found: Report, file: TextIO) -> None:
    """A row a group, with a heading; the total is left to who adds up."""
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow([*found.by, *COLUMNS])
    for group in found.groups:
        cells = told(group)
        writer.writerow(
            ["" if cell is None else str(cell) for cell in (*group.key, *(cells[name] for name in COLUMNS))]
        )
