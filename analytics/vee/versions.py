"""Versions of validated values: late data makes a new one; what was billed is changed by a correction only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC
from enum import StrEnum

import numpy as np

from analytics.vee.errors import EditRefused, FrozenValues
from analytics.vee.frame import Mask
from analytics.vee.validated import Edit, Method, Source, ValidatedFrame


class Kind(StrEnum):
    FIRST = "first"
    RERUN = "rerun"
    EDIT = "edit"
    CORRECTION = "correction"
    """Changes what was billed; the reason is told."""


@dataclass(frozen=True, slots=True, eq=False)
class Version:
    """`frozen`: what is billed from it or from an earlier version. `changed`: how it differs from `number` - 1."""

    number: int
    kind: Kind
    values: ValidatedFrame
    frozen: Mask
    changed: Mask
    reason: str = ""


def first(values: ValidatedFrame) -> Version:
    shape = values.steps.shape
    return Version(1, Kind.FIRST, values, np.zeros(shape, np.bool_), np.ones(shape, np.bool_))


def billed(version: Version, cells: Mask) -> Version:
    """`cells` were billed from this version: they are frozen from now on."""
    return replace(version, frozen=version.frozen | cells)


def rerun(before: Version, values: ValidatedFrame, *, correction: str = "") -> Version:
    """The next version, of the same rows and intervals; `before` itself where nothing differs.

    Manual edits outlive a rerun. `correction`: the reason for which frozen values may change. Raises `FrozenValues`
    where they would without one.
    """
    grids = [(each.zone, each.step_s, each.days) for each in (before.values.raw.grid, values.raw.grid)]
    if before.values.raw.names != values.raw.names or grids[0] != grids[1]:
        raise ValueError("a rerun has the rows and intervals of the version before it")
    return _next(before, _edited(values, before.values.edits), Kind.RERUN, correction)


def edited(before: Version, edits: Iterable[Edit], *, correction: str = "") -> Version:
    """The next version, with values put in by persons. Raises `EditRefused`, `FrozenValues`."""
    instants = [_instant(edit) for edit in edits]
    return _next(before, _edited(before.values, sorted(instants, key=lambda edit: edit.at)), Kind.EDIT, correction)


def _next(before: Version, values: ValidatedFrame, kind: Kind, correction: str) -> Version:
    changed = _changed(before.values, values)
    if not changed.any():
        return before
    amounts = (before.values.steps != values.steps) | (
        (before.values.source == Source.NONE) != (values.source == Source.NONE)
    )
    touched = amounts & before.frozen
    if touched.any():
        if not correction.strip():
            rows, places = np.nonzero(touched)
            start = values.raw.grid.start(int(places[0])).isoformat()
            raise FrozenValues(values.raw.names[int(rows[0])], start, len(rows))
        kind = Kind.CORRECTION
    return Version(before.number + 1, kind, values, before.frozen.copy(), changed, correction)


def _changed(before: ValidatedFrame, after: ValidatedFrame) -> Mask:
    """By value or by provenance."""
    found = before.steps != after.steps
    for name in ("source", "method", "reason", "failed"):
        found |= getattr(before, name) != getattr(after, name)
    if before.parameters != after.parameters:
        found |= True
    for edit in set(after.edits) - set(before.edits):
        found[after.raw.names.index(edit.name), _place(after, edit)] = True
    return np.asarray(found)


def _edited(values: ValidatedFrame, edits: Sequence[Edit]) -> ValidatedFrame:
    if not edits:
        return values
    steps, source, method = values.steps.copy(), values.source.copy(), values.method.copy()
    for edit in edits:
        if not (edit.user.strip() and edit.reason.strip()):
            raise EditRefused(f"an edit of {edit.name} without a user or a reason")
        if edit.name not in values.raw.names:
            raise EditRefused(f"{edit.name} is none of the rows")
        row, at = values.raw.names.index(edit.name), _place(values, edit)
        if edit.steps < 0 and not values.raw.signed[row]:
            raise EditRefused(f"{edit.steps} steps for {edit.name}, whose register counts one way")
        steps[row, at], source[row, at], method[row, at] = edit.steps, Source.EDITED, Method.EDIT
    kept = tuple(dict.fromkeys((*values.edits, *edits)))
    return replace(values, steps=steps, source=source, method=method, edits=kept)


def _instant(edit: Edit) -> Edit:
    """With times in UTC: in the hour that comes twice, two times of one zone are equal by the wall clock."""
    if edit.start.tzinfo is None or edit.at.tzinfo is None:
        raise EditRefused(f"an edit of {edit.name} with a time without zone")
    return replace(edit, start=edit.start.astimezone(UTC), at=edit.at.astimezone(UTC))


def _place(values: ValidatedFrame, edit: Edit) -> int:
    place = values.raw.grid.place(edit.start)
    if place is None or place == len(values.raw.grid):
        raise EditRefused(f"{edit.start.isoformat()} begins no interval of {edit.name}")
    return place
