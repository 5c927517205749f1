"""What checks found: for people to look at, and for work orders. Read from the newest versions: it is never stale."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from analytics.vee.validated import NAMES
from storage.validated import Validated, Which
from storage.validated_days import Days

_OF_ESTIMATES: Final = ("limit", "sum")
"""Checks that estimates are held against, too: what stands there is for people to look at."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that failed on `fails` intervals of [start, end). `action`: review, order, or estimate."""

    point: int
    quantity: int
    check: str
    action: str
    start: datetime
    end: datetime
    fails: int


async def findings(
    validated: Validated, which: Which, checks: Collection[str], actions: Collection[str]
) -> list[Finding]:
    """By point, quantity, check and time; days that follow each other are told together. `checks` empty: all."""
    batches = [batch async for batch in validated.failed(which)]
    rules = await validated.judged_by({number for batch in batches for number in batch.run.tolist()})
    found = [
        one for batch in batches for row in range(len(batch)) for one in _of_day(batch, row, rules[int(batch.run[row])])
    ]
    chosen = [one for one in found if one.action in actions and (not checks or one.check in checks)]
    return _together(sorted(chosen, key=lambda one: (one.point, one.quantity, one.check, one.action, one.start)))


def _of_day(days: Days, row: int, contents: Mapping[str, Any]) -> list[Finding]:
    found = []
    bits = int(np.bitwise_or.reduce(days.failed[row]))
    for number, check in enumerate(NAMES):
        if not bits >> number & 1:
            continue
        fails = days.failed[row] >> np.uint32(number) & 1 == 1
        stated = contents["checks"][check]["action"]
        cells = {stated: fails}
        if stated == "estimate" and check in _OF_ESTIMATES:  # where it cost no value its place, an estimate failed it
            replaced = fails & (days.reason[row] == number + 1)
            cells = {"estimate": replaced, "review": fails & ~replaced}
        for action, own in cells.items():
            if own.any():
                first, last = np.flatnonzero(own)[[0, -1]].tolist()
                begins = int(days.start[row])
                start = datetime.fromtimestamp(begins + first * days.step_s, UTC)
                end = datetime.fromtimestamp(begins + (last + 1) * days.step_s, UTC)
                found.append(
                    Finding(int(days.point[row]), int(days.quantity[row]), check, action, start, end, int(own.sum()))
                )
    return found


def _together(ordered: list[Finding]) -> list[Finding]:
    """One where the next begins not later than a day after the end of the one before."""
    found: list[Finding] = []
    for one in ordered:
        last = found[-1] if found else None
        key = (one.point, one.quantity, one.check, one.action)
        same = last is not None and (last.point, last.quantity, last.check, last.action) == key
        if last is not None and same and one.start - last.end <= timedelta(days=1):
            found[-1] = Finding(*key, last.start, one.end, last.fails + one.fails)
        else:
            found.append(one)
    return found
