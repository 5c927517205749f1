"""Where a line's time goes: how busy it is, and which of its meters cost most for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from headend.collection.line import Line
from protocols.traffic import MeterCounters

TOLD_METERS: Final = 10
"""Of a line, in a sign of life."""
TOLD_LINES: Final = 100
"""So many lines tell of their meters, those with the most trouble; a sign of life is written all the time."""


def worst(meters: Mapping[str, MeterCounters], most: int) -> list[tuple[str, MeterCounters]]:
    """Those that answered least: by time-outs and check-sum errors, then by the time that they took; only those that
    had any."""
    poor = [(name, cost) for name, cost in meters.items() if cost.timeouts or cost.checksums]
    return sorted(poor, key=lambda one: (-one[1].timeouts - one[1].checksums, -one[1].busy_s, one[0]))[:most]


def told(lines: Iterable[Line]) -> dict[str, Any]:
    """Line name to its budget, for a sign of life."""
    found: dict[str, Any] = {}
    trouble: list[tuple[int, Line]] = []
    for line in lines:
        line.settle()
        counters, busy = line.counters, line.utilisation
        found[line.path.name] = {
            "utilisation": None if busy is None else round(busy, 4),
            **{name: getattr(counters, name) for name in ("requests", "answers", "timeouts", "retries", "checksums")},
            "busy_s": round(counters.busy_s, 3),
            "wire_s": round(counters.wire_s, 3),
            "turnaround_ms": mean_ms(counters.turnaround_s, counters.answers),
            "meters": {},
        }
        if counters.timeouts or counters.checksums:
            trouble.append((-counters.timeouts - counters.checksums, line))
    for _, line in sorted(trouble, key=lambda one: one[0])[:TOLD_LINES]:
        found[line.path.name]["meters"] = {name: _cost(cost) for name, cost in worst(line.meters, TOLD_METERS)}
    return found


def mean_ms(total_s: float, count: int) -> float | None:
    """Milliseconds a time; None where there was none."""
    return round(1000 * total_s / count, 1) if count else None


def _cost(cost: MeterCounters) -> dict[str, Any]:
    return {
        **{name: getattr(cost, name) for name in ("requests", "answers", "timeouts", "retries", "checksums")},
        "busy_s": round(cost.busy_s, 3),
        "turnaround_ms": mean_ms(cost.turnaround_s, cost.answers),
        "turnaround_max_ms": round(1000 * cost.turnaround_max_s, 1),
    }
