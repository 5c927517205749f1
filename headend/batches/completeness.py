"""How much of what is expected a batch holds, by point and channel: measured, estimated, missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from analytics.billing.exports.series import Quality, Series
from headend.batches.book import Point, places
from headend.batches.series import LeftOut
from protocols.quantities import BY_ID


@dataclass(slots=True)
class _Row:
    point: str
    channel: str
    expected: int
    present: int = 0
    estimated: int = 0
    left_out: int = 0

    @property
    def missing(self) -> int:
        return self.expected - self.present - self.estimated


@dataclass(slots=True)
class Completeness:
    """Counts what goes through it."""

    _rows: dict[tuple[str, str], _Row] = field(default_factory=dict)

    @classmethod
    def of(cls, points: Sequence[Point], step_s: int) -> Completeness:
        made = cls()
        for point in points:
            for quantity in point.quantities:
                obis = str(BY_ID[quantity].obis)
                expected = sum(place.expected for place in places(point, quantity, step_s))
                made._rows[point.name, obis] = _Row(point.name, obis, expected)
        return made

    def counted(self, series: Iterable[Series]) -> Iterator[Series]:
        """The same series."""
        for one in series:
            row = self._rows[one.channel.point, one.channel.channel]
            actual = sum(n for n, flag in zip(one.reads(), one.flags, strict=True) if flag.quality == Quality.ACTUAL)
            row.present += actual
            row.estimated += len(one) - actual
            yield one

    def told(self, points: Sequence[Point], left_out: LeftOut) -> dict[str, Any]:
        """As JSON. `complete`: percent with a value, cut and not rounded: 100 is all of them."""
        by_id = {point.id: point.name for point in points}
        for (point, quantity), reads in left_out.reads.items():
            self._rows[by_id[point], str(BY_ID[quantity].obis)].left_out = reads
        rows = list(self._rows.values())
        sums = {
            name: sum(getattr(row, name) for row in rows)
            for name in ("expected", "present", "estimated", "missing", "left_out")
        }
        return {
            "total": {"points": len({row.point for row in rows}), **sums, "complete": percent(sums)},
            "points": [
                {
                    "point": row.point, "channel": row.channel, "expected": row.expected, "present": row.present,
                    "estimated": row.estimated, "missing": row.missing, "left_out": row.left_out,
                }
                for row in rows
            ],
        }  # fmt: skip


def percent(counts: Mapping[str, int]) -> str:
    if not counts["expected"]:
        return "0"
    share = Decimal(counts["present"] + counts["estimated"]) * 100 / counts["expected"]
    return format(share.quantize(Decimal("0.01"), ROUND_DOWN), "f")
