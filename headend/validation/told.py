"""Validated values as people and programs are shown them: each with source, rule, version, reason and what came."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from analytics.vee.validated import NAMES, Method, Source
from protocols.model import Quantity
from storage.validated import EditRow, Run
from storage.validated_days import Days

_CLASSED: Final = (Method.CLASS, Method.REGISTER)
"""Rules that may stand on the day of a class: by itself, or by its shape."""


def told(days: Days, row: int, quantity: Quantity, run: Run, edits: Sequence[EditRow]) -> Iterator[dict[str, Any]]:
    """The intervals of one day. `edits`: of that day, in order, as of the run; the reason of an edited value is its
    code."""
    reasons = {one.start: one.reason for one in edits}
    for cell in range(int(days.count[row])):
        start = datetime.fromtimestamp(int(days.start[row]) + cell * days.step_s, UTC)
        source, because = Source(int(days.source[row, cell])), int(days.reason[row, cell])
        reason = NAMES[because - 1] if because else ""
        bits = int(days.failed[row, cell])
        method = Method(int(days.method[row, cell]))
        yield {
            "start": start,
            "value": quantity.text(int(days.steps[row, cell])) if days.present[row, cell] else None,
            "unit": str(quantity.unit),
            "source": source.name.lower(),
            "rule": method.name.lower(),
            "reason": reasons.get(start, reason) if source is Source.EDITED else reason,
            "raw": quantity.text(int(days.raw[row, cell])) if days.raw_present[row, cell] else None,
            "failed": [name for number, name in enumerate(NAMES) if bits >> number & 1],
            "version": int(days.version[row]),
            "run": run.number,
            "parameters": run.parameters,
            "profiles": int(days.profiles[row]) or None if method in _CLASSED else None,
        }


def versions(days: Days, quantity: Quantity, runs: Sequence[Run]) -> Iterator[dict[str, Any]]:
    """All versions of one day, the first one first, each with how it differs from the one before."""
    for row, run in enumerate(runs):
        amount = int(days.steps[row].sum())
        before = int(days.steps[row - 1].sum()) if row else 0
        own = days.inside[row]
        changed = 0
        if row:
            changed = int(
                (
                    (days.steps[row] != days.steps[row - 1])
                    | (days.present[row] != days.present[row - 1])
                    | (days.source[row] != days.source[row - 1])
                )[own].sum()
            )
        yield {
            "version": int(days.version[row]), "run": run.number, "at": run.at, "by": run.actor, "kind": run.kind,
            "reason": run.reason, "parameters": run.parameters, "energy": quantity.text(amount),
            "unit": str(quantity.unit), "difference": quantity.text(amount - before) if row else None,
            "changed": changed if row else None,
            "estimated": int((own & (days.source[row] > Source.ACTUAL)).sum()),
            "missing": int((own & ~days.present[row]).sum()),
        }  # fmt: skip
