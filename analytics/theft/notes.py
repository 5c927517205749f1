"""What is said of readings that were not taken as they came."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notes:
    """`counted`: what stands before and behind the number, and the number."""

    said: tuple[str, ...] = ()
    counted: Counter[tuple[str, str]] = field(default_factory=Counter)

    @property
    def lines(self) -> tuple[str, ...]:
        return (*self.said, *(f"{before}{count}{behind}" for (before, behind), count in self.counted.items()))


def together(parts: Iterable[Notes]) -> Notes:
    """Of readings that were taken piece by piece: what is said alike is said once, what was counted is added up."""
    said: dict[str, None] = {}
    counted: Counter[tuple[str, str]] = Counter()
    for part in parts:
        said |= dict.fromkeys(part.said)
        counted.update(part.counted)
    return Notes(tuple(said), counted)
