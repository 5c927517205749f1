"""Cases as people and programs are shown them, and what a scan leaves in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from typing import Any

from analytics.theft import Scan
from storage.theft import Case, Entry, Suspicion


def suspicions(
    found: Scan, most: int, days: tuple[date, date], area_of: Mapping[str, str], only: frozenset[str], seed: int
) -> list[Suspicion]:
    """Of the `most` worst of `only`, with what speaks for it. Readings themselves are not kept in a case."""
    balances = {balance.area: balance for balance in found.areas}
    made = []
    for one in [score for score in found.scores if score.meter in only and score.score > 0][:most]:
        balance = balances.get(area_of.get(one.meter, ""))
        evidence: dict[str, Any] = {
            "reasons": [{"code": reason.code, "text": reason.text} for reason in one.reasons],
            "since": None if one.start is None else str(one.start),
            "area": area_of.get(one.meter),
            "meters": len(found.scores),
            "seed": seed,
        }
        if balance is not None:
            evidence["balance"] = {
                "total_kwh": round(balance.total_wh / 1000, 2),
                "technical_kwh": round(balance.technical_wh / 1000, 2),
                "unreported_kwh": round(balance.stolen_wh / 1000, 2),
            }
        made.append(
            Suspicion(
                meter=one.meter, first=days[0], until=days[1], score=round(one.score, 6), rank=one.rank,
                estimated_kwh=Decimal(str(round(one.estimated_wh / 1000, 2))), evidence=evidence,
            )
        )  # fmt: skip
    return made


def told(case: Case) -> dict[str, Any]:
    """A case as JSON says it."""
    made: dict[str, Any] = {
        "id": case.id,
        "meter": case.meter,
        "opened": case.opened,
        "status": str(case.status),
        "since": case.since,
    }
    if case.suspicion is not None:
        one = case.suspicion
        made["suspicion"] = {
            "from": str(one.first),
            "to": str(one.until),
            "score": one.score,
            "rank": one.rank,
            "estimated_kwh": one.estimated_kwh,
            "evidence": dict(one.evidence),
        }
    return made


def told_history(entries: Sequence[Entry]) -> list[dict[str, Any]]:
    """What each entry has."""
    rows = [
        {
            "at": one.at,
            "by": one.actor,
            "kind": one.kind,
            "status": None if one.status is None else str(one.status),
            "note": one.note or None,
            "score": one.score,
            "rank": one.rank,
            "estimated_kwh": one.estimated_kwh,
            "inspected": None if one.inspected is None else str(one.inspected),
            "found": one.found,
        }
        for one in entries
    ]
    return [{key: value for key, value in row.items() if value is not None} for row in rows]
