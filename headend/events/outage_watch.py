"""Outages of areas: stored topology and evidence handed to `analytics.outages`, conclusions kept; `OutageWatch` does it
while the daemon runs."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from analytics.outages import Branch, Conclusion, District, Evidence, Outage, conclude, restoration
from storage.outages import EvidenceRow, OutageRow, OutageStore
from storage.topology import AreaAt, Topology

_log = structlog.get_logger("outages")
WITHIN: Final = timedelta(days=2)
"""How far back evidence is looked for."""


@dataclass(frozen=True, slots=True)
class Assessed:
    """One area: what was asked, what its meters showed, what follows."""

    district: District
    evidence: Mapping[str, Evidence]
    conclusion: Conclusion


def district_of(area: AreaAt) -> District:
    """The tree of an area: its branches by name; meters whose branch is not known hang on it directly."""
    branches: dict[str, list[str]] = {}
    loose: list[str] = []
    for member in area.members:
        into = loose if member.branch is None else branches.setdefault(member.branch, [])
        into += [meter.name for meter in member.meters]
    totals = set(area.totals)
    return District(
        area.area.name,
        tuple(Branch(name, tuple(m for m in branches[name] if m not in totals)) for name in sorted(branches)),
        tuple(name for name in loose if name not in totals),
        area.totals,
    )


def evidence_of(row: EvidenceRow) -> Evidence:
    """Stored evidence as the conclusion takes it."""
    return Evidence(row.line, row.answered, row.silent_since, row.last_gasp, row.restored, row.voltage, row.unreachable)


class OutageWatch:
    """Concludes anew at every `tick`, keeps what it concluded, and says what is new and what is over."""

    def __init__(self, conninfo: str) -> None:
        self._topology = Topology(conninfo)
        self._store = OutageStore(conninfo)

    async def tick(self, now: datetime) -> None:
        """Raises `StorageError`. Several daemons may do it: an outage is kept once."""
        assessed = await assess(self._topology, self._store, now)
        if not assessed:
            return
        new, restored = await keep_outages(self._store, assessed, now)
        if not new and not restored:
            return
        for row in await self._store.outages(ids=[*new, *restored]):
            say = _log.warning if row.id in new else _log.info
            say(
                "outage" if row.id in new else "outage is over", id=row.id, area=row.area, level=row.level,
                place=row.place, start=row.start.isoformat(), meters=len(row.meters), confidence=str(row.confidence),
            )  # fmt: skip

    async def close(self) -> None:
        await self._topology.close()
        await self._store.close()


async def assess(
    topology: Topology,
    store: OutageStore,
    now: datetime,
    areas: Collection[str] | None = None,
    heard: Mapping[str, Evidence] | None = None,
) -> dict[str, Assessed]:
    """Area to what is out there `now`. `heard` is fresher evidence, by meter: what a ping just gave.

    Raises `NotFound` for an area that is not there.
    """
    found = {}
    for area in await topology.areas_at(now, areas):
        district = district_of(area)
        rows = await store.evidence(district.members, now - WITHIN, now)
        stored = {row.meter: evidence_of(row) for row in rows}
        evidence = {name: _fresher(shown, (heard or {}).get(name)) for name, shown in stored.items()}
        found[district.name] = Assessed(district, evidence, conclude(district, evidence))
    return found


def _fresher(stored: Evidence, heard: Evidence | None) -> Evidence:
    if heard is None:
        return stored
    answered = heard.answered or stored.answered
    return Evidence(
        stored.line,
        answered,
        None if heard.answered else stored.silent_since or heard.silent_since,
        stored.last_gasp,
        stored.restored,
        heard.voltage if heard.answered else stored.voltage,
        heard.unreachable or stored.unreachable,
    )


async def keep_outages(
    store: OutageStore, assessed: Mapping[str, Assessed], now: datetime
) -> tuple[list[int], list[int]]:
    """Keep what was concluded; ids of new and of restored outages.

    An outage that is concluded no more is over only where meters of it answer again: where nobody can be asked any
    longer it stays open.
    """
    rows = [_row(outage, now) for found in assessed.values() for outage in found.conclusion.outages]
    held = await store.outages(areas=list(assessed), open=True)
    unproven = [row.id for row in held if row.id is not None and not _is_back(row, assessed[row.area])]
    return await store.keep(list(assessed), rows, now, stay=unproven)


def _is_back(row: OutageRow, found: Assessed) -> bool:
    """Whether any meter of a kept outage has shown life since it began."""
    outage = Outage("meter", row.area, row.place, row.start, None, row.confidence, row.meters)
    return bool(restoration(outage, found.district, found.evidence).restored)


def _row(outage: Outage, now: datetime) -> OutageRow:
    return OutageRow(
        area=outage.district,
        level=outage.level,
        place=outage.place,
        start=outage.start,
        not_before=outage.not_before,
        seen=now,
        confidence=outage.confidence,
        meters=outage.affected,
        evidence={
            "dark": list(outage.dark),
            "unknown": list(outage.unknown),
            "proven": outage.proven,
            "nested": told_nested(outage.nested),
        },
    )


def told_nested(outages: Sequence[Outage]) -> list[dict[str, Any]]:
    """Outages within an outage, as JSON says them."""
    return [{"level": o.level, "place": o.place, "start": o.start.isoformat(), "meters": list(o.dark)} for o in outages]
