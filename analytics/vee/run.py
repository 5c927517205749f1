"""VEE of many meters: the checks of the table, then estimation of what is missing or does not hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np

from analytics.day_types import Calendar
from analytics.vee.checks import PROLONGED, TABLE, limit, runs, widened
from analytics.vee.estimate import UNFILLED, Row, estimated
from analytics.vee.frame import Frame, History, Mask, Profiles
from analytics.vee.parameters import Parameters
from analytics.vee.shapes import days
from analytics.vee.validated import NAMES, Finding, Method, Source, ValidatedFrame

_CHUNK: Final = 256
"""Rows at a time: what is computed in between stays in the processor's cache, and memory flat."""
_NO_PROFILES: Final[Mapping[str, Mapping[str, np.ndarray[tuple[int, ...], np.dtype[np.int64]]]]] = {}


def run(
    frame: Frame,
    parameters: Parameters,
    calendar: Calendar,
    history: History | None = None,
    profiles: Profiles = _NO_PROFILES,
) -> ValidatedFrame:
    """Every value with its source, rule, reason and the parameters' version. `frame` is kept as it is.

    Raises `YearUnknown` where the calendar does not know a day of frame or history, `ValueError` for a history or a
    profile that does not fit the frame.
    """
    for klass, by_type in profiles.items():
        for day_type, usual in by_type.items():
            if usual.shape != (frame.grid.slots,) or (usual < 0).any():
                raise ValueError(f"profile {klass}, {day_type}: expected {frame.grid.slots} steps, none below 0")
    shape = frame.steps.shape
    made = ValidatedFrame(
        raw=frame,
        steps=np.zeros(shape, np.int64),
        source=np.zeros(shape, np.uint8),
        method=np.zeros(shape, np.uint8),
        reason=np.zeros(shape, np.uint8),
        failed=np.zeros(shape, np.uint32),
        classed=np.zeros(shape, np.bool_),
        findings=(),
        parameters=parameters.version,
    )
    findings: list[Finding] = []
    cuts = _cuts(frame)
    for since, until in pairwise(cuts):
        part = frame.rows(since, until)
        older = None if history is None else history.rows(since, until)
        view = ValidatedFrame(
            part, made.steps[since:until], made.source[since:until], made.method[since:until],
            made.reason[since:until], made.failed[since:until], made.classed[since:until], (), parameters.version,
        )  # fmt: skip
        good = _check(view, parameters, older, findings)
        _fill(view, good, parameters, calendar, older, profiles, findings)
        _prolonged(view, parameters, older, findings)
    findings.sort()
    return ValidatedFrame(
        frame, made.steps, made.source, made.method, made.reason, made.failed, made.classed, tuple(findings),
        parameters.version,
    )  # fmt: skip


def holding(frame: Frame, parameters: Parameters) -> Mask:
    """Which values `run` will leave as they are: a row of which all hold needs no history."""
    good = frame.present.copy()
    for check in TABLE:
        if getattr(parameters.checks, check.name).action == "estimate":
            good &= ~widened(check.function(frame, parameters.checks, None), check.scope, frame.grid)
    return good


def _cuts(frame: Frame) -> list[int]:
    """Where rows may be cut apart: siblings stay together."""
    count = len(frame.names)
    own = np.arange(count)
    reach = np.maximum.accumulate(np.maximum.reduce([own, frame.reactive, frame.export]))
    lows = [np.where(sibling < 0, own, sibling) for sibling in (frame.reactive, frame.export)]
    down = np.minimum.accumulate(np.minimum.reduce([own, *lows])[::-1])[::-1]
    cuts = [0]
    for at in range(1, count):
        if at - cuts[-1] >= _CHUNK and reach[at - 1] < at <= down[at]:
            cuts.append(at)
    return [*cuts, count] if count else [0]


def _check(view: ValidatedFrame, parameters: Parameters, history: History | None, findings: list[Finding]) -> Mask:
    """Which values hold; marks what failed, and why a value does not hold."""
    good = view.raw.present.copy()
    for check in TABLE:
        number = NAMES.index(check.name)
        action = getattr(parameters.checks, check.name).action
        if action == "off":
            continue
        fails = check.function(view.raw, parameters.checks, history)
        if not fails.any():
            continue
        cells = widened(fails, check.scope, view.raw.grid)
        np.bitwise_or(view.failed, np.uint32(1 << number), out=view.failed, where=cells)
        if action == "estimate":
            np.copyto(view.reason, np.uint8(number + 1), where=cells & (view.reason == 0))
            good &= ~cells
        _tell(view, cells, check.name, action, findings)
    np.copyto(view.reason, np.uint8(NAMES.index("missing") + 1), where=~view.raw.present & (view.reason == 0))
    return good


def _tell(view: ValidatedFrame, cells: Mask, check: str, action: str, findings: list[Finding]) -> None:
    last = cells.shape[1] - 1
    for row in np.nonzero(cells.any(axis=1))[0].tolist():
        own = cells[row]
        first, final = int(own.argmax()), last - int(own[::-1].argmax())
        findings.append(Finding(view.raw.names[row], check, action, first, final, int(own.sum())))


def _fill(
    view: ValidatedFrame, good: Mask, parameters: Parameters, calendar: Calendar, history: History | None,
    profiles: Profiles, findings: list[Finding],
) -> None:  # fmt: skip
    frame = view.raw
    np.copyto(view.steps, frame.steps, where=good)
    np.copyto(view.method, np.where(good, np.uint8(Method.RAW), np.uint8(UNFILLED)))
    needy = np.nonzero(~good.all(axis=1))[0].tolist()
    known = days(frame, good, history, calendar) if needy else None
    totals: dict[int, list[tuple[int, int, int]]] = {}
    for at, first, last, steps in zip(*(column.tolist() for column in frame.totals), strict=True):
        totals.setdefault(at, []).append((first, last, steps))
    for at in needy:
        assert known is not None
        row = Row(
            frame, at, view.steps[at], view.method[at], totals.get(at, []), known, {}, profiles,
            view.classed[at], parameters, [],
        )  # fmt: skip
        estimated(row)
        for first, last in row.contradicted:
            view.failed[at, first:last] |= np.uint32(1 << NAMES.index("sum"))
            findings.append(Finding(frame.names[at], "sum", "review", first, last - 1, last - first))
    if needy and parameters.checks.limit.action != "off":
        _recheck(view, good, parameters, findings)
    none = view.method == UNFILLED
    np.copyto(view.source, np.uint8(Source.ACTUAL), where=good)
    np.copyto(view.source, np.uint8(Source.ESTIMATED), where=~good & ~none & ~frame.present)
    np.copyto(view.source, np.uint8(Source.SUBSTITUTED), where=~good & ~none & frame.present)
    np.copyto(view.method, np.uint8(Method.NONE), where=none)


def _recheck(view: ValidatedFrame, good: Mask, parameters: Parameters, findings: list[Finding]) -> None:
    """An estimate above what the connection can carry holds, for want of a better one, and a person is told."""
    filled = replace(view.raw, steps=view.steps, present=~good & (view.method != UNFILLED))
    above = limit(filled, parameters.checks, None)
    if above.any():
        np.bitwise_or(view.failed, np.uint32(1 << NAMES.index("limit")), out=view.failed, where=above)
        _tell(view, above, "limit", "review", findings)


def _prolonged(view: ValidatedFrame, parameters: Parameters, history: History | None, findings: list[Finding]) -> None:
    """Days in a row with a value that is not the meter's, those at the end of the history before them."""
    rule = parameters.checks.prolonged
    if rule.action == "off":
        return
    grid = view.raw.grid
    ours = (view.source != Source.ACTUAL) & (view.method != Method.OUTAGE)
    by_day = np.where(grid.layout >= 0, ours[:, grid.layout], False).any(axis=2)
    before = np.zeros(len(view.raw.names), np.int64) if history is None else history.estimated_days
    longest = min(int(before.max(initial=0)), rule.days)
    behind = np.arange(longest, 0, -1)[None, :] <= before[:, None]
    long = runs(np.concatenate([behind, by_day], axis=1), rule.days)[:, longest:]
    if long.any():
        cells = long[:, grid.day]
        view.failed[cells] |= np.uint32(1 << NAMES.index(PROLONGED))
        _tell(view, cells, PROLONGED, rule.action, findings)
