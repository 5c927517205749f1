"""The row that every benchmark prints: ours, what was measured beside it in the same run, and the ratios."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. `peer` and `limit` are None where there is none."""

    name: str
    unit: str
    ours: float
    peer: float | None = None
    peer_name: str | None = None
    limit: float | None = None
    limit_name: str | None = None

    def content(self) -> dict[str, object]:
        """The row as others read it."""
        return {
            "name": self.name,
            "unit": self.unit,
            "ours": _figure(self.ours),
            "peer": _figure(self.peer),
            "peer_name": self.peer_name,
            "ratio_peer": _ratio(self.ours, self.peer),
            "limit": _figure(self.limit),
            "limit_name": self.limit_name,
            "ratio_limit": _ratio(self.ours, self.limit),
        }


def rate(count: int, seconds: Sequence[float]) -> float:
    """Things a second: the median over rounds that took `seconds` each for `count` things."""
    return count / median(seconds)


def show(rows: Sequence[Row], argv: Sequence[str]) -> None:
    """Print one JSON object a line with ``--json``, a table for people without."""
    contents = [row.content() for row in rows]
    if "--json" in argv:
        for content in contents:
            print(json.dumps(content, ensure_ascii=False), flush=True)
        return
    titles = list(contents[0])
    cells = [titles] + [["-" if value is None else _text(value) for value in content.values()] for content in contents]
    widths = [max(len(row[column]) for row in cells) for column in range(len(titles))]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    sys.stdout.flush()


def _figure(value: float | None) -> float | None:
    """Four digits: more would claim a precision that a shared machine does not give."""
    return None if value is None else float(f"{value:.4g}")


def _ratio(ours: float, other: float | None) -> float | None:
    return round(ours / other, 2) if other else None


def _text(value: object) -> str:
    return f"{value:,.10g}" if isinstance(value, float) else str(value)
