"""Batches as people see them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from headend.cli.output import Output
from storage.export_entries import BatchState

_MOST: Final = 50
"""Rows for people; programs are given all."""


def show_completeness(report: Mapping[str, Any], output: Output) -> None:
    """The points that lack most first."""
    names = ("expected", "present", "estimated", "missing", "left_out")
    rows = sorted(report["points"], key=lambda row: (-row["missing"], row["point"], row["channel"]))
    total = report["total"]
    output.table(
        ["point", "channel", *(f"{name.replace('_', ' ')}>" for name in names)],
        [
            *((row["point"], row["channel"], *(row[name] for name in names)) for row in rows[:_MOST]),
            (f"{total['points']} points", f"{total['complete']} %", *(total[name] for name in names)),
        ],
        "completeness",
    )
    if len(rows) > _MOST:
        output.text(f"{len(rows) - _MOST} further channels: --json shows them")


def show_difference(found: Mapping[str, Any], output: Output) -> None:
    days = found["days"]
    output.table(
        ["point", "channel", "day", "intervals>", "before>", "after>"],
        [
            (one["point"], one["channel"], one["day"], one["intervals"], one["before"], one["after"])
            for one in days[:_MOST]
        ],
        f"{found['intervals']} intervals of {found['points']} points differ",
    )
    if len(days) > _MOST:
        output.text(f"{len(days) - _MOST} further days: --json shows them")


def status(state: BatchState) -> dict[str, Any]:
    return {
        "batch": state.name, "sequence": state.sequence, "format": state.format, "what": state.what,
        "from": state.start, "to": state.end, "as_of": state.as_of, "status": str(state.status),
        "completeness": state.total, "made": state.created, "by": state.actor, "supersedes": state.supersedes,
        "reason": state.reason, "superseded_by": state.superseded_by, "released_by": state.released_by,
        "released": state.released, "targets": [*state.targets], "answer": state.answer, "findings": [*state.findings],
    }  # fmt: skip
