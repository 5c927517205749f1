"""How much of what is expected a batch holds, by point and channel: measured, estimated, missing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

from analytics.billing.exports.bundle import Bundle
from analytics.billing.exports.series import Quality
from headend.batches.book import Place, Point
from headend.batches.series import LeftOut
from protocols.quantities import BY_ID


@dataclass(slots=True)
class _Row:
    point: str
    channel: str
    expected: int = 0
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
    def of(cls, points: Iterable[Point], places: Iterable[Place]) -> Completeness:
        """Points at which no meter stood have rows, too."""
        names = {quantity.id: str(quantity.obis) for quantity in BY_ID.values()}
        keys = ((point.name, names[quantity]) for point in points for quantity in point.quantities)
        made = cls({key: _Row(*key) for key in keys})
        for place in places:
            made._rows[place.channel.point, place.channel.channel].expected += place.expected
        return made

    def counted(self, bundles: Iterable[Bundle]) -> Iterator[Bundle]:
        """The same ones."""
        for one in bundles:
            is_actual = [flag.quality == Quality.ACTUAL for flag in one.flags]
            actual = one.reads[:, is_actual].sum(axis=1).tolist()
            for channel, present, reads in zip(one.channels, actual, one.counts.tolist(), strict=True):
                row = self._rows[channel.point, channel.channel]
                row.present += present
                row.estimated += reads - present
            yield one

    def told(self, points: Iterable[Point], left_out: LeftOut) -> dict[str, Any]:
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
