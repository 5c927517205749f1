"""What is known about supply: the evidence of meters, and the outages that were concluded from it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from psycopg.types.json import Jsonb

from protocols.quantities import BY_NAME, HOME
from storage.connection import Row, Session
from storage.statements import load

SQL = load("outages")
_VOLTAGE: Final = BY_NAME["voltage_l1"]


@dataclass(frozen=True, slots=True)
class EvidenceRow:
    """What is stored of one meter. `voltage` (V) is of the capture that came with `answered`; `silent_since` is the
    first miss after it, `unreachable` the last time after both that its line could not be opened."""

    meter_id: int
    meter: str
    line: str
    answered: datetime | None
    voltage: Decimal | None
    silent_since: datetime | None
    unreachable: datetime | None
    last_gasp: datetime | None
    restored: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OutageRow:
    """An outage as it was last concluded. `id` is None for one that is to be kept."""

    id: int | None = None
    area: str
    level: str
    place: str
    start: datetime
    not_before: datetime | None
    seen: datetime
    restored: datetime | None = None
    confidence: Decimal
    meters: tuple[str, ...]
    evidence: Mapping[str, Any]


class OutageStore(Session):
    """One connection. Raises `DatabaseUnreachable`; the next use connects anew."""

    async def evidence(self, meters: Collection[str], since: datetime, now: datetime) -> list[EvidenceRow]:
        """What the named meters did and did not say in [since, now]."""
        given = {"names": list(meters), "since": since, "now": now, "layout": HOME[_VOLTAGE.id][0].id}
        return [
            EvidenceRow(i, name, line, answered, None if v is None else _VOLTAGE.value(v), silent, down, gasp, back)
            for i, name, line, answered, v, silent, down, gasp, back in await self._rows("evidence", **given)
        ]

    async def keep(
        self, areas: Collection[str], outages: Sequence[OutageRow], now: datetime, stay: Collection[int] = ()
    ) -> tuple[list[int], list[int]]:
        """Make `outages` the open ones of `areas`; an open one that is not among them was restored `now`, unless its id
        is in `stay`.

        Returns the ids of the new ones and of those that were restored.
        """
        async with self.transaction() as connection:
            rows = await (await connection.execute(SQL["open_outages"], {"areas": sorted(areas)})).fetchall()
            before = {(area, level, place): number for number, area, level, place in rows}
            kept = set()
            for outage in outages:
                given = {name: getattr(outage, name) for name in OutageRow.__slots__}
                given |= {"evidence": Jsonb(dict(outage.evidence)), "meters": list(outage.meters)}
                row = await (await connection.execute(SQL["keep_outage"], given)).fetchone()
                assert row is not None
                kept.add(int(row[0]))
            gone = sorted(set(before.values()) - kept - set(stay))
            for number in gone:
                await connection.execute(SQL["restore_outage"], {"id": number, "at": now})
            return sorted(kept - set(before.values())), gone

    async def outages(
        self,
        *,
        ids: Collection[int] | None = None,
        areas: Collection[str] | None = None,
        since: datetime | None = None,
        open: bool | None = None,  # noqa: A002  # the word of the command line
    ) -> list[OutageRow]:
        """The latest first; `since`: those that were not over then."""
        rows = await self._rows(
            "outages",
            ids=None if ids is None else list(ids),
            areas=None if areas is None else list(areas),
            since=since,
            open=open,
        )
        return [
            OutageRow(
                id=number, area=area, level=level, place=place, start=start, not_before=not_before, seen=seen,
                restored=restored, confidence=confidence, meters=tuple(meters), evidence=evidence,
            )
            for number, area, level, place, start, not_before, seen, restored, confidence, meters, evidence in rows
        ]  # fmt: skip

    async def _rows(self, statement: str, **given: object) -> list[Row]:
        async with self.use() as connection:
            return await (await connection.execute(SQL[statement], given)).fetchall()
