"""Validated days become versions: only where they differ, never over what was billed, and edits outlive them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import numpy as np

from analytics.vee.errors import EditRefused, FrozenValues
from analytics.vee.validated import Method, Source
from analytics.vee.versions import Kind, bills_differ, differs
from headend.errors import HeadendError
from headend.validation.intervals import Ints, Mask
from protocols.quantities import BY_ID
from storage.validated import EditRow, NewRun, Validated, Which, Writing
from storage.validated_days import Days

_DAYS: Final = 1 << 20
_QUANTITIES: Final = 1 << 12


@dataclass(frozen=True, slots=True)
class Order:
    """Who has it done, by which version of the parameters. `correction`: why billed amounts may change; empty: they may
    not. `only_new`: days that have a version are left as they are."""

    actor: str
    parameters: str
    contents: Mapping[str, Any]
    correction: str = ""
    only_new: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """A billed day that would have changed: nothing of this point's quantity was stored."""

    point: int
    quantity: int
    day: date


@dataclass(slots=True)
class Outcome:
    """`runs`: those that were committed. Numbers are days of points."""

    runs: list[int] = field(default_factory=list)
    first: int = 0
    changed: int = 0
    same: int = 0
    refused: list[Refused] = field(default_factory=list)

    def add(self, other: Outcome) -> None:
        self.runs += other.runs
        self.first += other.first
        self.changed += other.changed
        self.same += other.same
        self.refused += other.refused


async def commit(validated: Validated, days: Days, order: Order) -> Outcome:
    """One run; none where nothing is new.

    Raises `HeadendError` where days begin at other times than when they were validated before.
    """
    if not len(days):
        return Outcome()
    async with validated.writing() as writing:
        which = _which(days)
        older = await writing.newest(which)
        _put_in(days, await writing.edits(which, _span(days)))
        at = _find(older, days)
        known = np.flatnonzero(at >= 0)
        before, after = older.take(at[known]), days.take(known)
        if (before.start != after.start).any():
            raise HeadendError("days that were validated before began at other times: the time zone was another one")
        before, after = _wide(before, after)
        changed = np.ones(len(days), np.bool_)
        changed[known] = differs(before, after) & (not order.only_new)
        touched = np.zeros(len(days), np.bool_)
        touched[known] = bills_differ(before, after) & changed[known]
        touched &= await _frozen(writing, which, days, touched)
        outcome = Outcome()
        kept = changed
        if touched.any() and not order.correction:
            outcome.refused = [
                Refused(int(days.point[row]), int(days.quantity[row]), days.day[row].item())
                for row in np.flatnonzero(touched)
            ]
            row = days.point * _QUANTITIES + days.quantity
            kept = changed & ~np.isin(row, row[touched])
        days.version[:] = 1
        days.version[known] = before.version + 1
        outcome.first = int((kept & (at < 0)).sum())
        outcome.changed = int((kept & (at >= 0)).sum())
        outcome.same = int((~changed).sum())
        if kept.any():
            kind = Kind.CORRECTION if touched.any() else Kind.RERUN if outcome.changed else Kind.FIRST
            reason = order.correction if kind is Kind.CORRECTION else ""
            run = NewRun(
                actor=order.actor, kind=kind, reason=reason, parameters=order.parameters, contents=order.contents
            )
            outcome.runs.append(await writing.add(run, days.take(kept)))
        return outcome


async def edit(validated: Validated, edits: Sequence[EditRow], order: Order) -> Outcome:
    """Values put in by persons, of one point and quantity, over the newest versions: all of them or none.

    Raises `EditRefused` for an interval that was not validated, `FrozenValues` for a billed one without a correction.
    """
    day = timedelta(days=1)
    first, last = min(one.start for one in edits), max(one.start for one in edits)
    which = Which(
        [edits[0].point], [BY_ID[edits[0].quantity]], edits[0].step_s, first.date() - day, last.date() + 2 * day
    )
    async with validated.writing() as writing:
        before = await writing.newest(which)
        rows = np.flatnonzero(_holds(before, edits))
        before, after = before.take(rows), before.take(rows)
        put = _put_in(after, edits)
        for one in edits:
            if one not in put:
                raise EditRefused(f"{one.start.isoformat()} begins no interval that was validated")
        touched = bills_differ(before, after)
        touched &= await _frozen(writing, which, after, touched)
        if touched.any() and not order.correction:
            raise FrozenValues(BY_ID[edits[0].quantity].name, str(after.day[touched][0]), int(touched.sum()))
        after.version[:] += 1
        kind = Kind.CORRECTION if touched.any() else Kind.EDIT
        run = NewRun(
            actor=order.actor, kind=kind, reason=edits[0].reason, parameters=order.parameters, contents=order.contents
        )
        return Outcome(runs=[await writing.add(run, after, edits)], changed=len(after))


def _holds(days: Days, edits: Sequence[EditRow]) -> Mask:
    ends = days.start + days.count * days.step_s
    found = np.zeros(len(days), np.bool_)
    for one in edits:
        found |= (days.start <= one.start.timestamp()) & (one.start.timestamp() < ends)
    return found


def _put_in(days: Days, edits: Sequence[EditRow]) -> list[EditRow]:
    """Into the days; the last edit of an interval holds. Returns those that found their interval."""
    found = []
    for one in {(each.point, each.quantity, each.start): each for each in edits}.values():
        start = int(one.start.timestamp())
        mine = (days.point == one.point) & (days.quantity == one.quantity) & (days.start <= start)
        for row in np.flatnonzero(mine & (start < days.start + days.count * days.step_s)):
            cell, off = divmod(start - int(days.start[row]), days.step_s)
            if off:
                continue
            found.append(one)
            if one.steps is not None:
                days.steps[row, cell], days.present[row, cell] = one.steps, True
                days.source[row, cell], days.method[row, cell] = Source.EDITED, Method.EDIT
    return found


async def _frozen(writing: Writing, which: Which, days: Days, touched: Mask) -> Mask:
    if not touched.any():
        return touched
    frozen = await writing.frozen(which)
    return np.array(
        [
            (point, quantity, day) in frozen
            for point, quantity, day in zip(days.point.tolist(), days.quantity.tolist(), days.day.tolist(), strict=True)
        ],
        np.bool_,
    )


def _which(days: Days) -> Which:
    quantities = [BY_ID[number] for number in np.unique(days.quantity).tolist()]
    since, until = days.day.min().item(), days.day.max().item() + timedelta(days=1)
    return Which(np.unique(days.point).tolist(), quantities, days.step_s, since, until)


def _span(days: Days) -> tuple[datetime, datetime]:
    last = days.start + days.count * days.step_s
    return datetime.fromtimestamp(int(days.start.min()), UTC), datetime.fromtimestamp(int(last.max()), UTC)


def _key(days: Days) -> Ints:
    return (days.point * _QUANTITIES + days.quantity) * _DAYS + days.day.astype(np.int64)


def _find(older: Days, days: Days) -> Ints:
    """Which row of `older`, which is in order, is of the same day; -1: none."""
    keys, wanted = _key(older), _key(days)
    at = np.searchsorted(keys, wanted)
    at[at == len(keys)] = 0
    return np.where(keys[at] == wanted, at, -1) if len(keys) else np.full(len(days), -1)


def _wide(one: Days, other: Days) -> tuple[Days, Days]:
    """Both padded to the same width."""
    width = max(one.steps.shape[1], other.steps.shape[1])
    made = [Days.joined(each.step_s, [each, Days.empty(each.step_s, 0, width)]) for each in (one, other)]
    return made[0], made[1]
