"""When a fleet's messages go out: spread over the slot, some twice, some late, some after the outage of their gateway.

A pure function of seed and slot; of slots to come nothing is kept, of slots past what is still to be sent.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from protocols.push.readings import Ints
from simulators.push.table import PushTable

_UNIX: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICRO: Final = 1_000_000


class Sending(NamedTuple):
    """One message: when it is due, microseconds since 1970; of which gateway and slot (seconds since 1970); `copy`: it
    is sent a second time."""

    due_us: int
    slot: int
    gateway: int
    copy: bool


def sendings(table: PushTable, seed: int, since: datetime) -> Iterator[Sending]:
    """All, in the order in which they are due, beginning with the first slot at `table.start`, else after `since`."""
    first = first_slot(table, since)
    waiting: list[tuple[int, int, int, bool]] = []
    slot = first
    while True:
        if table.slots and slot >= first + table.slots * table.every_s:
            break
        due, gateways, copies = _of_slot(table, seed, slot, since)
        for at, gateway, copy in zip(due.tolist(), gateways.tolist(), copies.tolist(), strict=True):
            heapq.heappush(waiting, (at, slot, gateway, copy))
        slot += table.every_s
        while waiting and waiting[0][0] < slot * _MICRO:
            yield Sending(*heapq.heappop(waiting))
    while waiting:
        yield Sending(*heapq.heappop(waiting))


def first_slot(table: PushTable, since: datetime) -> int:
    """Seconds since 1970."""
    begin = table.start.astimezone(UTC) if table.start is not None else since
    return -((_UNIX - begin) // timedelta(seconds=table.every_s)) * table.every_s


def _of_slot(table: PushTable, seed: int, slot: int, since: datetime) -> tuple[Ints, Ints, npt.NDArray[np.bool_]]:
    """Due times, gateways, whether it is a copy."""
    draw = np.random.Generator(np.random.PCG64((seed, slot)))
    count = table.gateways
    gateways = np.arange(count)
    spread = int(table.spread_s * _MICRO)
    due = slot * _MICRO + (draw.integers(0, spread, count) if spread else np.zeros(count, np.int64))
    swapped = draw.random(count) < table.reorder
    due[swapped] += table.every_s * _MICRO + max(spread, 1)
    late = draw.random(count) < table.late
    due[late] += draw.integers(0, int(table.late_s * _MICRO) + 1, int(late.sum()))
    copied = draw.random(count) < table.duplicates
    again = due[copied] + draw.integers(0, _MICRO, int(copied.sum()))
    due = np.concatenate((due, again))
    gateways = np.concatenate((gateways, gateways[copied]))
    copies = np.arange(len(due)) >= count
    for number, outage in enumerate(table.outage):
        start, end = ((moment - _UNIX) // timedelta(microseconds=1) for moment in outage.span(table.start or since))
        away = np.random.Generator(np.random.PCG64((seed, number, 1))).random(count) < outage.share
        held = away[gateways] & (due >= start) & (due < end)
        due[held] = end + draw.integers(0, int(outage.catch_up_s * _MICRO) + 1, int(held.sum()))
    return due, gateways, copies
