"""Which of a meter's memories are asked for what is missing: those that cost least on the wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from protocols.model import Quantity
from protocols.recall import RecallPlan, RecallRead, Wanted


class Memory(Protocol):
    """One kind of record that a meter keeps."""

    @property
    def kind(self) -> str: ...

    @property
    def quantities(self) -> frozenset[Quantity]: ...

    def holds(self, moment: datetime, zone: ZoneInfo, now: datetime) -> bool:
        """Whether a record of exactly that moment should be there."""

    def reads(
        self, moments: Sequence[datetime], quantities: Collection[Quantity], zone: ZoneInfo, now: datetime
    ) -> list[RecallRead]:
        """The conversations that give `quantities` of `moments`."""


def plan(memories: Sequence[Memory], wanted: Wanted, zone: ZoneInfo, now: datetime) -> RecallPlan:
    """Again and again the memory that gives most values a byte, until none gives anything more; of equals the first.

    What a later choice turns out to give as well is not asked for twice.
    """
    missing = {moment: set(quantities) for moment, quantities in wanted.items() if quantities}
    held = [[moment for moment in missing if memory.holds(moment, zone, now)] for memory in memories]
    chosen: list[RecallRead] = []
    while True:
        offers = [_offer(memory, moments, missing, zone, now) for memory, moments in zip(memories, held, strict=True)]
        worth, reads = max(offers, key=lambda offer: offer[0], default=(0.0, []))
        if not worth:
            break
        chosen += reads
        for read in reads:
            for moment in read.moments:
                missing[moment] -= set(read.quantities)
    kept = _without_repeats(chosen, wanted)
    kept.sort(key=lambda read: max(read.moments), reverse=True)
    return RecallPlan(tuple(kept), {moment: frozenset(left) for moment, left in missing.items() if left})


def _offer(
    memory: Memory,
    held: Sequence[datetime],
    missing: dict[datetime, set[Quantity]],
    zone: ZoneInfo,
    now: datetime,
) -> tuple[float, list[RecallRead]]:
    """What is missing and `memory` gives: values a byte, and the reads."""
    gains = {moment: missing[moment] & memory.quantities for moment in held}
    moments = [moment for moment, gain in gains.items() if gain]
    if not moments:
        return 0.0, []
    reads = memory.reads(moments, frozenset().union(*gains.values()), zone, now)
    return sum(map(len, gains.values())) / sum(read.cost for read in reads), reads


def _without_repeats(chosen: Sequence[RecallRead], wanted: Wanted) -> list[RecallRead]:
    """Less those, the dearest first, whose wanted values the others give."""
    given = Counter((moment, quantity) for read in chosen for moment in read.moments for quantity in read.quantities)
    kept = list(chosen)
    for read in sorted(chosen, key=lambda read: read.cost, reverse=True):
        values = [(m, q) for m in read.moments for q in read.quantities if q in wanted[m]]
        if all(given[value] > 1 for value in values):
            kept.remove(read)
            given.subtract(values)
    return kept
